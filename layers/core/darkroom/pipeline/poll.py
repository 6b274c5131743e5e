"""Asks the provider for a job's progress and decides when to ask again. This spends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from darkroom import poll_schedule
from darkroom.errors import LedgerNotOwned, LostClaim, ProcessUnknown, ProviderSilent
from darkroom.model import Job, JobStatus, PollState, PollStatus, ProcessState
from darkroom.ports import Clock, Ledger, Provider


@dataclass(frozen=True, kw_only=True)
class Poll:
    """Polls the providers for jobs. Repeat safe."""

    ledger: Ledger
    providers: Mapping[str, Provider]
    clock: Clock

    def __call__(self, job_id: str, run: int) -> PollState:
        """Return `running` with the time of the next poll, or `ended`. After `ended`, finalize finds out how the job ended.

        If the provider gives no usable answer, the job counts as running until its deadline.
        """
        now = self.clock()
        try:
            job = self.ledger.get(job_id)
        except LedgerNotOwned:
            return PollState(job_id, run, PollStatus.ENDED, now)  # finalize ends the execution, which polls for nobody
        if job is None or job.run != run or job.status is not JobStatus.PROCESSING or now >= job.deadline_at:
            return PollState(job_id, run, PollStatus.ENDED, now)
        process = job.require_process()
        if process.staged:
            return PollState(job_id, run, PollStatus.ENDED, now)  # the answer to the submit contained the result
        try:
            progress = self.providers[job.require_provider()].progress(process.process_id)
        except (ProviderSilent, ProcessUnknown):
            return self._running(job, now, None)
        if progress.state is ProcessState.RUNNING and not self._try_to_cancel(job):
            return self._running(job, now, progress.eta)
        return PollState(job_id, run, PollStatus.ENDED, now)

    def _try_to_cancel(self, job: Job) -> bool:
        """Cancel the process if an operator requested that. Return whether the provider confirms the cancellation."""
        if job.cancel_requested_at is None:
            return False
        try:
            return self.providers[job.require_provider()].cancel(job.require_process().process_id)
        except (ProviderSilent, ProcessUnknown):
            return False

    def _running(self, job: Job, now: datetime, eta: datetime | None) -> PollState:
        process = job.require_process()
        poll_at = poll_schedule.next_poll_at(now, eta or process.eta, process.submitted_at, job.polls + 1)
        poll_at = min(poll_at, max(job.deadline_at, now))
        try:
            self.ledger.record_poll(job, eta, poll_at)
        except LostClaim:
            return PollState(job.job_id, job.run, PollStatus.ENDED, now)
        return PollState.waiting(job, poll_at, now)
