"""Shows a batch of jobs while it is worked on, until Ctrl-C or until all of it has ended.

On a terminal it is a table that is drawn in place and never taller than the window. In a file or pipe it is one line for each
change of a job, and with `as_json` one object. Ctrl-C only ends the watching; it changes nothing about the jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from rich.align import Align
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from darkroom.model import Job, JobStatus
from darkroom_cli.batch import tally
from darkroom_cli.batch.tally import Progress
from darkroom_cli.console import terminal
from darkroom_cli.console.errors import say, visible
from darkroom_cli.console.machine_output import print_json
from darkroom_cli.jobs import tables
from darkroom_cli.jobs.wording import why
from darkroom_cli.stack.batch_reader import BatchReader

LOOK_SECONDS = 2.0
GAP = 2  # columns between two cells
STATUS_WIDTH = 10
OWN_LINES = 6  # of the window, for everything but the rows of jobs
# Jobs are shown in this order, so that what needs a person is never out of sight, and the newest results are in it.
ORDER = {JobStatus.IN_DOUBT: 0, JobStatus.FAILED: 1, JobStatus.REJECTED: 1, JobStatus.CANCELLED: 1, JobStatus.PROCESSING: 2,
         JobStatus.SUBMITTING: 2, JobStatus.CLAIMED: 3, JobStatus.COMPLETED: 4, JobStatus.SKIPPED: 5}  # fmt: skip


def pause(seconds: float) -> None:
    """Wait until the next look."""
    time.sleep(seconds)


def watch(
    reader: BatchReader,
    clock: Callable[[], datetime],
    *,
    as_json: bool = False,
    until_ended: bool = False,
    sleep: Callable[[float], None] | None = None,
) -> Progress:
    """Show the batch again and again. Return its counts when all jobs have ended, if `until_ended`; Ctrl-C raises
    KeyboardInterrupt, after the last state was shown. Errors of the ledger are raised. `sleep` waits between two looks."""
    console, found = terminal.console(), Progress()
    looks = _looks(reader, clock, until_ended, sleep or pause)
    if as_json or not console.is_terminal:
        for changed, found in looks:  # noqa: B007 - the last one is returned
            _print_changes(changed, clock(), as_json)
        return found
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for _, found in looks:
            live.update(view(list(reader.jobs.values()), found, console), refresh=True)
    return found


def _looks(
    reader: BatchReader, clock: Callable[[], datetime], until_ended: bool, sleep: Callable[[float], None]
) -> Iterator[tuple[list[Job], Progress]]:
    """Yield the changed jobs and the counts of each look, without end, or until all jobs have ended."""
    while True:
        changed = reader.look(clock())
        found = tally.progress(reader.jobs.values(), clock())
        yield changed, found
        if until_ended and found.total and not found.under_way:
            return
        sleep(LOOK_SECONDS)


def _print_changes(changed: Collection[Job], now: datetime, as_json: bool) -> None:
    for job in sorted(changed, key=lambda job: job.created_at):
        if as_json:
            print_json(tables.public(job))
        else:
            say("  ".join(filter(None, (terminal.moment(now), job.source_key, job.status, why(job)))))


def view(jobs: Sequence[Job], found: Progress, console: Console) -> RenderableType:
    """Return the picture of the batch for a window of the console's size."""
    room = max(console.height - OWN_LINES, 1)
    ordered = sorted(jobs, key=lambda job: (ORDER[job.status], -_changed_at(job).timestamp()))
    shown = sorted(ordered[:room], key=lambda job: (job.created_at, job.source_key))
    hidden = f" … and {len(jobs) - len(shown):,} more" if len(jobs) > len(shown) else ""
    return Group(
        _rows(shown, console.width),
        Text(hidden, "dim", no_wrap=True),
        Align(ProgressBar(total=found.total or 1, completed=found.ended, width=console.width - 1), "left"),
        Text(counts(found), "bold", no_wrap=True, overflow="ellipsis"),
        Text(money(found), no_wrap=True, overflow="ellipsis"),
        Text("Ctrl-C ends the view only; the jobs go on.", "dim", no_wrap=True, overflow="ellipsis"),
    )


def counts(found: Progress) -> str:
    """Return the counts in words, for instance `12 of 50 done, 36 under way, 2 failed; 8 a minute, 5 min left`."""
    if not found.total:
        return "no job yet; uploads appear here as they come"
    said = [f"{found.done:,} of {found.total:,} done", f"{found.under_way:,} under way"]
    said += [f"{found.without_result:,} failed"] if found.without_result else []
    said += [f"{found.in_doubt:,} in doubt"] if found.in_doubt else []
    said += [f"{found.skipped:,} skipped"] if found.skipped else []
    pace = f"; {found.per_minute:,.3g} a minute" if found.per_minute else ""
    left = f", {duration(found.left)} left" if found.left else ""
    return ", ".join(said) + pace + left


def money(found: Progress) -> str:
    """Return what the batch has cost and what is reserved for it, for instance `5.88 USD; topaz: 49 credits + 21 reserved`."""
    said = [f"{found.usd:,.2f} USD"]
    for provider in sorted({*found.credits, *found.reserved}):
        reserved = found.reserved.get(provider)
        more = f" + {terminal.amount(reserved)} reserved" if reserved else ""
        said.append(f"{provider}: {terminal.counted(found.credits.get(provider, Decimal(0)))}{more}")
    return "; ".join(said)


def duration(span: timedelta) -> str:
    """Return a time span in its largest unit, such as `40 s`, `5 min` or `2.5 h`."""
    seconds = span.total_seconds()
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _changed_at(job: Job) -> datetime:
    return job.completed_at or (job.process.submitted_at if job.process else job.created_at)


def _rows(jobs: Collection[Job], width: int) -> Table:
    """Return one line a job: key, status, and as much of the reason as fits."""
    longest = max((cell_len(visible(job.source_key)) for job in jobs), default=1)
    key_width = min(longest, width * 2 // 5)
    said_width = max(width - key_width - STATUS_WIDTH - 2 * GAP, 1)
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for column_width in (key_width, STATUS_WIDTH, said_width):
        table.add_column(min_width=column_width, max_width=column_width, no_wrap=True, overflow="ellipsis")
    for job in jobs:
        key = terminal.cell(terminal.tail(job.source_key, key_width))
        table.add_row(key, tables.status(job), terminal.cell(_said(job)))
    return table


def _said(job: Job) -> str:
    if job.status is JobStatus.COMPLETED:
        return terminal.counted(job.credits or Decimal(0))
    return why(job)
