"""Ends a command whose optional package is missing with a sentence that says what to install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

ADVICE = "needs the local extras, which are not installed here; install them from the checkout: pip install '.[local]'"


@contextlib.contextmanager
def local_extras(command: str) -> Iterator[None]:
    """Wrap imports of `darkroom_local`. If a third-party package is missing, the command ends with code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"darkroom", "darkroom_cli", "darkroom_local"}:
            raise
        typer.echo(f"`darkroom {command}` {ADVICE} (missing: {error.name})", err=True)
        raise typer.Exit(2) from None
