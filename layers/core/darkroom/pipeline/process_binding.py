"""Writes the provider's process id to the ledger, and starts the execution that waits for the process."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import poll_schedule
from darkroom.errors import DarkroomError, LedgerBusy, LostClaim, ProcessTaken
from darkroom.model import Alarm, Job, LostAnswer, PollState, Submission
from darkroom.pipeline.message_outcomes import Done, Ignored, Outcome, RetryLater
from darkroom.ports import Alerts, Clock, Executions, Ledger, Provider

BIND_ATTEMPTS = 4  # each attempt lasts some seconds, see aws/ledger_table.py
FIRST_EXECUTION = 1  # not the job's `attempt`, which grows during an execution, so that a second one would start
LOOK_AGAIN = timedelta(minutes=2)  # after another job has taken the process: the vendor's list may lag for as long

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Binds processes to jobs. Repeat safe, because a condition of the ledger lets only one of several binds succeed."""

    ledger: Ledger
    executions: Executions
    alerts: Alerts
    clock: Clock

    def bind(self, provider: Provider, job: Job, submission: Submission) -> Outcome:
        """Set the job to `PROCESSING` and start its execution. If another attempt owns the job, cancel the process and record
        it as an orphan."""
        try:
            bound = self._bind_with_retries(provider, job, submission)
        except ProcessTaken as taken:
            # A job with the same image and settings found it first. This job's own process, if there is one, is looked for.
            due = self.clock() + LOOK_AGAIN
            lost = LostAnswer(lost_at=self.clock(), lost_attempt=job.attempt)
            self.ledger.postpone(job, due, error=str(taken), lost=lost)
            return RetryLater.until(due, self.clock(), str(taken))
        except LostClaim:
            self.orphan(provider, job, submission.process_id)
            return Ignored("another attempt owns the job; the process of this attempt was cancelled")
        return self.start(bound)

    def _bind_with_retries(self, provider: Provider, job: Job, submission: Submission) -> Job:
        """Bind with more retries than other writes, because only this worker knows the id of the paid process. Raises
        LostClaim, LedgerBusy, ProcessTaken."""
        claims = claims_process(provider, job)
        for _ in range(BIND_ATTEMPTS - 1):
            with suppress(LedgerBusy):
                return self.ledger.bind(job, submission, self.clock(), claims_process=claims)
        try:
            return self.ledger.bind(job, submission, self.clock(), claims_process=claims)
        except LedgerBusy:
            lost = {"job_id": job.job_id, "process_id": submission.process_id}
            log.error(
                "the process id of a submit could not be stored; a later attempt looks for it in the provider's list",
                extra=lost,
            )
            raise

    def start(self, job: Job) -> Outcome:
        """Start the job's execution unless one is running."""
        self.executions.start(first_poll_state(job, self.clock()), FIRST_EXECUTION)
        return Done(job)

    def orphan(self, provider: Provider, job: Job, process_id: str) -> None:
        """Raise an alarm for a process that no job waits for, record the process, and cancel it. It is cancelled even if it
        cannot be recorded."""
        why = "a process runs for which no job waits: check in the provider's account that it was not charged"
        self.alerts.call(Alarm.ORPHAN, why, process_id=process_id, job_id=job.job_id)
        is_taken = False
        try:
            self.ledger.record_orphan(job, process_id, self.clock() if claims_process(provider, job) else None)
        except ProcessTaken:  # another job took it by its image, and waits for it
            is_taken = True
        finally:
            if not is_taken:
                self._cancel(provider, process_id)

    def _cancel(self, provider: Provider, process_id: str) -> None:
        try:
            provider.cancel(process_id)
        except DarkroomError as error:
            log.error(
                "a process for which no job waits could not be cancelled",
                extra={"process_id": process_id, "why": str(error)},
            )


def claims_process(provider: Provider, job: Job) -> bool:
    """Whether the job's process must be claimed for its run: if other jobs could take it for their own, by its image's bytes."""
    return job.require_dispatch().send_mode.by_link and provider.inputs is not None


def first_poll_state(job: Job, now: datetime) -> PollState:
    """Return the state with which the job's execution begins."""
    process = job.require_process()
    if job.cancel_requested_at or process.staged:
        return PollState.waiting(job, now, now)
    poll_at = poll_schedule.next_poll_at(now, process.eta, process.submitted_at, job.polls)
    return PollState.waiting(job, min(poll_at, max(job.deadline_at, now)), now)
