"""In doubt: resolves a submit whose answer was lost, by the provider's own list, or by the images that it keeps. If neither can
tell, an operator decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import catalog
from darkroom.errors import ErrorCode, ProviderSilent
from darkroom.model import FoundProcess, Handle, Job, JobStatus, ProcessState, Submission
from darkroom.pipeline.kept_input_lookup import KeptInputLookup, Undecided
from darkroom.pipeline.process_binding import Binding
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.submit_outcomes import Done, Outcome, RetryLater
from darkroom.ports import Clock, Ledger, Provider, StagedResults

# The shortest and the longest pause between two lookups while the list cannot be read: half of the time since the reservation.
LOOKUP_RETRY, MAX_LOOKUP_RETRY = timedelta(minutes=1), timedelta(minutes=15)
CLOCK_SKEW = timedelta(seconds=20)  # between two workers; a lookup too early would prove nothing
KEY_CHANGED = "the API key changed since the submit, so this account's list proves nothing"


@dataclass(frozen=True, kw_only=True)
class InDoubt:
    """Resolves doubts by lookup. It never submits."""

    ledger: Ledger
    staging: StagedResults
    providers: Mapping[str, Provider]
    binding: Binding
    settlement: Settlement
    find_by_image: KeptInputLookup
    clock: Clock

    def begin(self, job: Job, why: str) -> Outcome:
        """Leave the job `SUBMITTING` and its reservation as it is, until the vendor's list must show an accepted submit."""
        due = self.clock() + _visibility_grace(job)
        self.ledger.postpone(job, due, error=why)
        return RetryLater.until(due, self.clock(), why)

    def provable_at(self, job: Job) -> datetime:
        """Return the time from which a lookup proves something: after the lease, within which a dead worker's call must have
        ended, and the time that the vendor's list may lag."""
        if job.status is not JobStatus.SUBMITTING or job.lease_until is None:
            return job.next_attempt_at or job.created_at
        return job.lease_until + _visibility_grace(job)

    def resolve(self, job: Job) -> Outcome | None:
        """Adopt the staged result, or the process that the provider's list shows. Return None if the list proves that nothing
        was accepted: it was read with the API key of the submit."""
        provider = self.providers[job.require_provider()]
        key_fingerprint = job.require_reservation().key_fingerprint
        process_id = self.staging.find(job.handle)
        if process_id is not None:
            return self.binding.bind(provider, job, Submission(process_id, self.clock(), staged=True))
        try:
            if provider.key_fingerprint() != key_fingerprint:
                provider.refresh_key()  # another container may have used a newer key
            found: tuple[FoundProcess, ...] | Undecided | None = find_processes(provider, job)
            if found is None:
                found = self._find_by_image(provider, job)
        except ProviderSilent as unknown:
            return self._retry_lookup(job, str(unknown))
        if isinstance(found, Undecided):
            return Done(self.settlement.leave_in_doubt(job, found.why))
        chargeable = chargeable_processes(job, found)
        if chargeable:
            return self._adopt(provider, job, chargeable)
        if found:
            why = f"{provider.name} lists failed calls of this run alone, and none is known to be the one that was lost"
            return Done(self.settlement.leave_in_doubt(job, why))
        if provider.key_fingerprint() != key_fingerprint:
            return Done(self.settlement.leave_in_doubt(job, KEY_CHANGED))
        return None

    def _find_by_image(self, provider: Provider, job: Job) -> tuple[FoundProcess] | Undecided:
        """Return the one process that has the job's image, where the provider's list does not tell. Raises ProviderSilent."""
        if provider.inputs is not None and provider.key_fingerprint() != job.require_reservation().key_fingerprint:
            return Undecided(KEY_CHANGED)
        found = self.find_by_image(provider, job, self.clock() - _visibility_grace(job))
        return found if isinstance(found, Undecided) else (found,)

    def _adopt(self, provider: Provider, job: Job, found: tuple[FoundProcess, ...]) -> Outcome:
        first, *others = found
        for other in others:
            self.binding.orphan(provider, job, other.process_id)
        if first.state is ProcessState.EXPIRED:
            charged = first.credits if first.credits is not None else job.require_reservation().credits_reserved
            why = f"charged as {first.process_id}, but its answer was lost and cannot be had again"
            return Done(self.settlement.fail(job, ErrorCode.RESULT_LOST, why, charged))
        if first.state is ProcessState.FAILED and job.require_dispatch().send_mode.is_synchronous:
            why = f"the provider failed at {first.process_id}; it was not charged"
            return Done(self.settlement.fail(job, ErrorCode.PROVIDER_FAILED, why))
        return self.binding.bind(provider, job, Submission(first.process_id, first.eta or self.clock()))

    def _retry_lookup(self, job: Job, why: str) -> Outcome:
        now = self.clock()
        if now >= job.deadline_at:
            return Done(
                self.settlement.leave_in_doubt(job, f"the provider's list could not be read until the deadline: {why}")
            )
        pause = (now - job.require_dispatch().reserved_at) / 2
        due = now + min(max(pause, LOOKUP_RETRY), MAX_LOOKUP_RETRY)
        self.ledger.postpone(job, due, error=why)
        return RetryLater.until(due, now, why)


def chargeable_processes(job: Job, found: tuple[FoundProcess, ...]) -> tuple[FoundProcess, ...]:
    """Return the processes that may have been charged. If none may have been, return the failure of the lost attempt.

    A failed process with the same handle as one that may have been charged is returned too, after it.

    The log of a synchronous provider also shows refused calls, as failed. The failures of earlier attempts say nothing of the
    attempt that was lost, which is the one before this worker's. If other workers have looked since without a result, the
    lost attempt is not known, and a failure proves nothing.
    """
    if not job.require_dispatch().send_mode.is_synchronous:
        return tuple(sorted(found, key=_has_failed))
    alive = [process for process in found if not _has_failed(process)]
    sent = Handle(job.job_id, job.run, job.attempt - 1)
    handles = {_handle_of(process) for process in alive} or {str(sent)}
    return (*alive, *(process for process in found if _has_failed(process) and _handle_of(process) in handles))


def _handle_of(process: FoundProcess) -> str:
    """Return the process's handle, without the suffix of a filename."""
    return process.handle.partition(".")[0]


def _has_failed(process: FoundProcess) -> bool:
    return process.state is ProcessState.FAILED


def find_processes(provider: Provider, job: Job) -> tuple[FoundProcess, ...] | None:
    """Return what the provider's list shows of the job's run. Raises what `Provider.find` raises."""
    sent = job.require_dispatch()
    return provider.find(job.handle, sent.send_mode, sent.reserved_at)


def _visibility_grace(job: Job) -> timedelta:
    """Return how long the provider's list may lack a submit after its request has ended, plus the difference of clocks."""
    return timedelta(seconds=catalog.load(job.require_provider()).visibility_grace_seconds) + CLOCK_SKEW
