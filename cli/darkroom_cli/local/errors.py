"""Ends a local command cleanly: with a message for an expected error, and without running processes after a signal."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import NoReturn

import typer

from darkroom_cli.console import exit_codes

Errors = tuple[type[Exception], ...]


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Run a local command inside this block. An expected error ends the command with a message and an exit code.

    SIGTERM and SIGHUP are turned into SystemExit, so that the command still stops all its processes.
    """
    from darkroom_local.run.leaving import HungUp, handled
    from darkroom_local.run.progress_display import visible

    try:
        with handled(_terminated, (signal.SIGTERM, signal.SIGHUP)):
            yield
    except Exception as error:
        wrong, failed = _expected()
        if not isinstance(error, (*wrong, *failed)):
            raise
        for line in str(error).splitlines():
            typer.echo(visible(line), err=True)
        _echo_notes(error)
        raise typer.Exit(exit_codes.NOT_POSSIBLE if isinstance(error, wrong) else exit_codes.REPEAT) from None
    except KeyboardInterrupt as interrupt:
        typer.echo("interrupted", err=True)
        _echo_notes(interrupt)
        raise typer.Exit(exit_codes.HUNG_UP if isinstance(interrupt, HungUp) else exit_codes.INTERRUPTED) from None
    except SystemExit as termination:
        _echo_notes(termination)
        raise


def _expected() -> tuple[Errors, Errors]:
    """Return the error types of wrong options (exit code 2), and those of everything else that may fail (exit code 1).

    The optional packages must be installed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from darkroom_local.folder.uploads import UnusableSetting
    from darkroom_local.machine.child_processes import ChildFailed
    from darkroom_local.results.accounts import AccountInUse, AccountUnwritable
    from darkroom_local.run.credits_csv import Unwritable
    from darkroom_local.run.folder_run import Stalled
    from darkroom_local.stack.deployment import DeploymentFailed
    from darkroom_local.stack.provider_choice import NotServed
    from darkroom_local.stack.simulator_processes import UnknownVendor

    wrong = (NotServed, UnknownVendor, UnusableSetting)
    # A BotoCoreError means that the embedded cloud no longer answers, a ClientError that it refuses a call.
    return wrong, (
        AccountInUse,
        AccountUnwritable,
        BotoCoreError,
        ClientError,
        ChildFailed,
        DeploymentFailed,
        Stalled,
        Unwritable,
    )


def _echo_notes(error: BaseException) -> None:
    """Print the notes of the error. If a run ended early, they name the pictures that were submitted and have no result."""
    for note in getattr(error, "__notes__", ()):
        typer.echo(note, err=True)


def _terminated(number: int, frame: object) -> NoReturn:
    from darkroom_local.run.leaving import give_up_terminal

    if number == signal.SIGHUP:
        give_up_terminal()
        sys.exit(exit_codes.HUNG_UP)
    sys.exit(exit_codes.TERMINATED)
