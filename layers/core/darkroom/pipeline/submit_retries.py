"""Decides when a job is tried again if its source may not be read, or if it failed for an unknown reason."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from darkroom.errors import ErrorCode, LedgerBusy, LostClaim, SourceDenied, SourceUnreadable
from darkroom.model import Job, JobStatus
from darkroom.pipeline.message_outcomes import Outcome, RetryLater
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, Ledger
from darkroom.retry_schedule import next_look_at, next_read_at

MESSAGE_LATE = timedelta(minutes=15)  # after this time, the job's own delayed message counts as lost


@dataclass(frozen=True)
class Retries:
    """Ends an attempt and schedules the next one. Only the owner of a job may call it. Repeat safe."""

    ledger: Ledger
    settlement: Settlement
    clock: Clock

    def read_later(self, job: Job, denied: SourceDenied) -> Outcome:
        """Let the job wait until its source may be read, without a charge. Reject it after a quarter of an hour."""
        now = self.clock()
        since = job.denied_since or now
        again = next_read_at(since, now)
        if again is None:
            return self.settlement.reject(job, SourceUnreadable(str(denied)))
        code, why = ErrorCode.SOURCE_UNREADABLE, str(denied)
        if job.status is JobStatus.SUBMITTING:
            self.ledger.release(job, again, error_code=code, error=why, denied_since=since)
        else:
            look_at = again + MESSAGE_LATE
            self.ledger.postpone(job, again, error_code=code, error=why, denied_since=since, look_at=look_at)
        return RetryLater.until(again, now, why)

    def note_failure(self, job: Job, error: Exception) -> None:
        """End the claim after an error of an unknown kind. The caller then raises that error.

        When the message is delivered again, the job is due. With a lease, the message would look like a duplicate and never
        reach the dead-letter queue. The sweep waits until that message has certainly left the queue. If the job's status has
        changed since `job` was read, the lease is kept, because a lookup at the provider is a proof only after the lease.
        """
        now = self.clock()
        since = job.failing_since or now
        with suppress(LostClaim, LedgerBusy):
            self.ledger.postpone(
                job,
                now,
                error=f"submit failed: {type(error).__name__}",
                failing_since=since,
                look_at=next_look_at(since, now, job.deadline_at),
            )
