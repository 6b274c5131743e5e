"""submit: takes an upload in, or a job that is due again, and brings it as far as it can be brought now.

Claims the job, then hands it to `sending`. What it finds half done it finishes; what is not due it leaves to the sweep. It
never guesses about money.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import output_keys
from darkroom.errors import LedgerBusy, LostClaim, SourceGone
from darkroom.model import LEASE_MARGIN, Job, JobDue, JobStatus, SourceObject, Upload
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.in_doubt import InDoubt
from darkroom.pipeline.outcomes import Done, Ignored, Outcome, RetryLater
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Claim, Clock, InputBucket, Ledger

CONTENDED_WAIT_SECONDS = 30  # conflicts in the ledger are over within seconds


@dataclass(frozen=True, kw_only=True)
class Submit:
    """The use case with its dependencies. `__call__` may run any number of times for one upload."""

    sources: InputBucket
    ledger: Ledger
    dispatch: Dispatch
    binding: Binding
    settlement: Settlement
    in_doubt: InDoubt
    clock: Clock
    input_bucket: str
    deadline: timedelta
    suffixes: Sequence[str] = ()  # where the rule has a prefix, it cannot look at them

    def __call__(self, what: Upload | JobDue, invocation_ends: datetime) -> Outcome:
        """Brings the upload, or the job, as far as it can be brought now. Raises only what a retry may mend."""
        try:
            if isinstance(what, JobDue):
                return self._go_on(what, invocation_ends)
            if what.bucket != self.input_bucket or not output_keys.is_upload(what.key, suffixes=self.suffixes):
                return Ignored("not an upload of this stack")
            return self._begin(what, invocation_ends)
        except (LostClaim, LedgerBusy) as overtaken:
            # Whatever was written says how to go on, a paid submit included: it is SUBMITTING until it is found.
            return RetryLater(CONTENDED_WAIT_SECONDS, str(overtaken))

    def _begin(self, upload: Upload, invocation_ends: datetime) -> Outcome:
        try:
            source = self.sources.find(upload)
        except SourceGone as gone:
            return self._without_source(upload, str(gone), invocation_ends)
        claim = self._claim(source, invocation_ends)
        return self._advance(source, claim.job) if claim.owned else self._resume(claim.job, invocation_ends)

    def _claim(self, source: SourceObject, invocation_ends: datetime) -> Claim:
        now = self.clock()
        return self.ledger.claim(source, now, invocation_ends + LEASE_MARGIN, now + self.deadline)

    def _without_source(self, upload: Upload, why: str, invocation_ends: datetime) -> Outcome:
        """The object is gone. Where the event names its version, the upload has its job all the same, which ends here; without
        one nobody can tell which job it would be."""
        ghost = output_keys.vanished(upload, self.clock())
        if ghost is None:
            return Ignored(why)
        claim = self._claim(ghost, invocation_ends)
        return self.settlement.source_gone(claim.job, why) if claim.owned else self._resume(claim.job, invocation_ends)

    def _advance(self, source: SourceObject, job: Job) -> Outcome:
        if output_keys.RECEIPT_JOB in source.metadata:
            return self.settlement.skip(job, "an output of Darkroom cannot be its input")
        try:
            return self.dispatch(job, source)
        except LedgerBusy as busy:
            return self._give_back(job, str(busy))
        except Exception as error:
            self._end_claim(job, error)
            raise

    def _give_back(self, job: Job, why: str) -> Outcome:
        """A claim that came to nothing ends now: the next message finds the job due, and not a lease that nobody uses.
        Raises LostClaim when the job got further than that."""
        due = self.clock() + timedelta(seconds=CONTENDED_WAIT_SECONDS)
        self.ledger.postpone(job, due, error=why)
        return RetryLater(CONTENDED_WAIT_SECONDS, why)

    def _end_claim(self, job: Job, error: Exception) -> None:
        """Whatever it was, the message comes back and must find the job due, or it would be taken for a duplicate and never
        reach the dead-letter queue. A job that got further keeps its lease: only then is a lookup proof."""
        with suppress(LostClaim, LedgerBusy):
            self.ledger.postpone(job, self.clock(), error=f"submit failed: {type(error).__name__}")

    def _go_on(self, due: JobDue, invocation_ends: datetime) -> Outcome:
        job = self.ledger.get(due.job_id)
        if job is None:
            return Ignored("no such job")
        return self._resume(job, invocation_ends)

    def _resume(self, job: Job, invocation_ends: datetime) -> Outcome:
        """A duplicate, or a job that is due again: go on from what the ledger says."""
        if job.status is JobStatus.PROCESSING:
            return self.binding.start(job)
        if job.is_terminal:
            self.settlement.announce(job)
            return Done(job)
        waits_until = max(filter(None, (job.lease_until, job.next_attempt_at)), default=self.clock())
        if job.status is JobStatus.IN_DOUBT or waits_until > self.clock():
            return Done(job)  # a person's, or not due: the sweep looks at it when it is
        provable_at = self.in_doubt.provable_at(job)
        if provable_at > self.clock():
            return RetryLater.until(provable_at, self.clock(), "the provider's list need not show a lost submit yet")
        job = self.ledger.take_over(job, self.clock(), invocation_ends + LEASE_MARGIN)
        if job.status is JobStatus.CLAIMED:
            return self._resume_claimed(job)
        return self.in_doubt.resolve(job) or self._resend(job)

    def _resume_claimed(self, job: Job) -> Outcome:
        """A claimed job once more, if its object is still the one that made it."""
        try:
            source = self.sources.find(output_keys.upload_of(job)) if job.source_bucket == self.input_bucket else None
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        if source is None:
            return self.settlement.source_gone(job, f"this stack no longer watches the bucket {job.source_bucket}")
        if source.job_id != job.job_id:  # unversioned, and overwritten: that upload has a job of its own
            return self.settlement.source_gone(job, f"{job.source_uri} was overwritten since its upload")
        return self._advance(source, job)

    def _resend(self, job: Job) -> Outcome:
        """The provider's list excludes the lost submit: the job goes back, unpaid, and is sent anew."""
        self.ledger.release(job, self.clock(), error="the provider never received the earlier submit")
        return RetryLater(0, f"{job.source_key} is sent again")
