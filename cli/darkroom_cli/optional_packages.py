"""Ends a command if it needs an optional package that is missing. The message says what to install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from darkroom_cli import exit_codes

ADVICE = (
    "needs optional packages that are not installed. Install them in the checkout of Darkroom: pip install '.[local]'"
)


@contextlib.contextmanager
def local_extras(command: str) -> Iterator[None]:
    """Import `darkroom_local` inside this block. If a third-party package is missing, the command ends with code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"darkroom", "darkroom_cli", "darkroom_local"}:
            raise
        typer.echo(f"`darkroom {command}` {ADVICE} (missing: {error.name})", err=True)
        raise typer.Exit(exit_codes.NOT_POSSIBLE) from None
