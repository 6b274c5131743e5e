"""Follows jobs by reading their rows until each has ended. It changes nothing, so stopping it stops no job."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.model import Job
    from darkroom.ports import OperatorLedger

LOOKUP_BATCH = 100  # job ids in one read
LOOK_SECONDS = 2.0  # between two looks, for a batch of up to 100 jobs
JOBS_A_SECOND = 50  # a larger batch is looked at less often, so that following costs less than 0.05 USD an hour


def jobs_by_id(ledger: OperatorLedger, job_ids: Sequence[str]) -> dict[str, Job]:
    """Return job id → job of those that exist, by one read for each 100."""
    found: dict[str, Job] = {}
    for start in range(0, len(job_ids), LOOKUP_BATCH):
        found |= ledger.find(job_ids[start : start + LOOKUP_BATCH])
    return found


def has_ended(job: Job | None) -> bool:
    """Return whether the job changes no more by itself: its run is over, or a person must decide about it."""
    return job is not None and (job.is_terminal or job.status == "IN_DOUBT")


def pause(seconds: float) -> None:
    """Wait between two looks."""
    time.sleep(seconds)


def follow(ledger: OperatorLedger, job_ids: Sequence[str]) -> Iterator[Mapping[str, Job]]:
    """Yield job id → job after each look, the last time when all have ended. A job that submit has not taken yet has no entry.

    Only jobs that have not ended are read again.
    """
    jobs: dict[str, Job] = {}
    while True:
        waiting = [job_id for job_id in job_ids if not has_ended(jobs.get(job_id))]
        jobs |= jobs_by_id(ledger, waiting)
        yield jobs
        left = sum(not has_ended(jobs.get(job_id)) for job_id in job_ids)
        if not left:
            return
        pause(max(LOOK_SECONDS, left / JOBS_A_SECOND))
