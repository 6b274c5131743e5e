"""Reads the jobs of a batch by their ids, which are known before submit has taken the uploads. It changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.model import Job, JobStatus
from darkroom_cli.batch_reader import BATCH, BatchReader

if TYPE_CHECKING:
    from darkroom.ports import OperatorLedger

NO_EVENT = "is uploaded; its event has not come yet"


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
