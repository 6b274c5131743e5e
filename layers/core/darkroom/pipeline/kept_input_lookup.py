"""Kept input lookup: finds a lost submit by the image that the vendor keeps, where the vendor's list does not name it.

A process is a job's own if the vendor keeps the job's very bytes for it, nothing that its entry repeats contradicts the job, no
other run has it, and it is the only such process.
This module must not bind anything, and it never proves that nothing was accepted.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from darkroom import catalog, images, output_keys, request_echo
from darkroom.errors import (
    ProcessUnknown,
    Refusal,
    ResultNotReady,
    SourceDenied,
    SourceGone,
    UnsafeLink,
)
from darkroom.model import LEASE_MARGIN, FoundProcess, Job, ProcessState, SourceObject, UnnamedProcess
from darkroom.ports import Clock, InputBucket, KeptInputs, Ledger, Provider

MAX_CANDIDATES = 20  # processes whose kept image is asked for, in one lookup
MAX_COMPARED = 3  # images of the right length that are read to their end
VENDOR_CLOCK_SKEW = timedelta(minutes=5)  # how far behind ours a vendor's clock may be
MIN_TIME_LEFT = timedelta(seconds=30)  # of the invocation, to write down what was found
PIECE_BYTES = 1 << 20
# A process in such a state is not charged, so that it does no harm if nobody can read its image.
UNPAID = (ProcessState.FAILED, ProcessState.CANCELLED)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Undecided:
    """Nobody can tell whether the vendor accepted, and why."""

    why: str


@dataclass(frozen=True, kw_only=True)
class KeptInputLookup:
    """The lookup with its dependencies. It reads only; repeat safe."""

    sources: InputBucket
    ledger: Ledger
    clock: Clock

    def __call__(self, provider: Provider, job: Job, accepted_by: datetime) -> FoundProcess | Undecided:
        """Return the one process that has the job's image. A lost submit was accepted at `accepted_by` at the latest.

        Raises ProviderSilent if the vendor could not be asked.
        """
        if provider.inputs is None:
            return Undecided(f"{provider.name} has no list that would show the lost submit")
        if job.require_dispatch().send_mode.is_synchronous:
            return Undecided(f"{provider.name}'s list does not name the image of a synchronous call")
        try:
            return self._decide(provider.inputs, provider.name, job, accepted_by)
        except (SourceGone, SourceDenied, Refusal) as unread:
            return Undecided(
                f"{provider.name}'s list does not name the image, and the source cannot be compared: {unread}"
            )
        except (ResultNotReady, UnsafeLink, ProcessUnknown) as unread:
            return Undecided(f"{provider.name}'s list does not name the image, and a kept one cannot be read: {unread}")

    def _decide(self, inputs: KeptInputs, provider: str, job: Job, accepted_by: datetime) -> FoundProcess | Undecided:
        source = self.sources.find(output_keys.upload_of(job))
        if source.job_id != job.job_id:
            raise SourceGone(f"{job.source_uri} was overwritten since its upload")
        candidates = self._candidates(inputs, job, source, accepted_by)
        if len(candidates) > MAX_CANDIDATES:
            return Undecided(f"{provider} lists {len(candidates)} processes without our name, too many to compare")
        same = self._with_same_bytes(inputs, candidates, job, source)
        log.info(
            "kept inputs compared",
            extra={"job_id": job.job_id, "candidates": len(candidates), "same": [one.process_id for one in same]},
        )
        match same:
            case []:
                return Undecided(f"{provider} has no process with this image's bytes, which proves nothing")
            case [only]:
                return only
        names = ", ".join(one.process_id for one in same)
        return Undecided(
            f"{provider} has several processes with this image's bytes, and no job is bound to them: {names}"
        )

    def _candidates(
        self, inputs: KeptInputs, job: Job, source: SourceObject, accepted_by: datetime
    ) -> list[FoundProcess]:
        """Return the processes that can be the job's by their time and by what their entries repeat, and that no run has."""
        model = catalog.load(job.require_provider()).models.get(job.require_model())
        if model is None:  # an older version had it, and nobody knows how its entry looks
            return []
        since = job.require_dispatch().reserved_at - VENDOR_CLOCK_SKEW
        entries = [one for one in inputs.unnamed(since) if _is_in_time(one, accepted_by)]
        if not entries:
            return []
        facts = images.inspect(self.sources.reader(source), source.size_bytes)
        fitting = [one.found for one in entries if request_echo.can_be_of(job, model, facts, one)]
        return [one for one in fitting if not self.ledger.is_taken(job, one.process_id)]

    def _with_same_bytes(
        self, inputs: KeptInputs, candidates: list[FoundProcess], job: Job, source: SourceObject
    ) -> list[FoundProcess]:
        """Return the candidates whose kept image has the source's length and bytes. Raises ResultNotReady, UnsafeLink,
        ProcessUnknown, SourceGone, SourceDenied, SourceUnreadable."""
        own_digest: bytes | None = None
        compared, same = 0, []
        for candidate in candidates:
            try:
                with inputs.open(candidate.process_id) as kept:
                    if kept.size_bytes != source.size_bytes:
                        continue
                    compared += 1
                    if compared > MAX_COMPARED:
                        raise ResultNotReady(f"more than {MAX_COMPARED} have this image's length")
                    own_digest = own_digest or self._source_digest(source, job)
                    if self._digest(kept.stream(), job) == own_digest:
                        same.append(candidate)
            except ProcessUnknown:
                if candidate.state not in UNPAID:
                    raise
        return same

    def _source_digest(self, source: SourceObject, job: Job) -> bytes:
        with closing(self.sources.open(source)) as body:
            return self._digest(iter(partial(body.read, PIECE_BYTES), b""), job)

    def _digest(self, pieces: Iterator[bytes], job: Job) -> bytes:
        """Return the SHA-256 of the pieces. Raises ResultNotReady if this invocation is too short for it."""
        digest = hashlib.sha256()
        for piece in pieces:
            if job.lease_until is not None and job.lease_until - LEASE_MARGIN - self.clock() < MIN_TIME_LEFT:
                raise ResultNotReady("one invocation is too short to compare an image of this size")
            digest.update(piece)
        return digest.digest()


def _is_in_time(entry: UnnamedProcess, accepted_by: datetime) -> bool:
    return entry.found.created_at is None or entry.found.created_at <= accepted_by
