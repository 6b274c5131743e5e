"""Shows a run to the operator: live rows on a terminal, and elsewhere a line for each picture when its job is over.

Every text from a file name, a bucket or a provider is escaped, so that it shows no control characters and no markup.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from darkroom import catalog
from darkroom.model import JobStatus
from darkroom_local.folder.uploads import Item
from darkroom_local.results.job_views import JobView

_PLAIN_WIDTH = 170  # the width of a line in characters, if there is no terminal
_ROWS_SHOWN = 15
_REASONS_SHOWN, _REASONS_TOLD = 3, 20  # for which jobs wait: at once on a terminal, in all elsewhere
_DRAINING = "Nothing more is sent. Waiting for the jobs that were submitted; press Ctrl-C to leave immediately."
STYLES = {
    JobStatus.COMPLETED: "green", JobStatus.FAILED: "red", JobStatus.REJECTED: "red",
    JobStatus.CANCELLED: "red", JobStatus.IN_DOUBT: "bold red", JobStatus.SKIPPED: "dim",
}  # fmt: skip


class Progress(Protocol):
    """Shows jobs while they run."""

    def update(self, jobs: Mapping[str, tuple[Item, JobView]]) -> None:
        """Show the present state of each job."""

    def draining(self) -> None:
        """From now on, show how many of the submitted jobs are over. The run leaves after the last of them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def visible(text: object) -> str:
    """Return the text with every character that a terminal would obey (a control character, a change of direction) as an escape
    such as `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def console(stream_is_terminal: bool | None = None, *, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error. Without a terminal, it has a fixed large width."""
    made = Console(highlight=False, soft_wrap=False, force_terminal=stream_is_terminal, stderr=stderr)
    return made if made.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH, stderr=stderr)


def progress(to: Console) -> Progress:
    """Return the display for that console: live rows on a terminal, plain lines elsewhere."""
    return LiveProgress(to) if to.is_terminal else PlainProgress(to)


class PlainProgress:
    """Prints one line for each job, when the job is over, and one for each reason for which jobs wait."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._shown: set[str] = set()  # ids of jobs
        self._reasons: set[str] = set()  # for which jobs wait
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, jobs: Mapping[str, tuple[Item, JobView]]) -> None:
        """Print a line for each job that has ended since the last call, and for each new reason to wait."""
        for job_id, (item, job) in jobs.items():
            if job.is_over and job_id not in self._shown:
                self._shown.add(job_id)
                self._say(f"{visible(item.key)}  {_end(job)}")
            why = job.waits_because
            if why and why not in self._reasons and len(self._reasons) < _REASONS_TOLD:
                self._reasons.add(why)
                self._say(f"{visible(item.key)}  waits, and is tried again: {visible(why)}")

    def _say(self, line: str) -> None:
        self._console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {line}"), soft_wrap=True)

    def draining(self) -> None:
        """Print that the run waits for the submitted jobs."""
        self._console.print(_DRAINING, soft_wrap=True)


class LiveProgress:
    """Shows a table that is drawn again and again: open jobs first, and a line of totals at the end."""

    def __init__(self, to: Console) -> None:
        self._live = Live(console=to, refresh_per_second=8, transient=True)
        self._is_draining = False

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, jobs: Mapping[str, tuple[Item, JobView]]) -> None:
        """Draw the table again."""
        shown = list(jobs.values())
        self._live.update(Group(_live_view(shown), *(_drain_bar(shown) if self._is_draining else ())))

    def draining(self) -> None:
        """Add a progress bar to the table."""
        self._is_draining = True


def _drain_bar(jobs: Sequence[tuple[Item, JobView]]) -> tuple[RenderableType, ...]:
    sent = [job for _, job in jobs if job.may_be_charged or job.is_over]
    return Text(_DRAINING), ProgressBar(total=len(sent) or 1, completed=sum(job.is_over for job in sent), width=60)


def _live_view(jobs: Sequence[tuple[Item, JobView]]) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for column in ("file", "state", "model", "polls", "expected in"):
        table.add_column(column, no_wrap=column != "file", overflow="ellipsis")
    ordered = sorted(jobs, key=lambda pair: pair[1].is_over)
    for item, job in ordered[:_ROWS_SHOWN]:
        style = STYLES.get(job.status, "") if job.status else "dim"
        table.add_row(
            Text(visible(item.key)),
            Text(job.word, style),
            Text(visible(job.model or "")),
            Text(str(job.polls)),
            Text(_remaining(job)),
        )
    over = sum(job.is_over for _, job in jobs)
    reasons = Counter(why for _, job in jobs if not job.is_over and (why := job.waits_because))
    waits = [Text(f"{number} wait: {visible(why)}") for why, number in reasons.most_common(_REASONS_SHOWN)]
    return Group(table, *waits, Text(f"{over} of {len(jobs)} done", "bold"))


def _end(job: JobView) -> str:
    if job.status is not JobStatus.COMPLETED:
        return " ".join(filter(None, [job.word, visible(job.error_code or "")]))
    return f"{job.word}  {amount(job.credits, job.provider)}  {dollars(job.cost_usd)} USD"


def amount(credits: Decimal | None, provider: str | None) -> str:
    """Return credits with their unit, as in `2 credits` or `500 × 0.0001 USD`."""
    unit = unit_of(provider) or "credits"
    word = unit.removesuffix("s") if credits == 1 else unit
    return f"{number(credits)} {word if unit.isalpha() else f'× {unit}'}"


def _remaining(job: JobView) -> str:
    if job.status is not JobStatus.PROCESSING or job.eta is None:
        return ""
    return _until(job.eta)


def _until(moment: datetime) -> str:
    seconds = round((moment - datetime.now(UTC)).total_seconds())
    return f"{seconds} s" if seconds > 0 else "due"


def unit_of(provider: str | None) -> str:
    """Return the catalog's word for the provider's unit, or an empty text for an unknown provider."""
    return catalog.load(provider).unit if provider in catalog.providers() else ""


def number(value: Decimal | None) -> str:
    """Return an amount without needless zeroes; an empty text for None."""
    return "" if value is None else f"{value.normalize():f}"


def dollars(value: Decimal | None) -> str:
    """Return dollars as text, with at least two decimals. Fractions of a cent, which a credit may cost, are kept."""
    return "" if value is None else f"{value:.2f}" if value == round(value, 2) else number(value)
