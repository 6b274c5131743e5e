"""Ends a command if it needs an optional package that is missing. The message says what to install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from darkroom_cli.console import exit_codes


@contextlib.contextmanager
def extras(command: str, name: str) -> Iterator[None]:
    """Import modules inside this block that need the optional packages called `name`. If one of them is missing, the command
    ends with code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"darkroom", "darkroom_cli", "darkroom_local"}:
            raise
        typer.echo(
            f"`darkroom {command}` needs optional packages that are not installed. Install them in the checkout of Darkroom: "
            f"pip install '.[{name}]' (missing: {error.name})",
            err=True,
        )
        raise typer.Exit(exit_codes.NOT_POSSIBLE) from None


def local_extras(command: str) -> contextlib.AbstractContextManager[None]:
    """Return the block in which a command imports `darkroom_local`."""
    return extras(command, "local")


def report_extras(command: str) -> contextlib.AbstractContextManager[None]:
    """Return the block in which a command imports `darkroom_cli.html_report`."""
    return extras(command, "report")
