"""Copies the result of a finished process to the output bucket, complete or not at all, and settles the job."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from darkroom import images, output_keys
from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    KeyTaken,
    OutputBusy,
    ProcessUnknown,
    ProviderSilent,
    ResultNotReady,
    UnsafeLink,
    UnsupportedFormat,
)
from darkroom.model import (
    ANY_FORMAT,
    RESULT_FORMATS,
    ImageFacts,
    Job,
    ProcessState,
    Progress,
    SourceObject,
)
from darkroom.pipeline.foreign_objects import is_foreign
from darkroom.pipeline.picture_metadata import PictureMetadata
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import (
    Clock,
    InputBucket,
    Ledger,
    OutputBucket,
    Provider,
    ResultHeaders,
    ResultLink,
    StagedResults,
    StandingObject,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a result goes: its key, whether that is the job's own output key, and the object that it replaces there."""

    key: str
    is_own_key: bool  # False = a versioned key, because something else stands at the job's own one
    standing: StandingObject | None
    notes: str | None = None  # what the result does not have of its source


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Delivers results. Only the owner of a `PROCESSING` job may call it. Repeat safe, because a result that is in place with the
    receipt of this process is not copied again."""

    sources: InputBucket
    outputs: OutputBucket
    staging: StagedResults
    ledger: Ledger
    settlement: Settlement
    picture_metadata: PictureMetadata
    clock: Clock
    retention: Mapping[str, timedelta]  # provider → how long it keeps a result

    def __call__(self, job: Job, provider: Provider, progress: Progress) -> Job:
        """Put the result in place and settle the job. If the result cannot be fetched, raise ResultNotReady or the provider's
        error as long as the provider may still have the result. After that time, settle the job as `FAILED`."""
        job = self._in_this_bucket(job)
        credits = charged_credits(job, progress)
        known = self._known_key(job)
        expected = known or job.require_dispatch().output_key
        place = self._place_for(job, expected, credits, holds_key=known is not None)
        try:
            if not _is_result_of(place.standing, job):
                place = self._copy_result(job, provider, progress, place)
        except NoUsableResult as broken:
            return self.fail_as_lost(job, credits, str(broken))
        except (KeyTaken, OutputBusy):
            raise  # the result is there: the next attempt finds what came to the key, or the end of the other version's write
        except (ResultNotReady, ProcessUnknown, UnsafeLink) as error:
            if self.may_still_be_available(job):
                raise ResultNotReady(str(error)) from None
            return self.fail_as_lost(job, credits, str(error))
        except ProviderSilent as silent:
            if self.may_still_be_available(job):
                raise
            return self.fail_as_lost(job, credits, str(silent))
        completed = self.settlement.complete(
            job,
            credits,
            place.key,
            superseded=not place.is_own_key,
            notes=place.notes or _notes_of(place.standing, job),
        )
        process = job.require_process()
        if process.staged:  # only now, because before it may have been the only copy that no other job can overwrite
            self.staging.drop(job.job_id, process.process_id)
        return completed

    def _in_this_bucket(self, job: Job) -> Job:
        """Return the job with the stack's present output bucket. It may have had another one when the job was sent, which
        finalize may no longer write."""
        return replace(job, dispatch=replace(job.require_dispatch(), output_bucket=self.outputs.bucket))

    def is_in_place(self, job: Job) -> bool:
        """Return whether an earlier attempt has already put the result of this process in place."""
        key = self._known_key(job)
        return key is not None and any(
            self._is_at(at, job) for at in (key, output_keys.superseded_key(key, job.job_id))
        )

    def _known_key(self, job: Job) -> str | None:
        """Return the output key. Return None if the format is not known yet and no earlier attempt put the result in place."""
        dispatch = job.require_dispatch()
        if dispatch.output_format != ANY_FORMAT:
            return dispatch.output_key
        base = output_keys.result_base(job)
        keys = dict.fromkeys(output_keys.key_in_format(base, form) for form in RESULT_FORMATS)
        places = ((key, place) for key in keys for place in (key, output_keys.superseded_key(key, job.job_id)))
        return next((key for key, place in places if self._is_at(place, job)), None)

    def _place_for(self, job: Job, key: str, credits: Decimal, *, holds_key: bool = True) -> Place:
        """Record the charge, and make this job the only writer of the key while its lease lasts. Return where to write: under a
        versioned key if the result of a newer version or a foreign object is at the key.

        If `holds_key` is false, other jobs may write the key.
        """
        now = self.clock()
        until = job.lease_until if holds_key else None
        if self.ledger.lock_output(job, key, credits, now, until or now):
            standing = self.outputs.find(key)
            if not is_foreign(standing, self.ledger, self.outputs.bucket, key):
                return Place(key, is_own_key=True, standing=standing)
        versioned = output_keys.superseded_key(key, job.job_id)
        return Place(versioned, is_own_key=False, standing=self.outputs.find(versioned))

    def _is_at(self, key: str, job: Job) -> bool:
        """Return whether the object at that key is the result of the job's process."""
        return _is_result_of(self.outputs.find(key), job)

    def _copy_result(self, job: Job, provider: Provider, progress: Progress, place: Place) -> Place:
        """Copy the staged result, or the provider's result if none is staged. Return where it is.

        If the staged result is broken, copy the provider's result instead. Raises NoUsableResult if the provider has none.
        """
        try:
            return self._copy(self._open_result(job, provider), job, progress, place)
        except BrokenResult as broken:
            if not self._is_staged(job):
                raise
            # The staged result stays broken, so only the provider's result is left.
            given = _completed_progress(provider, job.require_process().process_id)
            if given is None:
                raise NoUsableResult(str(broken)) from None
        given = replace(given, credits=progress.credits)
        return self._copy(provider.result(job.require_process().process_id), job, given, place)

    def _open_result(self, job: Job, provider: Provider) -> AbstractContextManager[ResultLink]:
        """Open the staged result, or the provider's result if none is staged."""
        process_id = job.require_process().process_id
        return self.staging.open(job.job_id, process_id) if self._is_staged(job) else provider.result(process_id)

    def _copy(self, opening: AbstractContextManager[ResultLink], job: Job, progress: Progress, place: Place) -> Place:
        credits = charged_credits(job, progress)
        with opening as link:
            facts = check_result(link, job, progress)
            if job.require_dispatch().output_format == ANY_FORMAT:
                base = output_keys.result_base(job)
                place = self._place_for(job, output_keys.key_in_format(base, facts.format), credits)
                if _is_result_of(place.standing, job):
                    return place
            source = self._find_source(job)
            spliced = self.picture_metadata(job, source, link, facts.format)
            receipt = output_keys.receipt(job, credits, spliced.notes)
            headers = self._headers(job, source, ResultHeaders(facts.format.content_type, receipt))
            self.outputs.write(place.key, spliced.link, headers, place.standing)
        return replace(place, notes=", ".join(spliced.notes) or None)

    def _is_staged(self, job: Job) -> bool:
        process = job.require_process()
        return process.staged and self.staging.find(job.handle) == process.process_id

    def _find_source(self, job: Job) -> SourceObject | None:
        """Return the version that the job was made from. Return None if it is gone or cannot be read, whatever the reason is."""
        try:
            source = self.sources.find(output_keys.upload_of(job))
        except Exception as error:  # of any type: the SDK has repeated the request already
            _log_missing(job, error)
            return None
        return source if source.job_id == job.job_id else None  # an unversioned object may have been overwritten

    def _headers(self, job: Job, source: SourceObject | None, headers: ResultHeaders) -> ResultHeaders:
        """Return the receipt, and what the source's owner put beside its bytes. The result is paid for, so that it is published
        without what cannot be read any more, whatever the reason is."""
        if source is None:
            return headers
        try:
            metadata = output_keys.kept_metadata(headers.receipt, source.metadata)
            headers = replace(headers, metadata=metadata, serving_headers=source.serving_headers)
            return headers if job.require_dispatch().drops_tags else replace(headers, tags=self.sources.tags(source))
        except Exception as error:  # of any type: the SDK has repeated the request already
            _log_missing(job, error)
            return headers

    def may_still_be_available(self, job: Job) -> bool:
        """Return whether the provider may still have the result of a finished process. The provider keeps a result for some time
        after the process has finished. The time of the finish is unknown, so the latest possible time counts: the job's
        deadline."""
        return self.clock() < job.deadline_at + self.retention[job.require_provider()]

    def would_still_be_known(self, job: Job) -> bool:
        """Return whether the provider would surely still have the result if it had ever finished the process. If so, and the
        provider does not know the process, then it never finished it."""
        return self.clock() < job.require_process().submitted_at + self.retention[job.require_provider()]

    def fail_as_lost(self, job: Job, credits: Decimal, why: str) -> Job:
        """End the job as `FAILED` with ResultLost, because the result was charged and cannot be fetched any more."""
        return self.settlement.fail(
            job, ErrorCode.RESULT_LOST, f"charged, but the result cannot be fetched: {why}", credits
        )


