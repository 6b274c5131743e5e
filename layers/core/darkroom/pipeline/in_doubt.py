"""In doubt: a submit whose answer was lost. The provider's own list decides; what it cannot tell, a person does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import catalog
from darkroom.errors import ErrorCode, ProviderSilent
from darkroom.model import FoundProcess, Handle, Job, JobStatus, ProcessState, Submission
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.outcomes import Done, Outcome, RetryLater
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, Ledger, Provider, Staging

LOOKUP_RETRY_SECONDS = 60
CLOCKS_DIFFER = timedelta(seconds=20)  # by so much two workers' clocks may; absence is proof only if none was fast


@dataclass(frozen=True, kw_only=True)
class InDoubt:
    """Ends doubts by lookup. Never calls submit."""

    ledger: Ledger
    staging: Staging
    providers: Mapping[str, Provider]
    binding: Binding
    settlement: Settlement
    clock: Clock

    def begin(self, job: Job, why: str) -> Outcome:
        """The call ended without an answer: look once the vendor's list must show it. The reservation stays."""
        due = self.clock() + _visibility_grace(job)
        self.ledger.postpone(job, due, error=why)
        return RetryLater.until(due, self.clock(), why)

    def provable_at(self, job: Job) -> datetime:
        """From when on a lookup proves something. A worker that died left a lease: its call may have ended with it."""
        if job.status is not JobStatus.SUBMITTING or job.lease_until is None:
            return job.next_attempt_at or job.created_at
        return job.lease_until + _visibility_grace(job)

    def resolve(self, job: Job) -> Outcome | None:
        """Adopts what was staged, or what the list shows; None when it excludes the submit, asked with the key that sent it."""
        provider = self.providers[job.require_provider()]
        key_fingerprint = job.require_reservation().key_fingerprint
        process_id = self.staging.find(job.handle)
        if process_id is not None:
            return self.binding.bind(provider, job, Submission(process_id, self.clock(), staged=True))
        if provider.key_fingerprint() != key_fingerprint:
            provider.refresh_key()  # another container may have sent it with a key that this one has not seen yet
        try:
            found = ask(provider, job)
        except ProviderSilent as unknown:
            return self._look_again(job, str(unknown))
        if found is None:
            return Done(
                self.settlement.leave_in_doubt(job, f"{provider.name} has no list that would show the lost submit")
            )
        meant = standing(job, found)
        if meant:
            return self._adopt(provider, job, meant)
        if found:
            why = f"{provider.name} lists failed calls of this run alone, and none is known to be the one that was lost"
            return Done(self.settlement.leave_in_doubt(job, why))
        if provider.key_fingerprint() != key_fingerprint:
            why = "the API key changed since the submit, so this account's list proves nothing"
            return Done(self.settlement.leave_in_doubt(job, why))
        return None

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

    def _look_again(self, job: Job, why: str) -> Outcome:
        now = self.clock()
        if now >= job.deadline_at:
            return Done(
                self.settlement.leave_in_doubt(job, f"the provider's list could not be read until the deadline: {why}")
            )
        due = now + timedelta(seconds=LOOKUP_RETRY_SECONDS)
        self.ledger.postpone(job, due, error=why)
        return RetryLater.until(due, now, why)


def standing(job: Job, found: tuple[FoundProcess, ...]) -> tuple[FoundProcess, ...]:
    """Of what was found, what may have been paid for, with its failed doubles, else the failure that ended the lost submit.

    A synchronous provider's log shows refused calls as failed too: those of earlier attempts of the run say nothing of the
    one that was lost. That is the attempt before this worker's; where others looked in vain in between, the job does not say
    which it was, and a failure decides nothing.
    """
    if not job.require_dispatch().send_mode.is_synchronous:
        return tuple(sorted(found, key=_failed))
    alive = [process for process in found if not _failed(process)]
    sent = Handle(job.job_id, job.run, job.attempt - 1)
    meant = {_name(process) for process in alive} or {str(sent)}
    return (*alive, *(process for process in found if _failed(process) and _name(process) in meant))


def _name(process: FoundProcess) -> str:
    """The handle alone, where a list shows it as a file's name."""
    return process.handle.partition(".")[0]


def _failed(process: FoundProcess) -> bool:
    return process.state is ProcessState.FAILED


def ask(provider: Provider, job: Job) -> tuple[FoundProcess, ...] | None:
    """What the provider's list shows of the job's run; raises what `Provider.find` raises."""
    sent = job.require_dispatch()
    return provider.find(job.handle, sent.send_mode, sent.reserved_at)


def _visibility_grace(job: Job) -> timedelta:
    """How long, by another worker's clock, the provider's list may lack a submit whose request has ended."""
    return timedelta(seconds=catalog.load(job.require_provider()).visibility_grace_seconds) + CLOCKS_DIFFER
