"""Bars that show how far a command is, on standard error and only if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show how many of `total` things are done. Yield what counts one."""
    with _shown(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


@contextmanager
def moving(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Show how many of the bytes are moved, and how fast. Yield what counts some bytes; any thread may call it."""
    with _shown(TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("", total=total_bytes)
        yield lambda number: bar.advance(task, number)


@contextmanager
def _shown(*columns: ProgressColumn) -> Iterator[Progress]:
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar
