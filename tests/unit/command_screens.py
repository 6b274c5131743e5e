"""Writes docs/screens: what commands print on terminals of 80 and 120 columns, on the stack of `showcase`.

`make docs` calls it, and a test compares the files with the commands.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from rich.console import Console
from tests.unit.cli_support import run
from tests.unit.showcase import NOW, showcase, story

from darkroom_cli.batch import live_view, tally
from darkroom_cli.console import terminal

WIDTHS = (80, 120)
HEIGHT = 24
BLOCK = re.compile(r"```\n(\$ darkroom [^\n]*)\n.*?```", re.DOTALL)
COMMANDS = {
    "status": ["status"],
    "jobs": ["jobs"],
    "jobs-since": ["jobs", "--since", "6h"],
    "job-waiting": ["job", "catalog/shoe-1.jpg"],
    "job-in-doubt": ["job", "f6d67c07"],
    "job-runs": ["job", "spring/harbour.jpg"],
    "job-completed": ["job", "s3://darkroom-out/spring/lake.jpg"],
    "report-months": ["report"],
    "report-folders": ["report", "--by", "folder"],
    "report-models": ["report", "--by", "model"],
}


def screens() -> Iterator[tuple[str, str]]:
    """Yield the name of each file and its text. It needs the stack of `showcase`."""
    for width in WIDTHS:
        for name, words in COMMANDS.items():
            yield f"{name}-{width}.txt", _screen(width, words, lambda words=words: run(*words).output)  # type: ignore[misc]
        yield f"jobs-watch-{width}.txt", _screen(width, ["jobs", "--watch", "--since", "6h"], _watched)


def _screen(width: int, words: list[str], printed: Callable[[], str]) -> str:
    """Return the command and what it prints on a terminal of that width, without colours."""

    def console() -> Console:
        return Console(
            width=width, height=HEIGHT, force_terminal=True, color_system=None, highlight=False, file=sys.stdout
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "console", console)
        lines = [line.rstrip() for line in printed().splitlines()]
    return "\n".join([f"$ darkroom {' '.join(words)}", *lines, ""])


def _watched() -> str:
    """Return the picture of the batch that `darkroom jobs --watch` draws."""
    console = terminal.console()
    with console.capture() as captured:
        console.print(live_view.view(story(), tally.progress(story(), NOW), console))
    return captured.get()


def with_screens(page: str, files: Mapping[str, str]) -> str:
    """Return the page with what commands print now. A block of the page that begins with the command of a screen is that screen,
    on the narrower terminal."""
    shown = {text.split("\n", 1)[0]: text for name, text in files.items() if name.endswith(f"-{min(WIDTHS)}.txt")}
    return BLOCK.sub(lambda block: f"```\n{shown[block[1]]}```" if block[1] in shown else block[0], page)


def write(folder: Path) -> None:
    """Write the files, remove those of screens that are no more, and write the examples of docs/commands.md."""
    folder.mkdir(exist_ok=True)
    with showcase():
        files = dict(screens())
    for path in folder.glob("*.txt"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    page = folder.parent / "commands.md"
    page.write_text(with_screens(page.read_text(encoding="utf-8"), files), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
