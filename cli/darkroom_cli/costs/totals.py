"""Sums up what jobs have cost, by day, label, folder, model or provider of their uploads, or by the months' budgets.

All functions are pure. Credits of different providers are never added up, because their units differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from darkroom.model import Job, JobStatus

NO_LABEL, NO_FOLDER = "", "/"


class By(StrEnum):
    """What the rows of a report stand for."""

    DAY = "day"
    MONTH = "month"
    LABEL = "label"
    FOLDER = "folder"
    MODEL = "model"
    PROVIDER = "provider"


@dataclass(frozen=True)
class Line:
    """The jobs of one group at one provider. `credits` are in the provider's unit; they and `usd` include earlier runs."""

    group: str
    provider: str  # empty for jobs that ended before their provider was known
    jobs: int = 0
    completed: int = 0
    without_result: int = 0  # failed, rejected or cancelled
    skipped: int = 0
    open: int = 0  # their reserved credits are in no sum
    credits: Decimal = Decimal(0)
    usd: Decimal = Decimal(0)


def lines(jobs: Iterable[Job], by: By, runs: Callable[[str], Sequence[Job]]) -> list[Line]:
    """Return the sums, ordered by group and provider. `runs` returns all runs of a job; it is called for jobs that ran again."""
    found: dict[tuple[str, str], Line] = {}

    def add(job: Job, count: Callable[[Line], Line]) -> None:
        place = _group(job, by), job.provider or ""
        found[place] = count(found.get(place, Line(*place)))

    for job in jobs:
        add(job, lambda line, job=job: _charged(_counted(line, job), job))  # type: ignore[misc]
        for run in runs(job.job_id)[:-1] if job.run > 1 else ():
            add(run, lambda line, run=run: _charged(line, run))  # type: ignore[misc]
    return [found[place] for place in sorted(found)]


def _counted(line: Line, job: Job) -> Line:
    done, is_open = job.status is JobStatus.COMPLETED, not job.is_terminal
    lost = job.status in (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED)
    return replace(
        line,
        jobs=line.jobs + 1,
        completed=line.completed + done,
        without_result=line.without_result + lost,
        skipped=line.skipped + (job.status is JobStatus.SKIPPED),
        open=line.open + is_open,
    )


def _charged(line: Line, run: Job) -> Line:
    return replace(
        line, credits=line.credits + (run.credits or Decimal(0)), usd=line.usd + (run.cost_usd or Decimal(0))
    )


def _group(job: Job, by: By) -> str:
    match by:
        case By.DAY:
            return f"{job.created_at:%Y-%m-%d}"
        case By.LABEL:
            return job.label or NO_LABEL
        case By.FOLDER:
            return folder if (folder := job.source_key.rpartition("/")[0]) else NO_FOLDER
        case By.MODEL:
            return job.model or ""
        case By.PROVIDER:
            return job.provider or ""
        case By.MONTH:
            return job.reservation.budget_month if job.reservation else f"{job.created_at:%Y-%m}"
