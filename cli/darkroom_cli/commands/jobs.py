"""`darkroom jobs`: lists jobs, and says of each why it is where it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom.errors import ErrorCode
from darkroom.model import JobStatus
from darkroom_cli.console import exit_codes
from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsCsv, AsJsonLines, only_one_form, print_csv, print_json_lines
from darkroom_cli.options import completion
from darkroom_cli.options.choices import offered, parser
from darkroom_cli.options.times import Day, Since, Until, span
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

if TYPE_CHECKING:
    from darkroom.model import Job
    from darkroom_cli.stack.deployment import Deployment
    from darkroom_cli.stack.job_selection import Selection

LISTED = 100  # how many jobs a table shows if nothing else is asked for
# An index lists a new job within seconds. Each look at a batch begins so much before the last one.
INDEX_LAG = timedelta(seconds=15)
MOST_OPEN = 500  # open jobs that one look at a batch reads from their index
app = typer.Typer()

Status = Annotated[
    JobStatus | None,
    typer.Option(
        parser=parser(JobStatus, "status"),
        metavar="STATUS",
        help="Only jobs with this status, for example FAILED.",
        autocompletion=offered(JobStatus),
    ),
]
Code = Annotated[
    ErrorCode | None,
    typer.Option(
        parser=parser(ErrorCode, "error code"),
        metavar="CODE",
        help="Only jobs with this error code, for example BudgetExceeded.",
        autocompletion=offered(ErrorCode),
    ),
]
Label = Annotated[str | None, typer.Option(metavar="TEXT", help="Only jobs with this label.")]
Prefix = Annotated[str | None, typer.Option(metavar="TEXT", help="Only uploads whose key begins so.")]
Model = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only jobs with this model.", autocompletion=completion.models)
]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="Only uploads with this key, at any time. s3://bucket/key works too.")
]
Limit = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help=f"List the newest N jobs. [{LISTED} in a table, all in JSON and CSV]"),
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch", "-w", help="Show the jobs while they are worked on, until Ctrl-C, which changes nothing about them."
    ),
]


@app.command()
def jobs(
    status: Status = None,
    code: Code = None,
    label: Label = None,
    prefix: Prefix = None,
    model: Model = None,
    key: Key = None,
    since: Since = None,
    until: Until = None,
    day: Day = None,
    limit: Limit = None,
    watch: Watch = False,
    as_json: AsJsonLines = False,
    as_csv: AsCsv = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """List unfinished jobs and why they wait, or any others.

    Without options, only unfinished jobs are listed. With a final status, a code, a label, a prefix, a model or a time, all
    uploads of that time are looked through, or else those of the last 31 days.
    """
    only_one_form(as_json, as_csv)
    since, until = span(since, until, day)
    if watch and (status or code or key or until or limit or as_csv):
        raise typer.BadParameter("--watch can be used with --label, --prefix, --model, --since and --json only")
    with reported():
        from darkroom_cli.stack.job_selection import Selection

        asked = Selection(
            status=status, code=code, label=label, prefix=prefix, model=model, key=key, since=since, until=until
        )  # fmt: skip
        deployed = deployment.connect(stack)
        if watch:
            _watch(deployed, asked, as_json)
        else:
            _list(deployed, asked, limit, as_json, as_csv)


def _list(deployed: Deployment, asked: Selection, limit: int | None, as_json: bool, as_csv: bool) -> None:
    from darkroom_cli.jobs import tables
    from darkroom_cli.stack import job_selection

    now = deployed.clock()
    most = limit if limit or as_json or as_csv else LISTED
    found, is_cut = job_selection.select(deployed, asked, now, most)
    if as_json:
        print_json_lines(map(tables.public, found))
    elif as_csv:
        print_csv(tables.CSV_COLUMNS, map(tables.csv_row, found))
    else:
        _print(found, asked, now)
    if asked.looks_back:
        typer.echo(
            f"looked at uploads since {asked.first(now):%Y-%m-%d %H:%M} UTC; --since goes further back", err=True
        )
    if is_cut:
        typer.echo(f"{len(found):,} are listed, and there are more; --limit lists more", err=True)


def _print(found: list[Job], asked: Selection, now: datetime) -> None:
    from darkroom_cli.console import terminal
    from darkroom_cli.jobs import tables

    if not found:
        say(_nothing_found(asked))
        return
    console = terminal.console()
    in_window = console.is_terminal
    console.print(tables.jobs_table(found, console.width, now) if in_window else tables.whole_table(found))
    console.print(tables.summary(found), markup=False)


def _nothing_found(asked: Selection) -> str:
    """Return the words for an empty list. A model that no provider has is told with the nearest right name."""
    from darkroom import catalog
    from darkroom.setting_words import did_you_mean, quoted
    from darkroom.spelling import closest

    if asked.is_of_open_jobs and not asked.status:
        return "no job is open"
    if asked.model is None:
        return "no job matches" if asked.key is None else f"no job of {quoted(asked.key)} matches"
    books = [catalog.load(provider) for provider in catalog.providers()]
    if any(book.find_model(asked.model.removeprefix(f"{book.provider}/")) for book in books):
        return f"no job with the model {quoted(asked.model)} matches"
    near = closest(asked.model, [name for book in books for name in book.models])
    return f"no job with the model {quoted(asked.model)}, which no provider has{did_you_mean(near)}"


def _watch(deployed: Deployment, asked: Selection, as_json: bool) -> None:
    from darkroom_cli.batch import live_view
    from darkroom_cli.stack.batch_reader import BatchReader

    def discover(looked_at: datetime | None, now: datetime) -> Iterable[Job]:
        return filter(asked.is_in_batch, _new(deployed, asked, looked_at, now))

    try:
        live_view.watch(BatchReader(deployed.operator_ledger.find, discover), deployed.clock, as_json=as_json)
    except KeyboardInterrupt:
        typer.echo("the jobs go on; the same command shows them again", err=True)
        raise typer.Exit(exit_codes.INTERRUPTED) from None


def _new(deployed: Deployment, asked: Selection, looked_at: datetime | None, now: datetime) -> Iterator[Job]:
    """Yield jobs that may have joined the batch since the last look. At first, these are the uploads since `since`, or else the
    open jobs."""
    from darkroom_cli.stack import job_selection

    if looked_at is None and asked.since:
        return deployed.job_queries.uploaded(asked.since, now)
    came = deployed.job_queries.uploaded(looked_at - INDEX_LAG, now) if looked_at else iter(())
    return came if asked.since else chain(islice(job_selection.open_jobs(deployed, asked), MOST_OPEN), came)
