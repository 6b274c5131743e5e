"""Shows jobs and accounts to the operator, as tables for people and as JSON for programs.

Texts in the ledger come from uploaders and providers and may be harmful. So every cell is escaped, and rich reads no markup
in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich import box
from rich.table import Table
from rich.text import Text

from darkroom.model import Job, JobStatus
from darkroom.pipeline.account_reconciliation import Comparison
from darkroom.queue_messages import event_detail, plain
from darkroom_cli.terminal import amount, cell, moment

# The attributes of a job that are not in Darkroom's events, in the order in which they are shown.
INTERNAL = (
    "source_order", "deadline_at", "lease_until", "next_attempt_at", "key_fingerprint", "credits_charged", "reserved_at",
    "output_format", "send_mode", "staged", "published_at", "cancel_requested_at", "due_at", "orphans",
)  # fmt: skip
ACCOUNT_KEYS = ("total", "available", "reserved", "ledger_reserved", "ledger_spent", "drift")
STYLES = {
    JobStatus.COMPLETED: "green", JobStatus.FAILED: "red", JobStatus.REJECTED: "red", JobStatus.CANCELLED: "red",
    JobStatus.IN_DOUBT: "bold red", JobStatus.SKIPPED: "dim",
}  # fmt: skip


def jobs_table(jobs: Sequence[Job]) -> Table:
    """Return a table with a row for each job and a footer that counts the jobs."""
    table = Table(box=box.SIMPLE, show_footer=True, pad_edge=False)
    table.add_column("job", f"{len(jobs)} jobs" if len(jobs) != 1 else "1 job", no_wrap=True)
    table.add_column("run", justify="right")
    table.add_column("status", no_wrap=True)
    for name in ("key", "model"):
        table.add_column(name, overflow="fold")
    table.add_column("credits", justify="right")
    table.add_column("USD", justify="right")
    table.add_column("error", overflow="fold")
    table.add_column("since or next (UTC)")
    for job in jobs:
        table.add_row(
            cell(job.job_id),
            str(job.run),
            _status(job),
            cell(job.source_key),
            cell(_model(job)),
            _credits(job),
            amount(job.cost_usd),
            cell(job.error_code),
            _when(job),
        )
    return table


def job_table(job: Job) -> Table:
    """Return a table with a line for each attribute that the job has."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in everything(job).items():
        text = ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        text = ", ".join(map(str, text)) if isinstance(text, list) else text
        if text not in ("", None):
            table.add_row(name, _status(job) if name == "status" else cell(text))
    return table


def accounts_table(compared: Mapping[str, Comparison | None]) -> Table:
    """Return a table that compares the account of each provider with the ledger, in the account's unit.

    `compared` has None for an account that cannot be read.
    """
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("provider")
    for name in ("account total", "available", "reserved", "ledger reserved", "ledger spent", "drift"):
        table.add_column(name, justify="right")
    for provider, found in compared.items():
        if found is None:
            table.add_row(cell(provider), Text("the account cannot be read", "dim"))
            continue
        drift = Text(amount(found.drift), "bold red" if found.drift else "")
        table.add_row(cell(provider), *map(amount, _numbers(found)), drift)
    return table


def _numbers(found: Comparison) -> tuple[Decimal, ...]:
    return found.balance.total, found.balance.available, found.balance.reserved, found.reserved, found.spent


def account_facts(provider: str, found: Comparison | None) -> dict[str, object]:
    """Return a comparison for programs. The numbers are null for an account that cannot be read."""
    numbers = (None,) * 6 if found is None else (*_numbers(found), found.drift)
    return {"provider": provider, **dict(zip(ACCOUNT_KEYS, numbers, strict=True))}


def public(job: Job) -> dict[str, object]:
    """Return the job for programs, with the same attributes as Darkroom's events."""
    return event_detail(job)


def everything(job: Job) -> dict[str, object]:
    """Return all attributes of a job as JSON values, the public ones first. Attributes without a value are left out."""
    # In the provider's list, the names of the job's processes begin with this prefix.
    known = event_detail(job) | {"handle_prefix": job.handle.prefix}
    attributes = job.attributes
    more = {name: plain(attributes[name]) for name in INTERNAL if attributes[name] not in (None, (), {}, "")}
    return known | more


def one_line(job: Job) -> str:
    """Return one line with the key, status, run, credits and error of a job."""
    words = [f"{job.source_key}: {job.status}"]
    words += [f"run {job.run}"] if job.run > 1 else []
    words += [f"{amount(job.credits)} credits"] if job.credits is not None else []
    words += [job.error] if job.error else []
    return ", ".join(words)


def _status(job: Job) -> Text:
    return Text(job.status.value, STYLES.get(job.status, ""))


def _model(job: Job) -> str:
    return "/".join(filter(None, (job.provider, job.model)))


def _credits(job: Job) -> str:
    """Return the credits that the job cost, or else those that are reserved for it."""
    if job.credits is not None or job.reservation is None:
        return amount(job.credits)
    return f"{amount(job.reservation.credits_reserved)} reserved"


def _when(job: Job) -> str:
    """Return the time since which the job has its status. For a waiting job, return the time of its next try."""
    if job.next_attempt_at and job.status in (JobStatus.CLAIMED, JobStatus.SUBMITTING):
        return f"next  {moment(max(job.next_attempt_at, job.due_at or job.next_attempt_at))}"
    doubted_at = job.due_at if job.status is JobStatus.IN_DOUBT else None
    submitted_at = job.process.submitted_at if job.process else None
    return f"since {moment(job.completed_at or doubted_at or submitted_at or job.created_at)}"
