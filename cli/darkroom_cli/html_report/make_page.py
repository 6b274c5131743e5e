"""Makes the report's page for the commands: `darkroom report --html`, `darkroom local run` and `darkroom local demo`.

This module reads options and prints. The others of this folder do the work, and are imported only when a page is made, because
they need optional packages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darkroom_cli.console import exit_codes
from darkroom_cli.console.errors import reported, say, visible
from darkroom_cli.console.optional_packages import local_extras, report_extras
from darkroom_cli.stack import deployment
from darkroom_cli.stack.job_selection import LOOK_BACK

if TYPE_CHECKING:
    from darkroom_cli.html_report.report_source import ReportSource
    from darkroom_local.results.downloads import Outcome
    from darkroom_local.stack.local_stack import LocalStack

PAGE = "darkroom-report.html"
PICTURES = 200  # that the page has by default; it then stays below 40 MB

AsHtml = Annotated[bool, typer.Option("--html", help="Write a page for a browser: spend, jobs, pictures, failures.")]
Out = Annotated[
    Path | None, typer.Option("--out", dir_okay=False, metavar="FILE", help=f"The page's file. [default: {PAGE}]")
]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
Link = Annotated[bool, typer.Option("--link", help="Link to files instead of putting the pictures into the page.")]
Pictures = Annotated[
    int | None,
    typer.Option("--pictures", min=0, metavar="N", help=f"Only the newest N pictures. [default: {PICTURES}]"),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", exists=True, file_okay=False, help="Of the runs into this folder of results, not of a stack."
    ),
]
Originals = Annotated[
    Path | None,
    typer.Option("--originals", exists=True, file_okay=False, help="With --folder: where its originals are."),
]


@dataclass(frozen=True)
class PageOptions:
    """The options that only a page has. None and False mean that they were not given."""

    out: Path | None = None
    open: bool = False
    link: bool = False
    pictures: int | None = None
    folder: Path | None = None
    originals: Path | None = None

    def check(self, as_html: bool, other_form: bool) -> None:
        """Raise BadParameter if options do not go together."""
        if as_html and other_form:
            raise typer.BadParameter(
                "a page shows every grouping; leave --by, --json and --csv out", param_hint="--html"
            )
        if not as_html and self != PageOptions():
            names = ", ".join(f"--{name}" for name, value in vars(self).items() if value not in (None, False))
            raise typer.BadParameter(f"only --html makes a page; add it, or leave {names} out", param_hint=names)
        if self.originals and not self.folder:
            raise typer.BadParameter(
                "a stack's originals are in its input bucket; add --folder", param_hint="--originals"
            )


def make(options: PageOptions, stack: str, since: datetime | None, until: datetime | None) -> None:
    """Write the page of a stack or of a folder of results, and say so."""
    with report_extras("report --html"):
        from darkroom_cli.html_report import page_contents, page_file, stack_source  # noqa: F401 - `_write` needs them
    if options.folder:
        with local_extras("report --html --folder"):
            from darkroom_cli.html_report import run_source
        folders = run_source.Folders(options.originals, options.folder)
        with _told(run_source.NoAccount):
            _write(run_source.of_folder(folders, since, until), options)
        return
    with reported():
        deployed = deployment.connect(stack)
        end = until or deployed.clock()
        _write(stack_source.of_stack(deployed, stack, since or end - LOOK_BACK, end), options)


def of_run(
    outcomes: Iterable[Outcome],
    out: Path,
    originals: Path,
    command: str,
    tell: Callable[[str], None],
    *,
    is_real: bool,
) -> None:
    """Write the page of a folder of results into that folder, after a run with these outcomes. `command` does the rest.
    `is_real` says whether the run had a real key. See `_after_a_run`."""
    from darkroom_cli.html_report import run_source
    from darkroom_cli.html_report.report_source import NotUploaded

    folders = run_source.Folders(originals, out)
    left = [NotUploaded(one.item.key, one.message, one.cure) for one in outcomes if not one.job.job_id]

    def read() -> ReportSource:
        return replace(run_source.of_folder(folders, is_real=is_real, again=command), not_uploaded=left)

    with contextlib.suppress(run_source.NoAccount):  # nothing was sent in any run
        _after_a_run(read, out, tell)


def of_demo(stack: LocalStack, out: Path, originals: Path, results: Path, tell: Callable[[str], None]) -> None:
    """Write the page of the demo into `out`, as long as its stack stands. See `_after_a_run`."""
    from darkroom_cli.html_report import run_source

    _after_a_run(lambda: run_source.of_demo(stack, run_source.Folders(originals, results)), out, tell)


def _after_a_run(read: Callable[[], ReportSource], out: Path, tell: Callable[[str], None]) -> None:
    """Write a page of what `read` returns. Whatever fails is told and is no failure of the run, whose results are saved. Raises
    NoAccount."""
    from rich.console import Console

    from darkroom_cli.html_report import page_contents, page_file, run_source

    target = out / PAGE
    try:
        with Console(stderr=True).status("Writing the page …") as status:  # large pictures take a second each, or more
            contents = page_contents.gather(
                read(), PICTURES, lambda done: status.update(f"Writing the page: {done} pictures …")
            )
            page_file.save(contents, target)
    except run_source.NoAccount:
        raise
    except page_file.NotWritable as error:
        tell(f"There is no page of this run: {error}")
    except Exception as error:
        tell(f"There is no page of this run, because of a fault in Darkroom: {type(error).__name__}: {error}")
    else:
        tell(f"Before and after, spend and failures, for a browser: {target}")


def _write(source: ReportSource, options: PageOptions) -> None:
    from rich.console import Console

    from darkroom_cli.html_report import page_contents, page_file

    target = options.out or Path(PAGE)
    most = PICTURES if options.pictures is None else options.pictures
    is_new_folder = not target.parent.exists()
    with _told(page_file.NotWritable), Console(stderr=True).status("Reading pictures …") as status:
        page_file.check(target)  # before pictures are read, which costs time and at AWS money
        contents = page_contents.gather(source, most, lambda done: status.update(f"{done} pictures …"))
        page_file.save(contents, target, link=options.link)
    if is_new_folder:
        say(f"The folder {target.parent} was not there, and was made.")
    size = target.stat().st_size
    say(f"{target}: {len(source.jobs):,} uploads, {contents.previews:,} pictures, {size / 1_000_000:,.1f} MB")
    if options.open:
        import webbrowser

        if not webbrowser.open(target.resolve().as_uri()):
            say("No browser was found. Open that file in one.")


@contextlib.contextmanager
def _told(*expected: Any) -> Iterator[None]:
    try:
        yield
    except expected as error:
        typer.echo(visible(error), err=True)
        raise typer.Exit(exit_codes.NOT_POSSIBLE) from None
