"""Delivery: copies the result of a finished process to the output bucket, complete or not at all, and settles the job."""

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
    SourceDenied,
    SourceGone,
    UnsafeLink,
    UnsupportedFormat,
)
from darkroom.model import ANY_FORMAT, RESULT_FORMATS, ImageFacts, ImageFormat, Job, ProcessState, Progress
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, InputBucket, Ledger, OutputBucket, Provider, ResultLink, StagedResults


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Delivers results. Only the owner of a `PROCESSING` job may call it. Repeat safe: a result that is in place with this
    process's receipt is not copied again."""

    sources: InputBucket
    outputs: OutputBucket
    staging: StagedResults
    ledger: Ledger
    settlement: Settlement
    clock: Clock
    retention: Mapping[str, timedelta]  # how long each provider keeps a result

    def __call__(self, job: Job, provider: Provider, progress: Progress) -> Job:
        """Put the result in place and settle the job. If the result is lost, settle the job as `FAILED`. While the provider may
        still give the result, raise ResultNotReady or the provider's error."""
        credits = charged_credits(job, progress)
        known = self._known_key(job)
        expected = known or job.require_dispatch().output_key
        key, newest = self._lock_key(job, expected, credits, lasting=known is not None)
        try:
            if not self._is_at(key, job):
                key, newest = self._copy_result(job, provider, progress, key, newest)
        except NoUsableResult as broken:
            return self.fail_as_lost(job, credits, str(broken))
        except (ResultNotReady, ProcessUnknown, UnsafeLink) as error:
            if self.may_still_be_available(job):
                raise ResultNotReady(str(error)) from None
            return self.fail_as_lost(job, credits, str(error))
        except ProviderSilent as silent:
            if self.may_still_be_available(job):
                raise
            return self.fail_as_lost(job, credits, str(silent))
        completed = self.settlement.complete(job, credits, key, superseded=not newest)
        process = job.require_process()
        if process.staged:  # only now: until then it may be the only copy that no other job can overwrite
            self.staging.drop(job.job_id, process.process_id)
        return completed

    def is_in_place(self, job: Job) -> bool:
        """Return whether an earlier attempt has already put the result of this process in place."""
        key = self._known_key(job)
        return key is not None and any(
            self._is_at(at, job) for at in (key, output_keys.superseded_key(key, job.job_id))
        )

    def _known_key(self, job: Job) -> str | None:
        """Return the output key; None if the format is not known yet and no earlier attempt put the result in place."""
        dispatch = job.require_dispatch()
        if dispatch.output_format != ANY_FORMAT:
            return dispatch.output_key
        keys = dict.fromkeys(output_keys.key_in_format(job.source_key, form) for form in RESULT_FORMATS)
        places = ((key, place) for key in keys for place in (key, output_keys.superseded_key(key, job.job_id)))
        return next((key for key, place in places if self._is_at(place, job)), None)

    def _lock_key(self, job: Job, key: str, credits: Decimal, *, lasting: bool = True) -> tuple[str, bool]:
        """Become the only writer of the key. Return the key to write, and whether the result is the newest version's.

        If not `lasting`, only the charge is recorded, and other jobs may write the key.
        """
        now = self.clock()
        until = job.lease_until if lasting else None
        newest = self.ledger.lock_output(job, key, credits, now, until or now)
        return (key if newest else output_keys.superseded_key(key, job.job_id)), newest

    def _is_at(self, key: str, job: Job) -> bool:
        """Return whether this process's result is at that key."""
        return self.outputs.receipt(key).get(output_keys.RECEIPT_PROCESS) == job.require_process().process_id

    def _copy_result(
        self, job: Job, provider: Provider, progress: Progress, key: str, newest: bool
    ) -> tuple[str, bool]:
        """Copy the staged result, or the provider's if none is staged. Return its key, and whether it is the newest version's.

        If the staged result is broken, the provider's is copied instead. Raises NoUsableResult if the provider has none.
        """
        try:
            return self._copy(self._open_result(job, provider), job, progress, key, newest)
        except BrokenResult as broken:
            if not self._is_staged(job):
                raise
            # The provider's result is the only other one; the staged one stays broken.
            given = _completed_progress(provider, job.require_process().process_id)
            if given is None:
                raise NoUsableResult(str(broken)) from None
        given = replace(given, credits=progress.credits)
        return self._copy(provider.result(job.require_process().process_id), job, given, key, newest)

    def _open_result(self, job: Job, provider: Provider) -> AbstractContextManager[ResultLink]:
        """Open the staged result, or the provider's if none is staged."""
        process_id = job.require_process().process_id
        return self.staging.open(job.job_id, process_id) if self._is_staged(job) else provider.result(process_id)

    def _copy(
        self, opening: AbstractContextManager[ResultLink], job: Job, progress: Progress, key: str, newest: bool
    ) -> tuple[str, bool]:
        credits = charged_credits(job, progress)
        with opening as link:
            facts = check_result(link, job, progress)
            if job.require_dispatch().output_format == ANY_FORMAT:
                key, newest = self._lock_key(job, output_keys.key_in_format(job.source_key, facts.format), credits)
                if self._is_at(key, job):
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
            if source.job_id == job.job_id:  # otherwise an unversioned object was overwritten
                metadata, tags = source.metadata, self.sources.tags(source)
        except (SourceGone, SourceDenied):
            pass  # deleted or denied meanwhile; the result is paid for, and is published without metadata and tags
        self.outputs.write(key, link, form.content_type, output_keys.receipt_metadata(job, credits, metadata), tags)

    def may_still_be_available(self, job: Job) -> bool:
        """Return whether the provider may still have the result of a finished process. It keeps a result for some time after
        the process has finished. When that was is not known, so the latest possible time is taken: the job's deadline."""
        return self.clock() < job.deadline_at + self.retention[job.require_provider()]

    def would_still_be_known(self, job: Job) -> bool:
        """Return whether the provider would still have the result if it had finished the process. If it does not know the process
        then, it never finished it."""
        return self.clock() < job.require_process().submitted_at + self.retention[job.require_provider()]

    def fail_as_lost(self, job: Job, credits: Decimal, why: str) -> Job:
        """End the job as `FAILED` with ResultLost: the result was charged and cannot be fetched any more."""
        return self.settlement.fail(
            job, ErrorCode.RESULT_LOST, f"charged, but the result cannot be fetched: {why}", credits
        )


