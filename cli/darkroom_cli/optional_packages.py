"""Turns a missing optional package into a sentence that says what to install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

ADVICE = "needs the local extras, which are not installed here: from the checkout: pip install '.[local]'"


@contextlib.contextmanager
def local_extras(command: str) -> Iterator[None]:
    """Around imports of `darkroom_local`: a third-party package that is missing ends the command with code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"darkroom", "darkroom_cli", "darkroom_local"}:
            raise
        typer.echo(f"`darkroom {command}` {ADVICE} (missing: {error.name})", err=True)
        raise typer.Exit(2) from None
