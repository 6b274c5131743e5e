"""Shows jobs and accounts to the operator, as tables for people and as rows and objects for programs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from rich import box
from rich.table import Table
from rich.text import Text

from darkroom.model import Job, JobStatus
from darkroom.pipeline.account_reconciliation import Comparison
from darkroom.pipeline.job_lookup import SHORT_ID_DIGITS
from darkroom.queue_messages import event_detail, plain
from darkroom_cli.console.errors import visible
from darkroom_cli.console.fitted_table import FittedTable
from darkroom_cli.console.terminal import amount, cell, counted, moment, tail
from darkroom_cli.jobs.wording import why

# The attributes of a job that are not in Darkroom's events, in the order in which they are shown.
INTERNAL = (
    "source_order", "deadline_at", "lease_until", "next_attempt_at", "denied_since", "failing_since", "lost_at", "lost_attempt",
    "key_fingerprint", "credits_charged", "reserved_at", "output_format", "send_mode", "staged", "published_at",
    "cancel_requested_at", "due_at", "orphans", "told_at", "told_process_id",
)  # fmt: skip
ACCOUNT_KEYS = ("total", "available", "reserved", "ledger_reserved", "ledger_spent", "drift")
CSV_COLUMNS = (
    "job_id", "run", "status", "source_bucket", "source_key", "provider", "model", "label", "credits_reserved", "credits",
    "cost_usd", "error_code", "error", "created_at", "submitted_at", "completed_at", "output_bucket", "output_key",
)  # fmt: skip
STYLES = {
    JobStatus.COMPLETED: "green", JobStatus.FAILED: "red", JobStatus.REJECTED: "red", JobStatus.CANCELLED: "red",
    JobStatus.IN_DOUBT: "bold red", JobStatus.SKIPPED: "dim",
}  # fmt: skip
ROOMY = 110  # columns of a terminal from which a list has all its columns
GAP = 2  # columns between two cells
STATUS_WIDTH, CREDITS_WIDTH, PROVIDER_WIDTH, MODEL_WIDTH, USD_WIDTH, WHEN_WIDTH = 10, 7, 8, 14, 6, 5
FEWEST_FOR_WORDS = 16  # columns for a reason, even on a terminal that is too narrow for a list
MOST_LINES = 3  # of a reason on a terminal; `darkroom job` shows all of it


def jobs_table(jobs: Sequence[Job], width: int, now: datetime) -> Table:
    """Return a table with a row for each job, for a terminal of `width` columns. Long keys lose their beginning and long reasons
    their end. Below ROOMY columns there are no providers, models, dollars and times. Credits in brackets are reserved."""
    roomy = width >= ROOMY
    key_width = max(min(max((len(job.source_key) for job in jobs), default=3), width // (5 if roomy else 4)), 3)
    taken = SHORT_ID_DIGITS + STATUS_WIDTH + key_width + CREDITS_WIDTH + 4 * GAP
    taken += PROVIDER_WIDTH + MODEL_WIDTH + USD_WIDTH + WHEN_WIDTH + 4 * GAP if roomy else 0
    texts = ("job", "status", "key", *(("provider", "model") if roomy else ()))
    table = _table(texts, ("credits", *(("USD", "when") if roomy else ())))
    for job in jobs:
        extra = (cell(job.provider), cell(_head(job.model or "", MODEL_WIDTH))) if roomy else ()
        money = (amount(job.cost_usd), _when(job, now)) if roomy else ()
        key, reason = (
            cell(tail(job.source_key, key_width)),
            cell(_lines(why(job), max(width - taken, FEWEST_FOR_WORDS))),
        )
        table.add_row(job.job_id[:SHORT_ID_DIGITS], status(job), key, *extra, _held(job), *money, reason)
    return table


def whole_table(jobs: Sequence[Job]) -> Table:
    """Return a table for a file or pipe: a row of one line for each job, in which nothing is cut."""
    table = _table(("job", "run", "status", "key", "model"), ("credits", "USD", "since, or next try (UTC)"))
    for job in jobs:
        shown = (
            cell(job.source_key),
            cell(_model(job)),
            _credits(job),
            amount(job.cost_usd),
            _since_or_next(job),
            cell(why(job)),
        )
        table.add_row(job.job_id, str(job.run), status(job), *shown)
    return table


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return a table with these columns, none of which is broken, and the reason in the last one."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name in texts:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    return table


def summary(jobs: Sequence[Job]) -> str:
    """Return the counts of a list in words, for instance `3 jobs: 2 COMPLETED, 1 FAILED; 2 credits of topaz, 0.24 USD`."""
    number = Counter(job.status for job in jobs)
    statuses = ", ".join(f"{number[each]:,} {each}" for each in JobStatus if number[each])
    spent: dict[str, Decimal] = {}
    for job in jobs:
        if job.credits and job.provider:
            spent[job.provider] = spent.get(job.provider, Decimal(0)) + job.credits
    usd = sum((job.cost_usd for job in jobs if job.cost_usd), Decimal(0))
    cost = "".join(f"; {counted(credits)} of {provider}" for provider, credits in sorted(spent.items()))
    return f"{len(jobs):,} job{'' if len(jobs) == 1 else 's'}: {statuses}{cost}" + (f", {usd:,.2f} USD" if usd else "")


def accounts_table(compared: Mapping[str, Comparison | None]) -> FittedTable:
    """Return a table that compares the account of each provider with the ledger, in the account's unit.

    `compared` has None for a vendor that tells no balance, or for which the stack has no key.
    """
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("provider")
    for name in ("account total", "available", "reserved", "ledger reserved", "ledger spent", "drift"):
        table.add_column(name, justify="right")
    for provider, found in compared.items():
        if found is None:
            table.add_row(cell(provider), Text("tells no balance, or has no key here", "dim"))
            continue
        drift = Text(amount(found.drift), "bold red" if found.drift else "")
        table.add_row(cell(provider), *map(amount, _numbers(found)), drift)
    return FittedTable(table)


def _numbers(found: Comparison) -> tuple[Decimal, ...]:
    return found.balance.total, found.balance.available, found.balance.reserved, found.reserved, found.spent


def account_facts(provider: str, found: Comparison | None) -> dict[str, object]:
    """Return a comparison for programs. The numbers are null where there is nothing to compare."""
    numbers = (None,) * 6 if found is None else (*_numbers(found), found.drift)
    return {"provider": provider, **dict(zip(ACCOUNT_KEYS, numbers, strict=True))}


def public(job: Job) -> dict[str, object]:
    """Return the job for programs, with the same attributes as Darkroom's events."""
    return event_detail(job)