def charged_credits(job: Job, progress: Progress) -> Decimal:
    """Return what a finished process costs: the provider's number, or the reservation if it gives none."""
    return progress.credits if progress.credits is not None else job.require_reservation().credits_reserved


class BrokenResult(ResultNotReady):
    """The bytes of the result are not a complete image, or not of the expected format or size."""


class NoUsableResult(ResultNotReady):
    """The staged result is broken, and the provider has no other."""


def _completed_progress(provider: Provider, process_id: str) -> Progress | None:
    """Return the progress of a process that is completed at the provider, None for any other."""
    try:
        progress = provider.progress(process_id)
    except ProcessUnknown:
        return None
    return progress if progress.state is ProcessState.COMPLETED else None


def check_result(link: ResultLink, job: Job, progress: Progress) -> ImageFacts:
    """Return the facts of the result. Raises BrokenResult unless it is a complete image of the expected format and size."""
    try:
        facts = images.inspect(link.read, link.size_bytes)
    except UnsupportedFormat as broken:
        raise BrokenResult(f"the result is not a whole image: {broken}") from None
    if facts.format not in RESULT_FORMATS:
        raise BrokenResult(f"the result is {facts.format.value}, which no model gives")
    output_format = job.require_dispatch().output_format
    if output_format not in (ANY_FORMAT, facts.format.value):
        raise BrokenResult(f"the result is {facts.format.value}, {output_format} was asked for")
    reported = (progress.output_width, progress.output_height)
    # assumed: a vendor may report the sides before EXIF orientation is applied, so both orders are accepted.
    if None not in reported and reported not in {(facts.width, facts.height), (facts.height, facts.width)}:
        raise BrokenResult(
            f"the result is {facts.width}×{facts.height}, the provider reported {reported[0]}×{reported[1]}"
        )
    return facts
