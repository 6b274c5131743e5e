"""Resolves submits whose answer was lost, by the provider's own list, or by the images that it keeps. If neither is a proof, an
operator decides.

A process in the list proves that the submit was accepted. But a list without the process proves nothing for a while, because the
list may lag. So the list is read soon, and then again and again, until the time when it must show every submit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import catalog
from darkroom.errors import ErrorCode, ProviderSilent
from darkroom.model import FoundProcess, Handle, Job, LostAnswer, ProcessState, Submission
from darkroom.pipeline.kept_input_lookup import KeptInputLookup, Undecided
from darkroom.pipeline.message_outcomes import Done, Outcome, RetryLater
from darkroom.pipeline.process_binding import Binding
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, Ledger, Provider, StagedResults

# While the list cannot be read, the pause until the next lookup is half of the time since the reservation. These are its shortest
# and its longest value.
LOOKUP_RETRY = timedelta(minutes=1)
MAX_LOOKUP_RETRY = timedelta(minutes=15)
CLOCK_SKEW = timedelta(seconds=20)  # how far two workers' clocks may differ
# The list is read at these times after a request that ended without an answer. It is read for the last time when it must show the
# submit.
LOOKS_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 45, 120, 300, 900))
LIST_MARGIN = timedelta(
    hours=1
)  # a submit must be so much younger than the list's reach, because the vendor's clock counts
ACCOUNT_CHANGED = "the API key or the base URL changed since the submit, so this account's list proves nothing"


@dataclass(frozen=True, kw_only=True)
class InDoubt:
    """Looks lost submits up in the provider's list. It never submits."""

    ledger: Ledger
    staging: StagedResults
    providers: Mapping[str, Provider]
    binding: Binding
    settlement: Settlement
    find_by_image: KeptInputLookup
    clock: Clock

    def begin(self, job: Job, why: str) -> Outcome:
        """Keep the job `SUBMITTING`, with its reservation, until the vendor's list is read for the first time."""
        now = self.clock()
        return self._look_later(job, LostAnswer(lost_at=now, lost_attempt=job.attempt), now, why)

    def provable_at(self, job: Job) -> datetime:
        """Return the time from which the vendor's list must show the lost submit if it was accepted."""
        return job.require_lost().lost_at + _visibility_grace(job)

    def resolve(self, job: Job) -> Outcome | None:
        """Adopt the staged result, or the process that the provider's list shows, or look again later. Return None if the list
        proves that nothing was accepted: from `provable_at` on, unless `why_no_proof` has a reason against it."""
        provider = self.providers[job.require_provider()]
        process_id = self.staging.find(job.handle)
        if process_id is not None:
            return self.binding.bind(provider, job, Submission(process_id, self.clock(), staged=True))
        try:
            found = find_processes(provider, job)
        except ProviderSilent as unknown:
            return self._retry_lookup(job, str(unknown))
        chargeable = chargeable_processes(job, found or ())
        if chargeable:
            return self._adopt(provider, job, chargeable)
        now = self.clock()
        if now < self.provable_at(job):
            return self._look_later(job, job.require_lost(), now, f"{provider.name} does not list the lost submit yet")
        if found is None:
            return self._resolve_by_image(provider, job)
        if found:
            why = (
                f"{provider.name} lists only failed calls of this run, and none of them is known to be the lost submit"
            )
            return Done(self.settlement.leave_in_doubt(job, why))
        if doubt := why_no_proof(provider, job, now):
            return Done(self.settlement.leave_in_doubt(job, doubt))
        return None

    def _resolve_by_image(self, provider: Provider, job: Job) -> Outcome:
        """Adopt the one process that has the job's image, or leave the job in doubt. A found process is never cancelled, because
        nothing but its bytes says whose it is."""
        is_same_account = job.require_reservation().is_of_account(provider.key_fingerprint())
        if provider.inputs is not None and not is_same_account:
            return Done(self.settlement.leave_in_doubt(job, ACCOUNT_CHANGED))
        try:
            found = self.find_by_image(provider, job, job.require_lost().lost_at + CLOCK_SKEW)
        except ProviderSilent as unknown:
            return self._retry_lookup(job, str(unknown))
        if isinstance(found, Undecided):
            return Done(self.settlement.leave_in_doubt(job, found.why + _named_by_callback(job)))
        return self._adopt(provider, job, (found,))

    def _look_later(self, job: Job, lost: LostAnswer, now: datetime, why: str) -> Outcome:
        """Let the list be read again at the next time of LOOKS_AFTER, at the latest when it must show the submit."""
        last = lost.lost_at + _visibility_grace(job)
        due = next((lost.lost_at + after for after in LOOKS_AFTER if now < lost.lost_at + after < last), last)
        self.ledger.postpone(job, due, error=why, lost=lost)
        return RetryLater.until(due, now, why)

    def _adopt(self, provider: Provider, job: Job, found: tuple[FoundProcess, ...]) -> Outcome:
        first, *others = found
        for other in others:
            self.binding.orphan(provider, job, other.process_id)
        if first.state is ProcessState.EXPIRED:
            charged = first.credits if first.credits is not None else job.require_reservation().credits_reserved
            why = f"charged as {first.process_id}, but the answer with the result was lost and cannot be fetched again"
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
    """Return the processes that may have been charged. If there are none, return the failed process of the lost attempt.

    A failed process is also returned, at the end, if it has the same handle as a process that may have been charged.

    The log of a synchronous provider also shows refused calls, as failed. The failures of earlier attempts say nothing about the
    lost attempt.
    """
    if not job.require_dispatch().send_mode.is_synchronous:
        return tuple(sorted(found, key=_has_failed))
    alive = [process for process in found if not _has_failed(process)]
    sent = Handle(job.job_id, job.run, job.lost.lost_attempt if job.lost else job.attempt)
    handles = {_handle_of(process) for process in alive} or {str(sent)}
    return (*alive, *(process for process in found if _has_failed(process) and _handle_of(process) in handles))


