"""Shows a run to the operator: live rows on a terminal, plain lines elsewhere, and a closing table.

Every text from a file name, a bucket or a provider is escaped, so that it shows no control characters and no markup.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from darkroom import catalog
from darkroom.model import JobStatus
from darkroom_local.folder_uploads import Item
from darkroom_local.job_views import JobView
from darkroom_local.result_downloads import Outcome

_PLAIN_WIDTH = 170  # the width of the closing table in characters, if there is no terminal
_ROWS_SHOWN = 15
_LEFT_SHOWN = 20
_DRAINING = "Nothing more is sent. Waiting for the jobs that were submitted; press Ctrl-C to leave immediately."
_STYLES = {
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


def console(stream_is_terminal: bool | None = None) -> Console:
    """Return a console on standard output. Without a terminal, it has a fixed large width."""
    made = Console(highlight=False, soft_wrap=False, force_terminal=stream_is_terminal)
    return made if made.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


def progress(to: Console) -> Progress:
    """Return the display for that console: live rows on a terminal, plain lines elsewhere."""
    return LiveProgress(to) if to.is_terminal else PlainProgress(to)


class PlainProgress:
    """Prints one line whenever a job's state or number of polls changes."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._shown: dict[str, tuple[str, int]] = {}
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, jobs: Mapping[str, tuple[Item, JobView]]) -> None:
        """Print a line for each job that has changed."""
        for job_id, (item, job) in jobs.items():
            if self._shown.get(job_id) != (job.word, job.polls):
                self._shown[job_id] = (job.word, job.polls)
                line = f"{visible(item.key)}  {_state(job)}"
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
        style = _STYLES.get(job.status, "") if job.status else "dim"
        table.add_row(
            Text(visible(item.key)),
            Text(job.word, style),
            Text(visible(job.model or "")),
            Text(str(job.polls)),
            Text(_remaining(job)),
        )
    over = sum(job.is_over for _, job in jobs)
    return Group(table, Text(f"{over} of {len(jobs)} done", "bold"))


def _state(job: JobView) -> str:
    parts = [job.word]
    if job.status is JobStatus.PROCESSING:
        parts += [visible(f"{job.provider}/{job.model}"), f"polled {job.polls} times", _remaining(job)]
    if job.status is JobStatus.COMPLETED:
        parts += [f"credits: {_number(job.credits)}", f"USD: {_dollars(job.cost_usd)}"]
    return "  ".join(part for part in parts if part)


def _remaining(job: JobView) -> str:
    if job.status is not JobStatus.PROCESSING or job.eta is None:
        return ""
    return _until(job.eta)


def _until(moment: datetime) -> str:
    seconds = round((moment - datetime.now(UTC)).total_seconds())
    return f"{seconds} s" if seconds > 0 else "due"


def closing_table(outcomes: Iterable[Outcome]) -> Table:
    """Return the table of files, sizes, models, credits and dollars. At its end are each provider's sum in the provider's unit,
    and the sum of dollars."""
    rows = list(outcomes)
    table = Table(box=box.SIMPLE, show_footer=True, pad_edge=False)
    table.add_column("file", f"{len(rows)} files", overflow="fold")
    for name in ("from", "to", "provider", "model"):
        table.add_column(name, overflow="fold")
    table.add_column("credits", justify="right")
    table.add_column("USD", _dollars(_total(o.job.cost_usd for o in rows)), justify="right")
    table.add_column("status", f"{sum(o.is_completed for o in rows)} completed")
    for outcome in rows:
        job = outcome.job
        table.add_row(
            Text(visible(outcome.item.key)),
            Text(str(outcome.size or "no picture")),
            Text(str(outcome.result_size or "")),
            Text(visible(job.provider or "")),
            Text(visible(job.model or "")),
            _number(job.credits),
            _dollars(job.cost_usd),
            Text(outcome.word, _STYLES.get(job.status, "") if job.status else "red"),
        )
    table.add_section()
    for provider in sorted({o.job.provider for o in rows if o.job.provider and o.job.credits is not None}):
        table.add_row("", "", "", Text(visible(provider)), *_sums([o for o in rows if o.job.provider == provider]))
    return table


def _sums(rows: Sequence[Outcome]) -> tuple[Text | str, ...]:
    """Return the cells of one provider's line of sums, from the column `model` on."""
    unit = unit_of(rows[0].job.provider)
    return (
        Text(f"sum, in {unit}" if unit else "sum", "dim"),
        _number(_total(o.job.credits for o in rows)),
        _dollars(_total(o.job.cost_usd for o in rows)),
        f"{sum(o.is_completed for o in rows)} completed",
    )


def unit_of(provider: str | None) -> str:
    """Return the catalog's word for the provider's unit, or an empty text for an unknown provider."""
    return catalog.load(provider).unit if provider in catalog.providers() else ""


def _total(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def failures(outcomes: Iterable[Outcome]) -> list[Text]:
    """Return a text for each file without a result. It has the error code, the message, and what to do."""
    texts: list[Text] = []
    for outcome in outcomes:
        if outcome.is_failure:
            head = f"{visible(outcome.item.key)}: {visible(outcome.code or outcome.word)}"
            said = [f"  {visible(line)}" for line in (outcome.message, outcome.cure and f"→ {outcome.cure}") if line]
            texts.append(Text("\n".join([head, *said])))
    return texts


def left_behind(done: Sequence[Outcome], charged: Sequence[Outcome], out: Path) -> str:
    """Return the message of a run that ended early. It says how many results are saved, what they cost, and which pictures a
    provider has and may charge."""
    cost = _dollars(_total(outcome.job.cost_usd for outcome in done))
    lines = [f"{len(done)} done for {cost} USD, in {visible(out)}."]
    if charged:
        lines.append(
            f"{len(charged)} submitted and not finished. They may be charged. Run the same command again to get their results:"
        )
        lines += [f"  {visible(o.item.key)}  {_process(o.job)}" for o in charged[:_LEFT_SHOWN]]
        if len(charged) > _LEFT_SHOWN:
            lines.append(f"  and {len(charged) - _LEFT_SHOWN} more, all in credits.csv")
    return "\n".join([*lines, "Run the same command again for the rest. It pays for nothing twice."])


def _process(job: JobView) -> str:
    process = f"{job.provider or ''} process {job.process_id}" if job.process_id else "without a process id yet"
    reserved = f", {_number(job.credits_reserved)} credits reserved" if job.credits_reserved is not None else ""
    return visible(process + reserved)


def _number(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _dollars(value: Decimal | None) -> str:
    """Return dollars as text, with at least two decimals. Fractions of a cent, which a credit may cost, are kept."""
    return "" if value is None else f"{value:.2f}" if value == round(value, 2) else _number(value)
