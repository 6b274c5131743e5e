"""Binding: the provider's process id enters the ledger, then the workflow that waits for it starts."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from darkroom import poll_schedule
from darkroom.errors import DarkroomError, LedgerBusy, LostClaim
from darkroom.model import Alarm, Job, PollState, PollStatus, Submission
from darkroom.pipeline.outcomes import Done, Ignored, Outcome
from darkroom.ports import Alerts, Clock, Executions, Ledger, Provider

BIND_TRIES = 4  # each of some seconds, see aws/expressions.py
FIRST_EXECUTION = 1  # always counted from here: `attempt` grows while an execution runs, and would start a second one

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Binds processes to jobs. Repeat safe: the ledger's condition lets one win."""

    ledger: Ledger
    executions: Executions
    alerts: Alerts
    clock: Clock

    def bind(self, provider: Provider, job: Job, submission: Submission) -> Outcome:
        """`PROCESSING` and a running workflow; a bind that loses cancels its process and records it as an orphan."""
        try:
            bound = self._bound(job, submission)
        except LostClaim:
            self.orphan(provider, job, submission.process_id)
            return Ignored("another attempt owns the job; this one's process was cancelled")
        return self.start(bound)

    def _bound(self, job: Job, submission: Submission) -> Job:
        """Tries longer than other writes do: the id of a paid process is in nobody else's hands. Raises LostClaim, LedgerBusy."""
        for _ in range(BIND_TRIES - 1):
            with suppress(LedgerBusy):
                return self.ledger.bind(job, submission, self.clock())
        try:
            return self.ledger.bind(job, submission, self.clock())
        except LedgerBusy:
            lost = {"job_id": job.job_id, "process_id": submission.process_id}
            log.error(
                "a submitted process could not be written down; it is looked for in the provider's list", extra=lost
            )
            raise

    def start(self, job: Job) -> Outcome:
        """Starts the job's execution unless one runs."""
        self.executions.start(first_poll_state(job, self.clock()), FIRST_EXECUTION)
        return Done(job)

    def orphan(self, provider: Provider, job: Job, process_id: str) -> None:
        """Cancels a process nobody waits for, and writes it down whether or not that succeeds."""
        why = "orphaned process: check in the provider's account that it was not charged"
        self.alerts.call(Alarm.ORPHAN, why, process_id=process_id, job_id=job.job_id)
        try:
            self.ledger.record_orphan(job, process_id)
        finally:
            self._cancel(provider, process_id)

    def _cancel(self, provider: Provider, process_id: str) -> None:
        try:
            provider.cancel(process_id)
        except DarkroomError as error:
            log.error("orphaned process could not be cancelled", extra={"process_id": process_id, "why": str(error)})


def first_poll_state(job: Job, now: datetime) -> PollState:
    """What the job's execution starts with."""
    process = job.require_process()
    if job.cancel_requested_at or process.staged:
        return PollState(job.job_id, job.run, PollStatus.RUNNING, now)
    poll_at = poll_schedule.next_poll_at(now, process.eta, process.submitted_at, job.polls)
    return PollState(job.job_id, job.run, PollStatus.RUNNING, min(poll_at, max(job.deadline_at, now)))