def why_no_proof(provider: Provider, job: Job, now: datetime) -> str | None:
    """Return why the provider's list, which lacks the job's run, is no proof that nothing was accepted; None if it is a proof.

    The list must have been read with the submit's API key at the submit's base URL, and must reach back to the submit. No
    callback about the run may contradict it.
    """
    if not job.require_reservation().is_of_account(provider.key_fingerprint()):
        return ACCOUNT_CHANGED
    reach = catalog.load(job.require_provider()).list_reach_hours
    if now > job.require_dispatch().reserved_at + timedelta(hours=reach) - LIST_MARGIN:
        return f"{provider.name} lists the last {reach} h, and the submit is older, or nearly so"
    if job.told is not None:  # so the vendor has accepted something, and the list lacks it or was cleared
        return f"{provider.name} does not list the lost submit under its name{_named_by_callback(job)}"
    return None


def _named_by_callback(job: Job) -> str:
    """Return the end of a sentence for the person who decides the doubt: which process a callback named, if one came."""
    return f"; a callback named process {job.told.told_process_id}" if job.told else ""


def _handle_of(process: FoundProcess) -> str:
    """Return the handle of the process, without the suffix of a filename."""
    return process.handle.partition(".")[0]


def _has_failed(process: FoundProcess) -> bool:
    return process.state is ProcessState.FAILED


def find_processes(provider: Provider, job: Job) -> tuple[FoundProcess, ...] | None:
    """Return the processes of the job's run from the provider's list, or None if the list is no proof. If the submit was made
    with another API key, the key is read again first. Raises what `Provider.find` raises."""
    if not job.require_reservation().is_of_account(provider.key_fingerprint()):
        provider.refresh_key()  # another container may have used a newer key
    sent = job.require_dispatch()
    return provider.find(job.handle, sent.send_mode, sent.reserved_at)


def _visibility_grace(job: Job) -> timedelta:
    """Return for how long after a submit the provider's list may lack it. The possible difference of clocks is included."""
    return timedelta(seconds=catalog.load(job.require_provider()).visibility_grace_seconds) + CLOCK_SKEW
