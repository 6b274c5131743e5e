"""Reads what a report needs from a folder of results on this machine: its account's journal, and picture files.

A key comes from a journal and is not trusted: it leads nowhere out of the two folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.aws import items
from darkroom.errors import ErrorCode
from darkroom.model import BudgetMonth, Job, JobStatus
from darkroom.setting_layers import canonical
from darkroom_cli.html_report.report_source import Advice, NotShown, Origins, Picture, ReportSource
from darkroom_local.emulator import ledger_journal
from darkroom_local.results import accounts, cures
from darkroom_local.results.files import UnsafeKey, safe_target
from darkroom_local.run import credits_csv

if TYPE_CHECKING:
    from darkroom_local.stack.local_stack import LocalStack

BUDGET = "BUDGET#"
SIMULATED = "The providers were simulated. The prices are those that the real providers would have taken."
DEMO_DAYS = timedelta(days=1)


class NoAccount(Exception):
    """The folder has no account of an earlier run. The message says what to do."""


@dataclass(frozen=True)
class Folders:
    """Where the pictures before and after are. Without `originals`, only what the ledger says is shown."""

    originals: Path | None
    results: Path


def of_folder(
    folders: Folders,
    first: datetime | None = None,
    last: datetime | None = None,
    *,
    is_real: bool | None = None,
    again: str | None = None,
) -> ReportSource:
    """Return the source for the runs into a folder with a real key, or for the simulated ones; if `is_real` does not say, for
    those with a real key if there are any. `again` is the command that does the rest. Raises NoAccount. What was not uploaded is
    not known afterwards."""
    if is_real is None:
        is_real = any(key[0].startswith("JOB#") for key in accounts.rows(folders.results))
    rows = accounts.rows(folders.results, is_real=is_real)
    jobs = [items.job_of(row) for key, row in rows.items() if key[0].startswith("JOB#") and key[1] == "JOB"]
    if not jobs:
        raise NoAccount(f"{str(folders.results)!r} holds no account of a run. Name the folder that was given to --out")
    months = [_month(*key, row) for key, row in rows.items() if key[0].startswith(BUDGET)]
    at = datetime.now(UTC)
    begin, end = first or min(job.created_at for job in jobs), last or at
    within = [job for job in jobs if begin <= job.created_at < end]
    return _source(
        f"the folder {folders.results.resolve().name}",
        folders,
        within,
        [month for month in months if "#" not in month.unit],
        lambda job_id: _runs(rows, job_id),
        (begin, end, at),
        note="" if is_real else SIMULATED,
        again=again,
    )


def of_demo(stack: LocalStack, folders: Folders) -> ReportSource:
    """Return the source for the jobs of a local stack that still stands."""
    from darkroom.aws.job_queries import DynamoJobQueries
    from darkroom.aws.ledger_table import LedgerTable

    queries = DynamoJobQueries(LedgerTable(stack.endpoint.client("dynamodb"), stack.outputs["LedgerTable"]))
    at = datetime.now(UTC)
    jobs = list(queries.uploaded(at - DEMO_DAYS, at + timedelta(minutes=1)))
    months = [month for unit in ("usd", *stack.providers) for month in queries.months(unit)]
    begin = min((job.created_at for job in jobs), default=at)
    note = SIMULATED if set(stack.simulator_urls) == set(stack.providers) else ""
    return _source("the demo", folders, jobs, months, queries.runs, (begin, at, at), note=note)


def _source(
    name: str,
    folders: Folders,
    jobs: Iterable[Job],
    months: Sequence[BudgetMonth],
    runs: Callable[[str], Sequence[Job]],
    times: tuple[datetime, datetime, datetime],
    *,
    note: str,
    again: str | None = None,
) -> ReportSource:
    asked = credits_csv.requests(folders.results)
    begin, end, at = times
    return ReportSource(
        name=name,
        at=at,
        first=begin,
        last=end,
        jobs=sorted(jobs, key=lambda job: job.created_at, reverse=True),
        left_out=0,
        months=months,
        runs=runs,
        original=lambda job: _file(folders.originals, job.source_key, "the original"),
        result=lambda job: _file(folders.results, job.require_dispatch().output_key, "the result"),
        origins=partial(_origins, asked),
        advice=partial(_advice, again),
        note=note,
    )


def _file(folder: Path | None, key: str, what: str) -> Picture:
    if folder is None:
        raise NotShown("the folder of the originals is not named")
    try:
        path = safe_target(folder, key)
    except (UnsafeKey, OSError, ValueError):
        raise NotShown(f"{what} has a key that is no plain path") from None
    if not path.is_file():
        raise NotShown(f"{what} is no longer in its folder")
    return path


def _origins(asked: Mapping[str, Mapping[str, str]], job: Job) -> Origins:
    """Return who gave the settings, as far as `credits.csv` says what was asked for."""
    request = asked.get(job.job_id)
    if request is None:
        return Origins({}, "credits.csv has no row of this job, so nothing says who gave its settings")
    others = ["a darkroom.toml"] if any(name.endswith("darkroom.toml") for name in request) else []
    others += ["a --parameter"] if {"DefaultSettings", "Provider"} & request.keys() else []
    rest = " or ".join([*others, "the default"])
    said = {canonical(name) for name in request}
    return Origins({name: "this run (--set or tag)" if canonical(name) in said else rest for name in job.settings})


def _advice(again: str | None, job: Job) -> Advice:
    if job.error_code in set(ErrorCode):
        return Advice(cures.CURES[ErrorCode(job.error_code or "")], again)
    if job.status is JobStatus.IN_DOUBT:
        return Advice(cures.IN_DOUBT)
    return Advice("Run the same command again.", again)


def _runs(rows: Mapping[ledger_journal.Key, Any], job_id: str) -> list[Job]:
    found = [items.job_of(row) for key, row in rows.items() if key[0] == f"JOB#{job_id}" and "run" in row]
    return sorted(found, key=lambda job: job.run)


def _month(partition: str, month: str, row: Any) -> BudgetMonth:
    names = ("limit", "reserved", "spent", "overrun", "jobs")
    limit, reserved, spent, overrun, jobs = (items.number(row, name) for name in names)
    unit = partition.removeprefix(BUDGET)
    return BudgetMonth(unit, month, limit=limit, reserved=reserved, spent=spent, overrun=overrun, jobs=int(jobs))