def csv_row(job: Job) -> list[object]:
    """Return the values of CSV_COLUMNS."""
    known = public(job)
    return [known.get(name) for name in CSV_COLUMNS]


def everything(job: Job) -> dict[str, object]:
    """Return all attributes of a job as JSON values, the public ones first. Attributes without a value are left out."""
    # In the provider's list, the names of the job's processes begin with this prefix.
    known = public(job) | {"handle_prefix": job.handle.prefix}
    attributes = job.attributes
    more = {name: plain(attributes[name]) for name in INTERNAL if attributes[name] not in (None, (), {}, "", False)}
    return known | more


def one_line(job: Job) -> str:
    """Return one line with the key, status, run, credits and error of a job."""
    words = [f"{job.source_key}: {job.status}"]
    words += [f"run {job.run}"] if job.run > 1 else []
    words += [counted(job.credits)] if job.credits is not None else []
    words += [job.error] if job.error else []
    return ", ".join(words)


def status(job: Job) -> Text:
    """Return the job's status in its colour."""
    return Text(job.status.value, STYLES.get(job.status, ""))


def _lines(text: str, columns: int) -> str:
    """Return as many words of the text as fit into MOST_LINES lines of so many columns."""
    lines = textwrap.wrap(visible(text), columns)
    if len(lines) <= MOST_LINES:
        return " ".join(lines)
    last = textwrap.wrap(lines[MOST_LINES - 1], columns - 1)[0].rstrip(",;:. ")
    return " ".join([*lines[: MOST_LINES - 1], f"{last}…"])


def _head(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def _model(job: Job) -> str:
    return "/".join(filter(None, (job.provider, job.model)))


def _credits(job: Job) -> str:
    """Return the credits that the job cost, or else those that are reserved for it."""
    if job.credits is not None or job.reservation is None:
        return amount(job.credits)
    return f"{amount(job.reservation.credits_reserved)} reserved"


def _held(job: Job) -> str:
    """Return the credits that the job cost, or in brackets those that are reserved for it."""
    if job.credits is not None or job.reservation is None:
        return amount(job.credits)
    return f"({amount(job.reservation.credits_reserved)})"


def _since_or_next(job: Job) -> str:
    """Return the time since which the job has its status. For a waiting job, return the time of its next try."""
    if job.next_attempt_at and job.status in (JobStatus.CLAIMED, JobStatus.SUBMITTING):
        return f"next  {moment(max(job.next_attempt_at, job.due_at or job.next_attempt_at))}"
    return f"since {moment(_since(job))}"


def _when(job: Job, now: datetime) -> str:
    """Return the time since which the job has its status: the hour within the last day, or else month and day."""
    since = _since(job)
    return moment(since)[11:16] if now - since < timedelta(days=1) else moment(since)[5:10]


def _since(job: Job) -> datetime:
    doubted_at = job.due_at if job.status is JobStatus.IN_DOUBT else None
    submitted_at = job.process.submitted_at if job.process else None
    return job.completed_at or doubted_at or submitted_at or job.created_at
