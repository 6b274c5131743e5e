"""poll: asks the provider how a job stands and says when to ask again. It spends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from darkroom import poll_schedule
from darkroom.errors import LostClaim, ProcessUnknown, ProviderSilent
from darkroom.model import Job, JobStatus, PollState, PollStatus, ProcessState
from darkroom.ports import Clock, Ledger, Provider


@dataclass(frozen=True, kw_only=True)
class Poll:
    """The use case with its dependencies. Repeat safe."""

    ledger: Ledger
    providers: Mapping[str, Provider]
    clock: Clock

    def __call__(self, job_id: str, run: int) -> PollState:
        """`running` with the moment of the next poll, or `ended`: finalize finds out how.

        A provider that gives no usable answer counts as running until the job's deadline.
        """
        job = self.ledger.get(job_id)
        now = self.clock()
        if job is None or job.run != run or job.status is not JobStatus.PROCESSING or now >= job.deadline_at:
            return PollState(job_id, run, PollStatus.ENDED, now)
        process = job.require_process()
        if process.staged:
            return PollState(job_id, run, PollStatus.ENDED, now)  # its result came with the submit's answer
        try:
            progress = self.providers[job.require_provider()].progress(process.process_id)
        except (ProviderSilent, ProcessUnknown):
            return self._again(job, now, None)
        if progress.state is ProcessState.RUNNING and not self._cancelled(job):
            return self._again(job, now, progress.eta)
        return PollState(job_id, run, PollStatus.ENDED, now)

    def _cancelled(self, job: Job) -> bool:
        """Whether an operator asked for it and the provider did it."""
        if job.cancel_requested_at is None:
            return False
        try:
            return self.providers[job.require_provider()].cancel(job.require_process().process_id)
        except (ProviderSilent, ProcessUnknown):
            return False

    def _again(self, job: Job, now: datetime, eta: datetime | None) -> PollState:
        process = job.require_process()
        poll_at = poll_schedule.next_poll_at(now, eta or process.eta, process.submitted_at, job.polls + 1)
        poll_at = min(poll_at, max(job.deadline_at, now))
        try:
            self.ledger.record_poll(job, eta, poll_at)
        except LostClaim:
            return PollState(job.job_id, job.run, PollStatus.ENDED, now)
        return PollState(job.job_id, job.run, PollStatus.RUNNING, poll_at)
