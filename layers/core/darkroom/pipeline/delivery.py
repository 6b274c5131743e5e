"""delivery: a finished process' result into the output bucket, whole or not at all, once for each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from darkroom import images, naming
from darkroom.errors import ErrorCode, ProcessUnknown, ResultNotReady, SourceGone, UnsafeLink, UnsupportedFormat
from darkroom.model import ImageFormat, Job, Progress
from darkroom.pipeline.closing import NOTHING, Closing
from darkroom.ports import Clock, Ledger, Outputs, Provider, ResultLink, Sources


@dataclass(frozen=True)
class Delivery:
    """Must be called by the owner of a `PROCESSING` job. Repeat safe: what stands with this job's receipt is not copied twice."""

    sources: Sources
    outputs: Outputs
    ledger: Ledger
    closing: Closing
    clock: Clock
    retention: Mapping[str, timedelta]  # how long each provider keeps a result

    def __call__(self, job: Job, provider: Provider, progress: Progress) -> Job:
        """The result in place, then settled; or lost, and settled. Raises ResultNotReady when it may be had later."""
        credits = charge(job, progress)
        now = self.clock()
        newest = self.ledger.take_output(job, credits, now, job.lease_until or now)
        key = job.output_key or job.source_key
        key = key if newest else naming.superseded_key(key, job.job_id)
        if self.outputs.receipt(key).get("darkroom-process-id") != job.process_id:
            try:
                with provider.result(job.process_id or "") as link:
                    check_result(link, job, progress)
                    self._write(key, link, job, credits)
            except (ResultNotReady, ProcessUnknown, UnsafeLink) as error:
                if self.is_kept(job):
                    raise ResultNotReady(str(error)) from None
                return self.lose(job, credits, str(error))
        return self.closing.complete(job, credits, key, superseded=not newest)

    def _write(self, key: str, link: ResultLink, job: Job, credits: Decimal) -> None:
        metadata: Mapping[str, str] = {}
        tags: Mapping[str, str] = {}
        try:
            source = self.sources.find(naming.upload_of(job))
            if source.job_id == job.job_id:  # an unversioned object may have been overwritten since
                metadata, tags = source.metadata, self.sources.tags(source)
        except SourceGone:
            pass  # the source may be deleted while it is enhanced; the result is paid for and is published without them
        content_type = ImageFormat(job.output_format or "jpeg").content_type
        self.outputs.write(key, link, content_type, naming.receipt_metadata(job, credits, metadata), tags)

    def is_kept(self, job: Job) -> bool:
        """Whether the provider must still know the process: what it does not know then, it never finished."""
        return self.clock() < (job.submitted_at or job.created_at) + self.retention[job.provider or ""]

    def lose(self, job: Job, credits: Decimal, why: str) -> Job:
        """The result was charged and cannot be had any more."""
        return self.closing.fail(job, ErrorCode.RESULT_LOST, f"charged, but not to be had any more: {why}", credits)


def charge(job: Job, progress: Progress) -> Decimal:
    """What a finished process costs: as its provider says, else as reserved."""
    return progress.credits if progress.credits is not None else (job.credits_reserved or NOTHING)


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
