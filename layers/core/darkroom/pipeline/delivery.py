"""delivery: a finished process' result into the output bucket, whole or not at all, once for each process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from darkroom import images, output_keys
from darkroom.errors import (
    ErrorCode,
    ProcessUnknown,
    ProviderSilent,
    ResultNotReady,
    SourceGone,
    UnsafeLink,
    UnsupportedFormat,
)
from darkroom.model import ANY_FORMAT, ImageFacts, ImageFormat, Job, ProcessState, Progress
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, InputBucket, Ledger, OutputBucket, Provider, ResultLink, Staging


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Must be called by the owner of a `PROCESSING` job. Repeat safe: what stands with this job's receipt is not copied twice."""

    sources: InputBucket
    outputs: OutputBucket
    staging: Staging
    ledger: Ledger
    settlement: Settlement
    clock: Clock
    retention: Mapping[str, timedelta]  # how long each provider keeps a result

    def __call__(self, job: Job, provider: Provider, progress: Progress) -> Job:
        """The result in place, then settled; or lost, and settled. Raises ResultNotReady, or what the provider's silence
        raised, while it may be had later."""
        credits = charge(job, progress)
        known = self._known_key(job)
        expected = known or job.require_dispatch().output_key
        key, newest = self._take(job, expected, credits, lasting=known is not None)
        try:
            if not self._stands(key, job):
                key, newest = self._fetched(job, provider, progress, key, newest)
        except StagedForNothing as broken:
            return self.lose(job, credits, str(broken))
        except (ResultNotReady, ProcessUnknown, UnsafeLink) as error:
            if self.may_come(job):
                raise ResultNotReady(str(error)) from None
            return self.lose(job, credits, str(error))
        except ProviderSilent as silent:
            if self.may_come(job):
                raise
            return self.lose(job, credits, str(silent))
        completed = self.settlement.complete(job, credits, key, superseded=not newest)
        process = job.require_process()
        if process.staged:  # not before: until then it may be the only copy that nobody else may overwrite
            self.staging.drop(job.job_id, process.process_id)
        return completed

    def is_in_place(self, job: Job) -> bool:
        """Whether the result of this process stands already, with its receipt: an earlier try wrote it."""
        key = self._known_key(job)
        return key is not None and any(
            self._stands(at, job) for at in (key, output_keys.superseded_key(key, job.job_id))
        )

    def _known_key(self, job: Job) -> str | None:
        """Where the result goes; None while its format is open, unless an earlier try put it in place."""
        dispatch = job.require_dispatch()
        if dispatch.output_format != ANY_FORMAT:
            return dispatch.output_key
        keys = dict.fromkeys(output_keys.key_in_format(job.source_key, form) for form in ImageFormat)
        places = ((key, place) for key in keys for place in (key, output_keys.superseded_key(key, job.job_id)))
        return next((key for key, place in places if self._stands(place, job)), None)

    def _take(self, job: Job, key: str, credits: Decimal, *, lasting: bool = True) -> tuple[str, bool]:
        """The key to write, as its one writer, and whether the result of the newest version stands there then.
        Not `lasting`: only to note the charge; it keeps nobody else from the key."""
        now = self.clock()
        until = job.lease_until if lasting else None
        newest = self.ledger.lock_output(job, key, credits, now, until or now)
        return (key if newest else output_keys.superseded_key(key, job.job_id)), newest

    def _stands(self, key: str, job: Job) -> bool:
        """Whether this process' result is in place there."""
        return self.outputs.receipt(key).get(output_keys.RECEIPT_PROCESS) == job.require_process().process_id

    def _fetched(self, job: Job, provider: Provider, progress: Progress, key: str, newest: bool) -> tuple[str, bool]:
        """Where it was put, and whether as the newest: what was staged; else, or should it be gone or no whole picture, what
        the provider gives by the process' id. Raises StagedForNothing where it gives none."""
        try:
            return self._copied(self._opened(job, provider), job, progress, key, newest)
        except BrokenResult as broken:
            if not self._is_staged(job):
                raise
            given = _finished(provider, job.require_process().process_id)  # what was staged stays as it is
            if given is None:
                raise StagedForNothing(str(broken)) from None
        given = replace(given, credits=progress.credits)
        return self._copied(provider.result(job.require_process().process_id), job, given, key, newest)

    def _opened(self, job: Job, provider: Provider) -> AbstractContextManager[ResultLink]:
        """What was staged; else what the provider gives."""
        process_id = job.require_process().process_id
        return self.staging.open(job.job_id, process_id) if self._is_staged(job) else provider.result(process_id)

    def _copied(
        self, opening: AbstractContextManager[ResultLink], job: Job, progress: Progress, key: str, newest: bool
    ) -> tuple[str, bool]:
        credits = charge(job, progress)
        with opening as link:
            facts = check_result(link, job, progress)
            if job.require_dispatch().output_format == ANY_FORMAT:
                key, newest = self._take(job, output_keys.key_in_format(job.source_key, facts.format), credits)
                if self._stands(key, job):
                    return key, newest
            self._write(key, link, facts.format, job, credits)
        return key, newest

    def _is_staged(self, job: Job) -> bool:
        process = job.require_process()
        return process.staged and self.staging.find(job.handle) == process.process_id

    def _write(self, key: str, link: ResultLink, form: ImageFormat, job: Job, credits: Decimal) -> None:
        metadata: Mapping[str, str] = {}
        tags: Mapping[str, str] = {}
        try:
            source = self.sources.find(output_keys.upload_of(job))
            if source.job_id == job.job_id:  # an unversioned object may have been overwritten since
                metadata, tags = source.metadata, self.sources.tags(source)
        except SourceGone:
            pass  # the source may be deleted while it is enhanced; the result is paid for and is published without them
        self.outputs.write(key, link, form.content_type, output_keys.receipt_metadata(job, credits, metadata), tags)

    def may_come(self, job: Job) -> bool:
        """Whether the result of a finished process may still be had. A provider keeps it from when it finished, which no
        port tells: at the latest that was at the deadline."""
        return self.clock() < job.deadline_at + self.retention[job.require_provider()]

    def is_kept(self, job: Job) -> bool:
        """Whether the provider must still know the process: what it does not know then, it never finished."""
        return self.clock() < job.require_process().submitted_at + self.retention[job.require_provider()]

    def lose(self, job: Job, credits: Decimal, why: str) -> Job:
        """The result was charged and cannot be had any more."""
        return self.settlement.fail(job, ErrorCode.RESULT_LOST, f"charged, but not to be had any more: {why}", credits)