def charged_credits(job: Job, progress: Progress) -> Decimal:
    """Return the price of a finished process. It is the provider's number, or the reservation if the provider gives none."""
    return progress.credits if progress.credits is not None else job.require_reservation().credits_reserved


def _is_result_of(standing: StandingObject | None, job: Job) -> bool:
    """Whether the object is the result of the job's process."""
    receipt = standing.metadata if standing else {}
    return receipt.get(output_keys.RECEIPT_PROCESS) == job.require_process().process_id


def _notes_of(standing: StandingObject | None, job: Job) -> str | None:
    """Return the notes in the receipt of the job's own result."""
    return standing.metadata.get(output_keys.RECEIPT_NOTES) if standing and _is_result_of(standing, job) else None


def _log_missing(job: Job, error: Exception) -> None:
    why = str(error) if isinstance(error, DarkroomError) else type(error).__name__
    log.warning("a result lacks headers or tags of its source", extra={"job_id": job.job_id, "why": why})


class BrokenResult(ResultNotReady):
    """The bytes of the result are no complete image, or an image of another format or size than expected."""


class NoUsableResult(ResultNotReady):
    """The staged result is broken, and the provider has no result either."""


def _completed_progress(provider: Provider, process_id: str) -> Progress | None:
    """Return the progress of a process that is completed at the provider; None for any other process."""
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
        raise BrokenResult(f"the result is {facts.format.value}, but {output_format} was requested")
    reported = (progress.output_width, progress.output_height)
    # assumed: a vendor may report width and height before EXIF orientation is applied, so they may also be swapped.
    if None not in reported and reported not in {(facts.width, facts.height), (facts.height, facts.width)}:
        raise BrokenResult(
            f"the result is {facts.width}×{facts.height}, the provider reported {reported[0]}×{reported[1]}"
        )
    return facts
