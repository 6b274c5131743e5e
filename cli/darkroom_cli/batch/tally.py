"""Counts a batch of jobs: what is done, under way and without a result, its credits, its pace and the time left.

All functions are pure. A batch is any set of jobs that somebody looks at together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from darkroom.model import Job, JobStatus

PACE_WINDOW = timedelta(minutes=5)  # the pace is that of the jobs that ended within it
FEWEST_FOR_A_PACE = 2
WITHOUT_RESULT = frozenset({JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED})
WITH_A_PERSON = frozenset({JobStatus.IN_DOUBT})


@dataclass(frozen=True)
class Progress:
    """The counts of a batch. `left` is None while the pace is unknown."""

    done: int = 0
    skipped: int = 0
    without_result: int = 0
    in_doubt: int = 0
    under_way: int = 0
    credits: Mapping[str, Decimal] = field(default_factory=dict)  # provider → settled credits, in its own unit
    reserved: Mapping[str, Decimal] = field(
        default_factory=dict
    )  # provider → credits reserved for jobs that have not ended
    usd: Decimal = Decimal(0)
    per_minute: float | None = None
    left: timedelta | None = None

    @property
    def total(self) -> int:
        """How many jobs the batch has."""
        return self.ended + self.under_way

    @property
    def ended(self) -> int:
        """How many jobs go on by themselves no more."""
        return self.done + self.skipped + self.without_result + self.in_doubt


def progress(jobs: Collection[Job], now: datetime) -> Progress:
    """Return the counts of the jobs as they are at `now`."""
    by_status = Counter(job.status for job in jobs)
    ended = sum(
        by_status[status] for status in (*WITHOUT_RESULT, JobStatus.COMPLETED, JobStatus.SKIPPED, *WITH_A_PERSON)
    )
    under_way = len(jobs) - ended
    per_minute = _pace(jobs, now)
    return Progress(
        done=by_status[JobStatus.COMPLETED],
        skipped=by_status[JobStatus.SKIPPED],
        without_result=sum(by_status[status] for status in WITHOUT_RESULT),
        in_doubt=by_status[JobStatus.IN_DOUBT],
        under_way=under_way,
        credits=_by_provider(job for job in jobs if job.credits),
        reserved=_by_provider(job for job in jobs if job.reservation and not job.is_terminal),
        usd=sum((job.cost_usd for job in jobs if job.cost_usd), Decimal(0)),
        per_minute=per_minute,
        left=timedelta(minutes=under_way / per_minute) if per_minute and under_way else None,
    )


def _pace(jobs: Collection[Job], now: datetime) -> float | None:
    """Return how many jobs end in a minute, None if too few ended lately. Between the first and the last end of the window lie
    one job less than ended."""
    ends = sorted(job.completed_at for job in jobs if job.completed_at and now - job.completed_at <= PACE_WINDOW)
    if len(ends) < FEWEST_FOR_A_PACE:
        return None
    span = max(now - ends[0], timedelta(seconds=1))
    return (len(ends) - 1) / (span / timedelta(minutes=1))


def _by_provider(jobs: Iterable[Job]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for job in jobs:
        held = job.credits if job.credits is not None else job.require_reservation().credits_reserved
        sums[job.provider or ""] = sums.get(job.provider or "", Decimal(0)) + held
    return dict(sorted(sums.items()))
