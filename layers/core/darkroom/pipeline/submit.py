"""Takes an upload from the intake queue, claims its job, and lets dispatch send the job to the provider.

Submit also continues jobs that an earlier attempt left unfinished. A job that is not due yet is left to the sweep. Submit never
guesses whether money was spent. If an attempt fails for an unknown reason, its message fails too. After ten failures, SQS moves
the message to the dead-letter queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import folder_files, output_keys
from darkroom.errors import ClaimHeld, JobExpired, LedgerBusy, LedgerNotOwned, LostClaim, SourceDenied, SourceGone
from darkroom.model import LEASE_MARGIN, Job, JobDue, JobStatus, SourceObject, Upload
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.folder_settings import FolderFileCheck
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.message_outcomes import Done, Ignored, Outcome, RetryLater
from darkroom.pipeline.process_binding import Binding
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.submit_retries import Retries
from darkroom.ports import Clock, InputBucket, Ledger

FOREIGN_LEDGER_WAIT_SECONDS = 300  # while the ledger belongs to another stack, each upload is looked at this seldom
SHORT_OUTAGE = timedelta(hours=1)
CONTENDED_WAIT_SECONDS = 30  # conflicts in the ledger end within seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receive:
    """One receive of a message. `is_repeated` is true if the message was received before and not acknowledged."""

    invocation_ends: datetime
    is_repeated: bool


@dataclass(frozen=True, kw_only=True)
class Submit:
    """Handles the messages of the intake queue. Repeat safe: it may be called any number of times for one upload."""

    sources: InputBucket
    ledger: Ledger
    dispatch: Dispatch
    binding: Binding
    settlement: Settlement
    in_doubt: InDoubt
    retries: Retries
    clock: Clock
    input_bucket: str
    deadline: timedelta
    check_folder_file: FolderFileCheck
    suffixes: Sequence[str] = ()  # checked here, because an event rule with a prefix cannot check them

    def __call__(self, what: Upload | JobDue, invocation_ends: datetime, is_repeated: bool) -> Outcome:
        """Bring the upload or the due job as far as is possible now. Raises only if delivering the message again may help.

        `is_repeated` is true if the message was received before and not acknowledged.
        """
        receive = Receive(invocation_ends, is_repeated)
        try:
            if isinstance(what, JobDue):
                return self._take_job(what, receive)
            if what.bucket == self.input_bucket and folder_files.is_folder_file(what.key):
                return self.check_folder_file(what)
            if what.bucket != self.input_bucket or not output_keys.is_upload(what.key, suffixes=self.suffixes):
                return Ignored("not an upload of this stack")
            return self._take_upload(what, receive)
        except LedgerNotOwned as foreign:
            return RetryLater(FOREIGN_LEDGER_WAIT_SECONDS, str(foreign))
        except (LostClaim, LedgerBusy) as error:
            # The next attempt continues from the job's status in the ledger. Even a paid submit is safe, because its job stays
            # SUBMITTING until the provider's list was read.
            return RetryLater(CONTENDED_WAIT_SECONDS, str(error))

    def _take_upload(self, upload: Upload, receive: Receive) -> Outcome:
        """Claim the upload's job and dispatch it. If the object is gone or may not be read, its job is still written, so that
        people see it. That needs the object's version or its entry in the listing."""
        lost: SourceGone | SourceDenied | None
        try:
            source, lost = self._find_or_identify(upload)
        except SourceGone as gone:
            missing = output_keys.missing_source(upload, self.clock())
            if missing is None:
                return Ignored(str(gone))
            source, lost = missing, gone
        now = self.clock()
        try:
            claim = self.ledger.claim(source, now, receive.invocation_ends + LEASE_MARGIN, now + self.deadline)
        except JobExpired as expired:
            return Ignored(str(expired))
        if not claim.owned:
            return self._resume(claim.job, receive)
        return self._end_or_dispatch(claim.job, lambda: _found(source, lost))

    def _find_or_identify(self, upload: Upload) -> tuple[SourceObject, SourceDenied | None]:
        try:
            return self.sources.find(upload), None
        except SourceDenied as denied:
            return self.sources.identify(upload), denied

    def _take_job(self, due: JobDue, receive: Receive) -> Outcome:
        """Continue a job that is due. If its last attempts failed, another failure does not fail this message, because the sweep
        sends the job again."""
        job = self.ledger.get(due.job_id)
        if job is None:
            return Ignored("no such job")
        if not due.after_failure:
            return self._resume(job, receive)
        if receive.is_repeated and job.lease_until is not None:
            return Done(job)  # the worker that received this message before died
        try:
            return self._resume(job, receive)
        except (LostClaim, LedgerBusy):
            raise
        except Exception:
            log.exception("a job that failed before failed again", extra={"job_id": job.job_id})
            return Done(job)

    def _end_or_dispatch(self, job: Job, find: Callable[[], SourceObject]) -> Outcome:
        """Bring a `CLAIMED` job of this worker as far as is possible now. `find` returns its source."""
        try:
            # A cancellation and the deadline come first, because they end the job without reading its object.
            if job.cancel_requested_at:
                return self.settlement.cancel(job, "cancelled by an operator before it was sent")
            if self.clock() >= job.deadline_at:
                return self.settlement.expire_unsent(job)
            return self._skip_or_dispatch(job, find)
        except LedgerBusy as busy:
            return self._end_claim_early(job, str(busy))
        except LostClaim:
            raise
        except Exception as error:
            self.retries.note_failure(job, error)
            raise

    def _skip_or_dispatch(self, job: Job, find: Callable[[], SourceObject]) -> Outcome:
        try:
            source = find()
        except SourceGone as gone:
            return self.settlement.source_gone(job, str(gone))
        except SourceDenied as denied:
            return self.retries.read_later(job, denied)
        if output_keys.RECEIPT_JOB in source.metadata:
            return self.settlement.skip(job, "an output of Darkroom cannot be its input")
        return self.dispatch(job, source)

    def _end_claim_early(self, job: Job, why: str) -> Outcome:
        """End the claim early, so that the next message does not have to wait for the end of an unused lease. Raises LostClaim
        if the job is past `CLAIMED`."""
        due = self.clock() + timedelta(seconds=CONTENDED_WAIT_SECONDS)
        self.ledger.postpone(job, due, error=why)
        return RetryLater(CONTENDED_WAIT_SECONDS, why)

    def _resume(self, job: Job, receive: Receive) -> Outcome:
        """Continue a job from its status in the ledger. The message is a duplicate, or the job is due again."""
        now = self.clock()
        if job.status is JobStatus.PROCESSING:
            return self.binding.start(job)
        if job.is_terminal:
            self.settlement.publish_event(job)
            return Done(job)
        if receive.is_repeated and job.lease_until is not None and job.lease_until > now:
            raise ClaimHeld("the lease of the worker that received this message before is not over")
        waits_until = max(filter(None, (job.lease_until, job.next_attempt_at)), default=now)
        if job.status is JobStatus.IN_DOUBT or waits_until > now:
            return Done(job)  # an operator must decide, or the job is not due; the sweep sends it when it is due
        job = self.ledger.take_over(job, now, receive.invocation_ends + LEASE_MARGIN)
        if job.status is JobStatus.CLAIMED:
            return self._end_or_dispatch(job, lambda: self._source_of(job))
        return self._look_up(job)

    def _source_of(self, job: Job) -> SourceObject:
        """Return the object that the job was made from. Raises SourceGone if it is no longer the same object, SourceDenied."""
        if job.source_bucket != self.input_bucket:
            raise SourceGone(f"this stack no longer watches the bucket {job.source_bucket}")
        source = self.sources.find(output_keys.upload_of(job))
        if source.job_id != job.job_id:  # without versions, the object was overwritten; the newer one has its own job
            raise SourceGone(f"{job.source_uri} was overwritten since its upload")
        return source

    def _look_up(self, job: Job) -> Outcome:
        """Resolve a lost submit. If every attempt fails until the deadline, and for an hour at least, an operator must
        decide. A shorter outage of AWS says nothing about a staged result."""
        try:
            return self.in_doubt.resolve(job) or self._resend(job)
        except (LostClaim, LedgerBusy):
            raise
        except Exception as error:
            now = self.clock()
            if now < max(job.deadline_at, (job.failing_since or now) + SHORT_OUTAGE):
                self.retries.note_failure(job, error)
                raise
            log.exception("a lost submit could not be looked up", extra={"job_id": job.job_id})
            why = f"looking the submit up failed until the job's deadline ({type(error).__name__})"
            return Done(self.settlement.leave_in_doubt(job, why))

    def _resend(self, job: Job) -> Outcome:
        """Release the reservation and send the job again, because the provider's list proves that nothing was accepted. Raises
        LostClaim if a callback came while the list was read, so that it is weighed by the next lookup."""
        self.ledger.release(job, self.clock(), error="the provider never received the earlier submit", unless_told=True)
        return RetryLater(0, f"{job.source_key} is sent again")


def _found(source: SourceObject, lost: SourceGone | SourceDenied | None) -> SourceObject:
    if lost is not None:
        raise lost
    return source
