"""Reads a batch of jobs again and again with few requests: only jobs that have not ended, and those that came since the last
look. It changes nothing.

A look reads at most MOST_READ open jobs, so that watching a large batch costs little; those that were not read for the longest
time come first. The jobs of `darkroom enhance` are known by their ids before submit has taken the uploads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.model import Job, JobStatus

if TYPE_CHECKING:
    from darkroom.ports import OperatorLedger

BATCH = 100  # job ids in one read
MOST_READ = 500
NO_EVENT = "is uploaded; its event has not come yet"


@dataclass
class BatchReader:
    """Holds the jobs of a batch by id. `find` reads jobs by id, at most 100 at once; `discover` yields jobs that may be new since
    the time of the last look, which is None at first."""

    find: Callable[[Sequence[str]], Mapping[str, Job]]
    discover: Callable[[datetime | None, datetime], Iterable[Job]]
    jobs: dict[str, Job] = field(default_factory=dict)
    looked_at: datetime | None = None

    def look(self, now: datetime) -> list[Job]:
        """Read the batch, and return the jobs whose status or reason has changed since the last look."""
        found = {job.job_id: job for job in self.discover(self.looked_at, now)}
        self.looked_at = now
        known = [job_id for job_id, job in self.jobs.items() if not job.is_terminal and job_id not in found][:MOST_READ]
        for start in range(0, len(known), BATCH):
            found |= self.find(known[start : start + BATCH])
        changed = [job for job in found.values() if _shown(job) != _shown(self.jobs.get(job.job_id))]
        for job_id, job in found.items():  # those that were read now go to the end of the dictionary
            self.jobs.pop(job_id, None)
            self.jobs[job_id] = job
        return changed


def _shown(job: Job | None) -> object:
    return job and (job.run, job.status, job.error_code, job.error, job.process is None)


def jobs_by_id(ledger: OperatorLedger, job_ids: Sequence[str]) -> dict[str, Job]:
    """Return job id → job of those that exist, by one read for each 100."""
    found: dict[str, Job] = {}
    for start in range(0, len(job_ids), BATCH):
        found |= ledger.find(job_ids[start : start + BATCH])
    return found


def reader_of(ledger: OperatorLedger, bucket: str, keys: Mapping[str, str]) -> BatchReader:
    """Return what reads the jobs `keys`, job id → key of the upload. As long as a job has no row, a stand-in says so."""

    def discover(looked_at: datetime | None, now: datetime) -> Iterator[Job]:
        if looked_at is None:  # from then on, the reader reads all that have not ended
            found = jobs_by_id(ledger, list(keys))
            yield from (found.get(job_id) or _stand_in(job_id, bucket, key, now) for job_id, key in keys.items())

    return BatchReader(ledger.find, discover)


def _stand_in(job_id: str, bucket: str, key: str, now: datetime) -> Job:
    return Job(
        job_id=job_id,
        run=1,
        attempt=0,
        status=JobStatus.CLAIMED,
        source_bucket=bucket,
        source_key=key,
        source_version=None,
        source_order="",
        created_at=now,
        deadline_at=now + timedelta(days=1),
        error=NO_EVENT,
    )


def exists(job: Job) -> bool:
    """Return whether the job has a row, and is no stand-in."""
    return job.attempt > 0


def has_ended(job: Job | None) -> bool:
    """Return whether the job changes no more by itself: its run is over, or a person must decide about it."""
    return job is not None and (job.is_terminal or job.status is JobStatus.IN_DOUBT)


def pause(seconds: float) -> None:
    """Wait between two looks."""
    time.sleep(seconds)
