"""Ends jobs, with a result or without one. A result is published complete or not at all, and a job is settled once."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from darkroom import poll_schedule
from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    LedgerBusy,
    LedgerNotOwned,
    LostClaim,
    OutputBusy,
    ProcessUnknown,
    ProviderSilent,
    ResultNotReady,
    UnsafeLink,
)
from darkroom.model import LEASE_MARGIN, Job, JobStatus, PollState, PollStatus, ProcessState, Progress, ProviderProcess
from darkroom.pipeline.delivery import Delivery, charged_credits
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Clock, Ledger, Provider

MAX_SILENCE = timedelta(hours=1)  # for so long after the deadline, no answer or a 404 leads to no decision
BUSY_RETRY = timedelta(seconds=60)  # the longest wait while another version's result is being written to the same key

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Finalize:
    """Ends jobs that are no longer running at the provider. Repeat safe. It raises only if a retry may help."""

    ledger: Ledger
    providers: Mapping[str, Provider]
    delivery: Delivery
    settlement: Settlement
    clock: Clock

    def __call__(self, job_id: str, run: int, invocation_ends: datetime) -> PollState:
        """End the job. Return its terminal status, `IN_DOUBT`, or `running` if the job must be polled again.

        If the ledger belongs to another stack, return `ABSENT`, which ends the execution: its owner's sweep starts another one.
        """
        try:
            job = self.ledger.get(job_id)
        except LedgerNotOwned:
            job = None
        if job is None or job.run != run:
            return PollState(job_id, run, PollStatus.ABSENT, self.clock())
        if job.status is JobStatus.PROCESSING:
            job = self._end(job, invocation_ends + LEASE_MARGIN)
        elif job.is_terminal:
            self.settlement.publish_event(job)
        if job.status is not JobStatus.PROCESSING:
            return PollState(job_id, run, job.status, self.clock())
        now = self.clock()
        # so that poll and finalize do not alternate without a pause
        soonest = now + timedelta(seconds=poll_schedule.MIN_WAIT_SECONDS)
        return PollState.waiting(job, max(filter(None, (job.lease_until, job.next_attempt_at, soonest))), now)

    def _end(self, job: Job, lease_until: datetime) -> Job:
        try:
            job = self.ledger.take_over(job, self.clock(), lease_until)
            return self._deliver_or_settle(job, self.providers[job.require_provider()])
        except LostClaim:
            current = self.ledger.get(job.job_id)
            if current is None or current.run != job.run:
                raise
            if current.status is JobStatus.PROCESSING:
                # Another worker has the job; look at it again when that worker's lease is over.
                return self.ledger.forget_told(current) if current.told else current
            return self.settlement.publish_event(current)
        except OutputBusy as busy:
            return self.ledger.postpone(job, min(busy.until, self.clock() + BUSY_RETRY), error=str(busy))
        except Exception as error:
            if not self._is_long_over(job) or isinstance(error, LedgerBusy):
                self._end_lease(job, error)
                raise
            log.exception("a job that is long over could not be ended", extra={"job_id": job.job_id})
            why = f"the job could not be ended while the provider kept its result ({type(error).__name__})"
            return self.settlement.leave_in_doubt(job, why)

    def _is_long_over(self, job: Job) -> bool:
        """Return whether another retry is useless, because the deadline is over and the provider no longer keeps any result."""
        return self.clock() >= job.deadline_at + MAX_SILENCE and not self.delivery.may_still_be_available(job)

    def _end_lease(self, job: Job, error: Exception) -> None:
        """End the lease after an error, so that a retry may begin at once."""
        why = str(error) if isinstance(error, DarkroomError) else type(error).__name__
        with suppress(LostClaim, LedgerBusy):
            self.ledger.postpone(job, self.clock(), error=why)

    def _deliver_or_settle(self, job: Job, provider: Provider) -> Job:
        charged = job.require_process().credits_charged
        if charged is not None and self.delivery.is_in_place(job):
            # An earlier attempt put the result in place and died before it settled. So the provider's answer no longer matters,
            # and a request to cancel comes too late.
            return self.delivery(job, provider, Progress(ProcessState.COMPLETED, credits=charged))
        try:
            progress = self._read_progress(job, provider)
            if progress is None:
                return self._settle_unknown_process(job, provider)
        except ProviderSilent as silent:
            if self.clock() < job.deadline_at + MAX_SILENCE:
                raise
            why = f"the deadline has passed, and the provider does not say how the job ended: {silent}"
            return self.settlement.leave_in_doubt(job, why)
        return self._settle_by_state(job, provider, progress)

    def _read_progress(self, job: Job, provider: Provider) -> Progress | None:
        """Return the provider's progress of the process; None if the provider does not know the process.

        A process that somebody else removed from the list may still have a result. So once the process must have finished or the
        deadline has passed, the result is requested too. If the result is there, the process counts as completed.
        """
        process = job.require_process()
        try:
            return staged_progress(process, provider) if process.staged else self._progress_or_cancel(job, provider)
        except ProcessUnknown:
            is_awaited = process.credits_charged is not None or self.clock() >= job.deadline_at
            if is_awaited and has_result(provider, process):
                return Progress(ProcessState.COMPLETED, credits=process.credits_charged)
            return None

    def _progress_or_cancel(self, job: Job, provider: Provider) -> Progress:
        """Return the progress of the process. If the process still runs, but the deadline has passed or an operator cancelled the
        job, try to cancel the process first."""
        process_id = job.require_process().process_id
        progress = provider.progress(process_id)
        unwanted = job.cancel_requested_at is not None or self.clock() >= job.deadline_at
        if progress.state is not ProcessState.RUNNING or not unwanted:
            return progress
        if self._try_to_cancel(provider, process_id):
            return replace(progress, state=ProcessState.CANCELLED)
        return provider.progress(process_id)

    def _settle_by_state(self, job: Job, provider: Provider, progress: Progress) -> Job:
        late, charged = self.clock() >= job.deadline_at, job.require_process().credits_charged
        if progress.state is ProcessState.RUNNING:
            if late:
                return self.settlement.leave_in_doubt(
                    job, "the deadline has passed, and the provider did not cancel it"
                )
            # If a callback led here, it was wrong, and what ends the job is learned later.
            return self.ledger.postpone(replace(job, told_by=None), self.clock())
        if job.cancel_requested_at:
            return self._settle_cancelled(job, progress)
        match progress.state:
            case ProcessState.CANCELLED if late and charged is None:
                why = "not finished at its deadline; cancelled, not charged"
                return self.settlement.fail(job, ErrorCode.TIMED_OUT, why)
            case ProcessState.COMPLETED:
                return self.delivery(job, provider, progress)
            case ProcessState.EXPIRED:
                return self.delivery.fail_as_lost(
                    job, charged_credits(job, progress), "the provider no longer keeps the result"
                )
            case _:  # the process failed, or somebody else cancelled it
                reason = f": {progress.reason}" if progress.reason else " and gives no reason"
                said = f"the provider says `{progress.vendor_word}`{reason}"
                if charged is not None:
                    return self.delivery.fail_as_lost(job, charged, f"{said}, but had said before that it was finished")
                return self.settlement.fail(job, ErrorCode.PROVIDER_FAILED, f"{said}; it was not charged")

    def _settle_cancelled(self, job: Job, progress: Progress) -> Job:
        """End a job that an operator cancelled. If the provider finished the process even so, the job is still charged."""
        if progress.state in (ProcessState.COMPLETED, ProcessState.EXPIRED):
            credits = charged_credits(job, progress)
            why = f"cancelled by an operator, but the provider finished it and charges {credits}"
            return self.settlement.cancel(job, why, credits).job
        return self.settlement.cancel(job, "cancelled by an operator; not charged").job

    def _settle_unknown_process(self, job: Job, provider: Provider) -> Job:
        is_foreign, charged = asks_another_account(provider, job), job.require_process().credits_charged
        if charged is None and self.clock() < job.deadline_at:
            return self.ledger.postpone(job, self.clock(), error="the provider does not know the process yet")
        if self.clock() < job.deadline_at + MAX_SILENCE:
            # A single 404 proves nothing, because it may come from a gateway or a wrong base URL.
            raise ResultNotReady(
                "the provider does not know the process; it is asked again until an hour after the deadline"
            )
        if charged is not None and not is_foreign:
            return self.delivery.fail_as_lost(
                job, charged, "the provider had finished the process, but no longer knows it"
            )
        if is_foreign:
            why = (
                "the provider does not know the process, which proves nothing, because the API key or the base URL has changed "
                "since the submit"
            )
            return self.settlement.leave_in_doubt(job, why)
        if provider.deletes_entries:
            why = "the provider does not know the process, which may have been charged and then removed from its list by others"
            return self.settlement.leave_in_doubt(job, why)
        if self.delivery.would_still_be_known(job):
            why = "an hour after the job's deadline the provider still does not know the process"
            return self.settlement.fail(job, ErrorCode.TIMED_OUT, why)
        why = "the provider does not know the process, but had the time to finish it, charge it and forget it"
        return self.settlement.leave_in_doubt(job, why)

    def _try_to_cancel(self, provider: Provider, process_id: str) -> bool:
        """Cancel the process and return whether the provider confirms that. Return False for a process that the provider does not
        know, because it may still run and be charged."""
        try:
            return provider.cancel(process_id)
        except ProcessUnknown:
            return False


def has_result(provider: Provider, process: ProviderProcess) -> bool:
    """Return whether the provider gives the result of the process. The status of the process does not matter."""
    try:
        with provider.result(process.process_id):
            return True
    except (ProcessUnknown, ResultNotReady, UnsafeLink):
        return False


def asks_another_account(provider: Provider, job: Job) -> bool:
    """Return whether the API key or the base URL has changed since the submit. A new key or host may belong to another account,
    which does not know the process. Raises ResultNotReady if the submit's key is found only after the key was read again."""
    reservation = job.require_reservation()
    if reservation.is_of_account(provider.key_fingerprint()):
        return False
    provider.refresh_key()  # another container may have used a newer key
    if reservation.is_of_account(provider.key_fingerprint()):
        raise ResultNotReady(
            "the provider was asked with an older API key than the job's; it is asked again with the newer one"
        )
    return True


def staged_progress(process: ProviderProcess, provider: Provider) -> Progress:
    """Return the progress of a synchronous call whose result is staged. The call counts as completed. The provider is asked only
    for the charge, and only if its answer did not name the charge."""
    credits = process.credits_charged
    if credits is None:
        with suppress(DarkroomError):
            credits = provider.progress(process.process_id).credits
    return Progress(ProcessState.COMPLETED, credits=credits)
