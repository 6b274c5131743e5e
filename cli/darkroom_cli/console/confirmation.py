"""Asks before a command does what cannot be undone or costs money. All commands ask here, and `--yes` always means the same.

The question is printed on standard error, so that standard output has the results only.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from darkroom_cli.console import exit_codes
from darkroom_cli.console.errors import fitted

AGREED = ("y", "yes")  # every other answer means no
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what the command asks, without a question.")]


def agree(question: str, yes: bool, unchanged: str = "nothing was changed") -> None:
    """Return if the person agrees to the question, or `yes` is true. Otherwise end the command.

    `unchanged` says what was left as it was. The exit code is 1, or 130 after Ctrl-C. Without a terminal, an answer is read
    from standard input; at its end, the message names --yes.
    """
    if yes:
        return
    typer.echo(f"{fitted(f'{question} [y/N]:', err=True)} ", nl=False, err=True)
    try:
        answer = sys.stdin.readline()  # typer.confirm would write to standard output too
    except KeyboardInterrupt:
        _end(f"\n{unchanged}", exit_codes.INTERRUPTED)
    if not answer:
        _end(f"\nnobody answered, so {unchanged}; add --yes to agree without a question", exit_codes.REPEAT)
    if answer.strip().lower() not in AGREED:
        _end(unchanged, exit_codes.REPEAT)


def _end(text: str, code: int) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code) from None
