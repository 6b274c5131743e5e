"""Submit: takes an upload from the intake queue, claims its job, and has it dispatched to the provider.

It also continues jobs that an earlier attempt left unfinished. A job that is not due yet is left to the sweep. It never
guesses whether money was spent.
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

CONTENDED_WAIT_SECONDS = 30  # conflicts in the ledger end within seconds


@dataclass(frozen=True, kw_only=True)
class Submit:
    """The use case with its dependencies. Repeat safe: it may be called any number of times for one upload."""

    sources: InputBucket
    ledger: Ledger
    dispatch: Dispatch
    binding: Binding
    settlement: Settlement
    in_doubt: InDoubt
    clock: Clock
    input_bucket: str
    deadline: timedelta
    suffixes: Sequence[str] = ()  # checked here, because an event rule with a prefix cannot check them

    def __call__(self, what: Upload | JobDue, invocation_ends: datetime) -> Outcome:
        """Take the upload or the due job as far as is possible now. Raises only if delivering the message again may help."""
        try:
            if isinstance(what, JobDue):
                return self._take_job(what, invocation_ends)
            if what.bucket != self.input_bucket or not output_keys.is_upload(what.key, suffixes=self.suffixes):
                return Ignored("not an upload of this stack")
            return self._take_upload(what, invocation_ends)
        except (LostClaim, LedgerBusy) as error:
            # The next attempt continues from what the ledger says. Even a paid submit is safe: its job is SUBMITTING until
            # the provider's list shows it.
            return RetryLater(CONTENDED_WAIT_SECONDS, str(error))

    def _take_upload(self, upload: Upload, invocation_ends: datetime) -> Outcome:
        try:
            source = self.sources.find(upload)
        except SourceGone as gone:
            return self._end_without_source(upload, str(gone), invocation_ends)
        claim = self._claim(source, invocation_ends)
        return self._skip_or_dispatch(source, claim.job) if claim.owned else self._resume(claim.job, invocation_ends)

    def _claim(self, source: SourceObject, invocation_ends: datetime) -> Claim:
        now = self.clock()
        return self.ledger.claim(source, now, invocation_ends + LEASE_MARGIN, now + self.deadline)

    def _end_without_source(self, upload: Upload, why: str, invocation_ends: datetime) -> Outcome:
        """End the job of an object that no longer exists. Without a version in the event its job cannot be known, so the
        message is ignored."""
        missing = output_keys.missing_source(upload, self.clock())
        if missing is None:
            return Ignored(why)
        claim = self._claim(missing, invocation_ends)
        return self.settlement.source_gone(claim.job, why) if claim.owned else self._resume(claim.job, invocation_ends)

    def _skip_or_dispatch(self, source: SourceObject, job: Job) -> Outcome:
        if output_keys.RECEIPT_JOB in source.metadata:
            return self.settlement.skip(job, "an output of Darkroom cannot be its input")
        try:
            return self.dispatch(job, source)
        except LedgerBusy as busy:
            return self._end_claim_early(job, str(busy))
        except Exception as error:
            self._end_claim_after_error(job, error)
            raise

    def _end_claim_early(self, job: Job, why: str) -> Outcome:
        """End the claim early, so that the next message finds the job due instead of a lease that nobody uses. Raises
        LostClaim if the job is past `CLAIMED`."""
        due = self.clock() + timedelta(seconds=CONTENDED_WAIT_SECONDS)
        self.ledger.postpone(job, due, error=why)
        return RetryLater(CONTENDED_WAIT_SECONDS, why)

    def _end_claim_after_error(self, job: Job, error: Exception) -> None:
        """End the claim after an unexpected error, so that the message finds the job due when it is delivered again.

        Otherwise the message would look like a duplicate and never reach the dead-letter queue. A job past `CLAIMED` keeps its
        lease, because a lookup at the provider proves something only after the lease.
        """
        with suppress(LostClaim, LedgerBusy):
            self.ledger.postpone(job, self.clock(), error=f"submit failed: {type(error).__name__}")

    def _take_job(self, due: JobDue, invocation_ends: datetime) -> Outcome:
        job = self.ledger.get(due.job_id)
        if job is None:
            return Ignored("no such job")
        return self._resume(job, invocation_ends)

    def _resume(self, job: Job, invocation_ends: datetime) -> Outcome:
        """Continue a job from its status in the ledger: after a duplicate message, or when it is due again."""
        if job.status is JobStatus.PROCESSING:
            return self.binding.start(job)
        if job.is_terminal:
            self.settlement.publish_event(job)
            return Done(job)
        waits_until = max(filter(None, (job.lease_until, job.next_attempt_at)), default=self.clock())
        if job.status is JobStatus.IN_DOUBT or waits_until > self.clock():
            return Done(job)  # an operator must decide, or it is not due: the sweep sends it again when it is
        provable_at = self.in_doubt.provable_at(job)
        if provable_at > self.clock():
            return RetryLater.until(provable_at, self.clock(), "the provider's list need not show a lost submit yet")
        job = self.ledger.take_over(job, self.clock(), invocation_ends + LEASE_MARGIN)
        if job.status is JobStatus.CLAIMED:
            return self._resume_claimed(job)
        return self.in_doubt.resolve(job) or self._resend(job)

    def _resume_claimed(self, job: Job) -> Outcome:
        """Dispatch a job that was claimed before, if its object is still the same."""
        try:
            source = self.sources.find(output_keys.upload_of(job)) if job.source_bucket == self.input_bucket else None
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        if source is None:
            return self.settlement.source_gone(job, f"this stack no longer watches the bucket {job.source_bucket}")
        if source.job_id != job.job_id:  # an unversioned object was overwritten: the newer upload has a job of its own
            return self.settlement.source_gone(job, f"{job.source_uri} was overwritten since its upload")
        return self._skip_or_dispatch(source, job)

    def _resend(self, job: Job) -> Outcome:
        """Release the reservation and send the job again, because the provider's list proves that nothing was accepted."""
        self.ledger.release(job, self.clock(), error="the provider never received the earlier submit")
        return RetryLater(0, f"{job.source_key} is sent again")
