"""Writes docs/command-help.md: the help of every command, as `darkroom COMMAND --help` prints it on 80 columns.

`make docs` calls it, and a test compares the page with the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

COLUMNS = 80
HEAD = """\
# The help of every command

`make docs` writes this page from the commands; `darkroom COMMAND --help`, or `-h`, prints the same. [commands.md](commands.md)
says what the commands are for.
"""


def page() -> str:
    """Return the page."""
    from darkroom_cli.main import app

    root: Any = typer.main.get_command(app)
    context = root.make_context("darkroom", [], resilient_parsing=True, terminal_width=COLUMNS)
    parts = [f"\n## {words}\n\n```\n{text}\n```\n" for words, text in _helps(root, context)]
    return HEAD + "".join(parts)


def _helps(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Yield the words of a command and its help, then those of its commands."""
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    for name, inner in getattr(command, "commands", {}).items():
        below = inner.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=COLUMNS)
        yield from _helps(inner, below)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
