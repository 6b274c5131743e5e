"""Shows the facts about one job as a page of short sections for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from darkroom.model import Job, JobStatus
from darkroom_cli.console.terminal import amount, cell, counted, moment
from darkroom_cli.jobs.facts import JobFacts
from darkroom_cli.jobs.tables import everything, public, status
from darkroom_cli.jobs.wording import why

INDENT = 2


def page(facts: JobFacts, *, internals: bool) -> Iterator[RenderableType]:
    """Yield the parts of the page: the job, its runs if there are several, its settings, its steps, what happens next, and with
    `internals` all attributes of its row."""
    yield _head(facts.job)
    if len(facts.runs) > 1:
        yield from _section("Runs", _runs(facts))
    if facts.job.settings:
        yield from _section("Settings, and what gave them", _settings(facts))
        if facts.origins_note:
            yield Padding(cell(facts.origins_note), (0, 0, 0, INDENT), expand=False)
    yield from _section("Steps (UTC)", _steps(facts))
    yield from _section("What happens next", Text("\n").join(map(cell, facts.next)))
    if internals:
        yield from _section("All attributes of the row", attributes(facts.job))


def _section(title: str, body: RenderableType) -> Iterator[RenderableType]:
    yield Text(f"\n{title}", "bold")
    yield Padding(body, (0, 0, 0, INDENT), expand=False)


def _head(job: Job) -> Table:
    table = _two_columns()
    version = f" (version {job.source_version})" if job.source_version else ""
    rows = {
        "why": why(job),
        "job": f"{job.job_id}, run {job.run}, attempt {job.attempt}",
        "upload": f"s3://{job.source_uri}{version}",
        "provider": " / ".join(filter(None, (job.provider, job.model))),
        "label": job.label,
        "price": _price(job),
        "result": _result(job),
        "retires": _retires(job),
        "orphans": ", ".join(job.orphans),
    }
    table.add_row("status", status(job))
    for name, value in rows.items():
        if value:
            table.add_row(name, cell(value))
    return table


def _retires(job: Job) -> str | None:
    """Return the announced end of the job's model and its successor, None if none is announced."""
    known = public(job)
    if "retires" not in known:
        return None
    successor = f"; {known['replaced_by']} replaces it" if "replaced_by" in known else ""
    return f"the model is gone from {known['retires']} on{successor}"


def _result(job: Job) -> str | None:
    if job.status is not JobStatus.COMPLETED or job.dispatch is None:
        return None
    return f"s3://{job.dispatch.output_bucket}/{job.dispatch.output_key}"


def _price(job: Job) -> str | None:
    if job.credits is not None:
        return f"{counted(job.credits)}, {amount(job.cost_usd)} USD"
    if job.reservation is None:
        return None
    credits, usd = job.reservation.credits_reserved, job.reservation.credits_reserved * job.reservation.credit_price_usd
    return f"{counted(credits)} ({amount(usd)} USD) reserved, in the month {job.reservation.budget_month}"


def _runs(facts: JobFacts) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for name in ("run", "status", "ended"):
        table.add_column(name, no_wrap=True)
    for name in ("credits", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for run in facts.runs:
        ended = moment(run.completed_at) if run.completed_at else ""
        table.add_row(str(run.run), status(run), ended, amount(run.credits), amount(run.cost_usd), cell(why(run)))
    credits = sum((run.credits for run in facts.runs if run.credits), Decimal(0))
    usd = sum((run.cost_usd for run in facts.runs if run.cost_usd), Decimal(0))
    table.add_row("all", "", "", amount(credits), amount(usd), "")
    return table


def _settings(facts: JobFacts) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in facts.job.settings.items():
        table.add_row(cell(name), cell(value), cell(facts.origins[name]))
    return table


def _steps(facts: JobFacts) -> Table:
    table = _two_columns()
    for step in facts.steps:
        table.add_row(moment(step.at), cell(step.what))
    return table


def attributes(job: Job) -> Table:
    """Return a table with a line for each attribute that the job has."""
    table = _two_columns()
    for name, value in everything(job).items():
        text = ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        text = ", ".join(map(str, text)) if isinstance(text, list) else text
        if text not in ("", None):
            table.add_row(name, cell(text))
    return table


def _two_columns() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
