"""Retries: what becomes of a job that its own source or an unknown error keeps from being sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from darkroom.errors import ErrorCode, LedgerBusy, LostClaim, SourceDenied, SourceUnreadable
from darkroom.model import Job, JobStatus
from darkroom.pipeline.outcomes import Outcome, RetryLater
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, Ledger
from darkroom.retry_schedule import next_look_at, next_read_at

MESSAGE_LATE = timedelta(minutes=15)  # the job's own delayed message has come by then, or was lost


@dataclass(frozen=True)
class Retries:
    """Ends a try of its owner and says when the next one comes. Repeat safe."""

    ledger: Ledger
    settlement: Settlement
    clock: Clock

    def read_later(self, job: Job, denied: SourceDenied) -> Outcome:
        """The job waits, unpaid, until its source may be read. After a quarter of an hour: `REJECTED`, with a report."""
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
        """Ends the claim of a try that failed for an unknown reason. Its message fails and finds the job due when it comes again,
        so that the queue counts it; the sweep adds no message while that one may be on its way. A job that got further than
        `job` says keeps its lease: only then is a lookup proof."""
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
