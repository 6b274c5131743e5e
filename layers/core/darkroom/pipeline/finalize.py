"""finalize: ends a job, whatever its outcome. A result is published whole or not at all, and settled once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from darkroom import images, naming
from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    LedgerBusy,
    LostClaim,
    OperatorFault,
    ProcessUnknown,
    ProviderUnavailable,
    ResultNotReady,
    SourceGone,
    Throttled,
    UnsafeLink,
    UnsupportedFormat,
)  # fmt: skip
from darkroom.model import ImageFormat, Job, JobStatus, ProcessState, Progress, Tick
from darkroom.pipeline.closing import NOTHING, Closing
from darkroom.ports import Clock, Ledger, Outputs, Provider, ResultLink, Sources

LEASE_MARGIN = timedelta(seconds=60)
SILENCE_BORNE = timedelta(
    hours=1
)  # past the deadline; then a person decides instead of a provider that does not answer


@dataclass(frozen=True)
class Finalize:
    """The use case with its dependencies. Repeat safe; raises what a retry may mend."""

    sources: Sources
    outputs: Outputs
    ledger: Ledger
    providers: Mapping[str, Provider]
    closing: Closing
    clock: Clock
    retention: Mapping[str, timedelta]  # how long each provider keeps a result

    def __call__(self, job_id: str, run: int, invocation_ends: datetime) -> Tick:
        """The job's terminal status, `IN_DOUBT`, or `running` when it is not over after all."""
        job = self.ledger.get(job_id)
        if job is None or job.run != run:
            return Tick(job_id, run, "ABSENT", self.clock())
        if job.status is JobStatus.PROCESSING:
            job = self._close(job, invocation_ends + LEASE_MARGIN)
        elif job.is_terminal:
            self.closing.announce(job)
        status = "running" if job.status is JobStatus.PROCESSING else job.status.value
        return Tick(job_id, run, status, self.clock())

    def _close(self, job: Job, lease_until: datetime) -> Job:
        try:
            job = self.ledger.retake(job, self.clock(), lease_until)
            return self._outcome(job, self.providers[job.provider or ""])
        except LostClaim:
            current = self.ledger.get(job.job_id)
            if current is None or current.status is JobStatus.PROCESSING:
                raise  # another worker may be at it: see again later how that ended
            return self.closing.announce(current)
        except Exception as error:
            self._end_lease(job, error)
            raise

    def _end_lease(self, job: Job, error: Exception) -> None:
        """A retry may begin at once, whatever went wrong."""
        why = str(error) if isinstance(error, DarkroomError) else type(error).__name__
        with suppress(LostClaim, LedgerBusy):
            self.ledger.postpone(job, self.clock(), None, why)

    def _outcome(self, job: Job, provider: Provider) -> Job:
        try:
            progress = self._last_word(job, provider)
        except ProcessUnknown:
            return self._unknown(job)
        except (OperatorFault, ProviderUnavailable, Throttled) as silent:
            if self.clock() < job.deadline_at + SILENCE_BORNE:
                raise
            why = f"past its deadline, and the provider does not say how it ended: {silent}: a person must resolve it"
            return self.ledger.doubt(job, why, self.clock())
        return self._ended(job, provider, progress)

    def _last_word(self, job: Job, provider: Provider) -> Progress:
        """How the process stands, after a try to cancel it when it is late."""
        progress = provider.progress(job.process_id or "")
        if progress.state is not ProcessState.RUNNING or self.clock() < job.deadline_at:
            return progress
        if self._cancelled(provider, job):
            return replace(progress, state=ProcessState.CANCELLED)
        return provider.progress(job.process_id or "")

    def _ended(self, job: Job, provider: Provider, progress: Progress) -> Job:
        late = self.clock() >= job.deadline_at
        match progress.state:
            case ProcessState.RUNNING if late:
                why = "past its deadline, and the provider would not cancel it: a person must resolve it"
                return self.ledger.doubt(job, why, self.clock())
            case ProcessState.RUNNING:
                return self.ledger.postpone(job, self.clock(), None, None)
            case ProcessState.CANCELLED if late:
                return self.closing.fail(
                    job, ErrorCode.TIMED_OUT, "not finished at its deadline; cancelled, not charged"
                )
            case ProcessState.COMPLETED:
                return self._deliver(job, provider, progress)
            case ProcessState.EXPIRED:
                return self._lost(job, progress, "the provider no longer keeps the result")
            case ProcessState.FAILED | ProcessState.CANCELLED:
                why = f"the provider says `{progress.vendor_word}` and gives no reason; it was not charged"
                return self.closing.fail(job, ErrorCode.PROVIDER_FAILED, why)

    def _unknown(self, job: Job) -> Job:
        if self.clock() >= job.deadline_at:
            why = "the provider knows no such process at the job's deadline"
            return self.closing.fail(job, ErrorCode.TIMED_OUT, why)
        return self.ledger.postpone(job, self.clock(), None, "the provider does not know the process yet")

    def _cancelled(self, provider: Provider, job: Job) -> bool:
        try:
            return provider.cancel(job.process_id or "")
        except ProcessUnknown:
            return True

    def _deliver(self, job: Job, provider: Provider, progress: Progress) -> Job:
        credits = progress.credits if progress.credits is not None else (job.credits_reserved or NOTHING)
        now = self.clock()
        newest = self.ledger.take_output(job, now, job.lease_until or now)
        key = job.output_key or job.source_key
        key = key if newest else naming.superseded_key(key, job.job_id)
        if self.outputs.receipt(key).get("darkroom-process-id") != job.process_id:
            try:
                with provider.result(job.process_id or "") as link:
                    check_result(link, job, progress)
                    self._write(key, link, job, progress)
            except (ResultNotReady, ProcessUnknown, UnsafeLink) as error:
                if now < (job.submitted_at or job.created_at) + self.retention[job.provider or ""]:
                    raise ResultNotReady(str(error)) from None
                return self._lost(job, progress, str(error))
        return self.closing.complete(job, credits, key, superseded=not newest)

    def _write(self, key: str, link: ResultLink, job: Job, progress: Progress) -> None:
        metadata: Mapping[str, str] = {}
        tags: Mapping[str, str] = {}
        try:
            source = self.sources.find(naming.upload_of(job))
            if source.job_id == job.job_id:  # an unversioned object may have been overwritten since
                metadata, tags = source.metadata, self.sources.tags(source)
        except SourceGone:
            pass  # the source may be deleted while it is enhanced; the result is paid for and is published without them
        credits = progress.credits if progress.credits is not None else (job.credits_reserved or NOTHING)
        content_type = ImageFormat(job.output_format or "jpeg").content_type
        self.outputs.write(key, link, content_type, naming.receipt_metadata(job, credits, metadata), tags)

    def _lost(self, job: Job, progress: Progress, why: str) -> Job:
        charged = progress.credits if progress.credits is not None else (job.credits_reserved or NOTHING)
        return self.closing.fail(job, ErrorCode.RESULT_LOST, f"charged, but not to be had any more: {why}", charged)


def check_result(link: ResultLink, job: Job, progress: Progress) -> None:
    """Raises ResultNotReady unless the bytes are a whole image of the format and size that the provider reported."""
    try:
        facts = images.inspect(link.read, link.size_bytes)
    except UnsupportedFormat as broken:
        raise ResultNotReady(f"the result is not a whole image: {broken}") from None
    if facts.format.value != job.output_format:
        raise ResultNotReady(f"the result is {facts.format.value}, {job.output_format} was asked for")
    reported = (progress.output_width, progress.output_height)
    # assumed: a vendor may report the sides as stored, before EXIF orientation; a turned picture is still the picture.
    if None not in reported and reported not in {(facts.width, facts.height), (facts.height, facts.width)}:
        raise ResultNotReady(
            f"the result is {facts.width}×{facts.height}, the provider reported {reported[0]}×{reported[1]}"
        )
