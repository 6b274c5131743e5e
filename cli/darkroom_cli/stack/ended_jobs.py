"""Finds jobs as they end, by looking at the ledger's indexes again and again. It needs no queue and no rule, and writes nothing.

A look reads the keys of all open jobs and of the jobs that are new. A row is read only if its job left the open ones, became in
doubt, or ended before it was seen. So the cost does not grow with the jobs that the ledger holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.model import JobStatus
from darkroom.queue_messages import DETAIL_TYPES
from darkroom_cli.stack.batch_reader import jobs_by_id

if TYPE_CHECKING:
    from darkroom.model import Job
    from darkroom.ports import JobQueries, OperatorLedger

LAG = timedelta(seconds=60)  # by which an index may lag, and two clocks may differ


@dataclass
class Completions:
    """The jobs of a ledger that end from the first look on. A job that a person runs again, and that ends before the next look,
    is not seen."""

    ledger: OperatorLedger
    queries: JobQueries
    _open: Mapping[str, JobStatus] = field(default_factory=dict)
    _told: dict[str, tuple[int, JobStatus]] = field(default_factory=dict)  # id → the run and the status that were told
    _looked_at: datetime | None = None

    def look(self, now: datetime) -> list[Job]:
        """Return the jobs that ended or became in doubt since the last look, and for which Darkroom has an event. The earliest is
        first. The first look returns none."""
        is_first = self._looked_at is None
        still_open = self.queries.open_ids()
        new = set(self.queries.ids_uploaded((self._looked_at or now) - LAG, now + LAG)) - self._told.keys()
        rows = jobs_by_id(self.ledger, sorted(self._candidates(still_open, new, is_first)))
        ended = [job for job in rows.values() if job.status in DETAIL_TYPES and self._is_news(job)]
        lagging = {job.job_id: job.status for job in rows.values() if not _is_told_of(job)}
        self._told |= {job.job_id: (job.run, job.status) for job in rows.values() if _is_told_of(job)}
        self._open, self._looked_at = {**still_open, **lagging}, now
        return [] if is_first else sorted(ended, key=_ended_at)

    def _candidates(self, still_open: Mapping[str, JobStatus], new: set[str], is_first: bool) -> set[str]:
        """Return the ids of jobs that may have ended, or be in doubt since the last look."""
        left = self._open.keys() - still_open.keys()
        doubts = {job_id for job_id, status in still_open.items() if status is JobStatus.IN_DOUBT}
        known = {job_id for job_id in doubts if self._open.get(job_id) is JobStatus.IN_DOUBT}
        return left | (new - still_open.keys()) | (doubts if is_first else doubts - known)

    def _is_news(self, job: Job) -> bool:
        return self._told.get(job.job_id) != (job.run, job.status)


def _is_told_of(job: Job) -> bool:
    return job.is_terminal or job.status is JobStatus.IN_DOUBT


def _ended_at(job: Job) -> tuple[datetime, str]:
    return job.completed_at or job.due_at or job.created_at, job.job_id