def charge(job: Job, progress: Progress) -> Decimal:
    """What a finished process costs: as its provider says, else as reserved."""
    return progress.credits if progress.credits is not None else job.require_reservation().credits_reserved


class BrokenResult(ResultNotReady):
    """All bytes may have come, but they are not the picture that was ordered."""


class StagedForNothing(ResultNotReady):
    """What was staged is not the picture that was ordered, and the provider gives no other."""


def _finished(provider: Provider, process_id: str) -> Progress | None:
    """What the provider says of a process that is completed there; None of any other."""
    try:
        progress = provider.progress(process_id)
    except ProcessUnknown:
        return None
    return progress if progress.state is ProcessState.COMPLETED else None


def check_result(link: ResultLink, job: Job, progress: Progress) -> ImageFacts:
    """What the result is. Raises BrokenResult unless it is a whole image of the format and size that were agreed."""
    try:
        facts = images.inspect(link.read, link.size_bytes)
    except UnsupportedFormat as broken:
        raise BrokenResult(f"the result is not a whole image: {broken}") from None
    output_format = job.require_dispatch().output_format
    if output_format not in (ANY_FORMAT, facts.format.value):
        raise BrokenResult(f"the result is {facts.format.value}, {output_format} was asked for")
    reported = (progress.output_width, progress.output_height)
    # assumed: a vendor may report the sides as stored, before EXIF orientation; a turned picture is still the picture.
    if None not in reported and reported not in {(facts.width, facts.height), (facts.height, facts.width)}:
        raise BrokenResult(
            f"the result is {facts.width}×{facts.height}, the provider reported {reported[0]}×{reported[1]}"
        )
    return facts
