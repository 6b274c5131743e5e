"""finalize: ends a job, whatever its outcome. A result is published whole or not at all, and settled once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from darkroom import poll_schedule
from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    LedgerBusy,
    LostClaim,
    OutputBusy,
    ProcessUnknown,
    ProviderSilent,
    ResultNotReady,
    UnsafeLink,
)
from darkroom.model import LEASE_MARGIN, Job, JobStatus, PollState, PollStatus, ProcessState, Progress, ProviderProcess
from darkroom.pipeline.delivery import Delivery, charge
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, Ledger, Provider

SILENCE_BORNE = timedelta(hours=1)  # past the deadline: no answer, or a 404, may pass; then it is acted upon
BUSY_LOOK = timedelta(
    seconds=60
)  # another version's result is being written to the key: look again, or when that must end


@dataclass(frozen=True, kw_only=True)
class Finalize:
    """The use case with its dependencies. Repeat safe; raises what a retry may mend."""

    ledger: Ledger
    providers: Mapping[str, Provider]
    delivery: Delivery
    settlement: Settlement
    clock: Clock

    def __call__(self, job_id: str, run: int, invocation_ends: datetime) -> PollState:
        """The job's terminal status, `IN_DOUBT`, or `running` when it is not over after all."""
        job = self.ledger.get(job_id)
        if job is None or job.run != run:
            return PollState(job_id, run, PollStatus.ABSENT, self.clock())
        if job.status is JobStatus.PROCESSING:
            job = self._close(job, invocation_ends + LEASE_MARGIN)
        elif job.is_terminal:
            self.settlement.announce(job)
        if job.status is not JobStatus.PROCESSING:
            return PollState(job_id, run, job.status, self.clock())
        soonest = self.clock() + timedelta(seconds=poll_schedule.MIN_WAIT_SECONDS)  # never round in circles at once
        return PollState(
            job_id, run, PollStatus.RUNNING, max(filter(None, (job.lease_until, job.next_attempt_at, soonest)))
        )

    def _close(self, job: Job, lease_until: datetime) -> Job:
        try:
            job = self.ledger.take_over(job, self.clock(), lease_until)
            return self._outcome(job, self.providers[job.require_provider()])
        except LostClaim:
            current = self.ledger.get(job.job_id)
            if current is None or current.run != job.run:
                raise
            if current.status is JobStatus.PROCESSING:
                return current  # another worker is at it, or died at it: see how that ended when its lease is over
            return self.settlement.announce(current)
        except OutputBusy as busy:
            return self.ledger.postpone(job, min(busy.until, self.clock() + BUSY_LOOK), error=str(busy))
        except Exception as error:
            self._end_lease(job, error)
            raise

    def _end_lease(self, job: Job, error: Exception) -> None:
        """A retry may begin at once, whatever went wrong."""
        why = str(error) if isinstance(error, DarkroomError) else type(error).__name__
        with suppress(LostClaim, LedgerBusy):
            self.ledger.postpone(job, self.clock(), error=why)

    def _outcome(self, job: Job, provider: Provider) -> Job:
        charged = job.require_process().credits_charged
        if charged is not None and not job.cancel_requested_at and self.delivery.is_in_place(job):
            # An earlier try died before it settled. Whatever the provider says by now, what was paid for stands there.
            return self.delivery(job, provider, Progress(ProcessState.COMPLETED, credits=charged))
        try:
            progress = self._heard(job, provider)
        except ProviderSilent as silent:
            if self.clock() < job.deadline_at + SILENCE_BORNE:
                raise
            why = f"past its deadline, and the provider does not say how it ended: {silent}"
            return self.settlement.leave_in_doubt(job, why)
        if progress is None:
            return self._unknown(job, provider)
        return self._ended(job, provider, progress)

    def _heard(self, job: Job, provider: Provider) -> Progress | None:
        """What the provider says of the process; None when it does not know it, nor gives its result all the same, as where
        somebody else removed it from the list (asked only once it must have finished, or is late)."""
        process = job.require_process()
        try:
            return as_staged(process, provider) if process.staged else self._last_word(job, provider)
        except ProcessUnknown:
            is_awaited = process.credits_charged is not None or self.clock() >= job.deadline_at
            if is_awaited and is_given(provider, process):
                return Progress(ProcessState.COMPLETED, credits=process.credits_charged)
            return None

    def _last_word(self, job: Job, provider: Provider) -> Progress:
        """How the process stands, after a try to cancel it when it is late or no longer wanted."""
        process_id = job.require_process().process_id
        progress = provider.progress(process_id)
        unwanted = job.cancel_requested_at is not None or self.clock() >= job.deadline_at
        if progress.state is not ProcessState.RUNNING or not unwanted:
            return progress
        if self._cancelled(provider, process_id):
            return replace(progress, state=ProcessState.CANCELLED)
        return provider.progress(process_id)

    def _ended(self, job: Job, provider: Provider, progress: Progress) -> Job:
        late, charged = self.clock() >= job.deadline_at, job.require_process().credits_charged
        if progress.state is ProcessState.RUNNING:
            if late:
                return self.settlement.leave_in_doubt(job, "past its deadline, and the provider would not cancel it")
            return self.ledger.postpone(job, self.clock())
        if job.cancel_requested_at:
            return self._withdrawn(job, progress)
        match progress.state:
            case ProcessState.CANCELLED if late and charged is None:
                why = "not finished at its deadline; cancelled, not charged"
                return self.settlement.fail(job, ErrorCode.TIMED_OUT, why)
            case ProcessState.COMPLETED:
                return self.delivery(job, provider, progress)
            case ProcessState.EXPIRED:
                return self.delivery.lose(job, charge(job, progress), "the provider no longer keeps the result")
            case _:  # failed, or cancelled by somebody else
                reason = f": {progress.reason}" if progress.reason else " and gives no reason"
                said = f"the provider says `{progress.vendor_word}`{reason}"
                if charged is not None:
                    return self.delivery.lose(job, charged, f"{said}, and had said before that it was finished")
                return self.settlement.fail(job, ErrorCode.PROVIDER_FAILED, f"{said}; it was not charged")

    def _withdrawn(self, job: Job, progress: Progress) -> Job:
        """An operator cancelled it. What the provider finished before that is charged all the same."""
        if progress.state in (ProcessState.COMPLETED, ProcessState.EXPIRED):
            credits = charge(job, progress)
            why = f"cancelled by an operator, too late: the provider had finished and charges {credits}"
            return self.settlement.cancel(job, why, credits).job
        return self.settlement.cancel(job, "cancelled by an operator; not charged").job

    def _unknown(self, job: Job, provider: Provider) -> Job:
        is_foreign, charged = asks_with_another_key(provider, job), job.require_process().credits_charged
        if charged is None and self.clock() < job.deadline_at:
            return self.ledger.postpone(job, self.clock(), error="the provider does not know the process yet")
        if (
            self.clock() < job.deadline_at + SILENCE_BORNE
        ):  # once is no proof: a gateway may have said so, or a wrong address
            raise ResultNotReady("the provider knows no such process: asked again until an hour past the deadline")
        if charged is not None and not is_foreign:
            return self.delivery.lose(job, charged, "the provider had finished, and knows no such process any more")
        if is_foreign:
            why = "the provider knows no such process, but the API key changed since the submit, so that proves nothing"
            return self.settlement.leave_in_doubt(job, why)
        if provider.deletes_entries:
            why = "the provider knows no such process, which others may have removed from its list after it was charged"
            return self.settlement.leave_in_doubt(job, why)
        if self.delivery.is_kept(job):
            why = "an hour past the job's deadline the provider still knows no such process"
            return self.settlement.fail(job, ErrorCode.TIMED_OUT, why)
        why = "the provider knows no such process any more, and had time to finish it, charge it and forget it"
        return self.settlement.leave_in_doubt(job, why)

    def _cancelled(self, provider: Provider, process_id: str) -> bool:
        """Only if the provider says so: one that it does not know may run on, and be charged."""
        try:
            return provider.cancel(process_id)
        except ProcessUnknown:
            return False


def is_given(provider: Provider, process: ProviderProcess) -> bool:
    """Whether the process' result can be had, whatever its status says."""
    try:
        with provider.result(process.process_id):
            return True
    except (ProcessUnknown, ResultNotReady, UnsafeLink):
        return False


def asks_with_another_key(provider: Provider, job: Job) -> bool:
    """Whether the key is not the one of the submit: of another account, perhaps, which knows nothing of our processes.
    Raises ResultNotReady when the right one was found only now."""
    key_fingerprint = job.require_reservation().key_fingerprint
    if provider.key_fingerprint() == key_fingerprint:
        return False
    provider.refresh_key()  # another container may have sent it with a key that this one has not seen yet
    if provider.key_fingerprint() == key_fingerprint:
        raise ResultNotReady("the provider was asked with an older API key than the job's: asked again")
    return True


def as_staged(process: ProviderProcess, provider: Provider) -> Progress:
    """A synchronous call had its answer: it is completed, whatever the provider keeps of it. What it charged is asked for
    where the answer did not say it, or was not read to its end."""
    credits = process.credits_charged
    if credits is None:
        with suppress(DarkroomError):
            credits = provider.progress(process.process_id).credits
    return Progress(ProcessState.COMPLETED, credits=credits)
