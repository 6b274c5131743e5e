"""The port for the ledger, through which workers write jobs, budgets and output keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from darkroom.model import Job, JobStatus, LostAnswer, Plan, SourceObject, Submission


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: the job as it is now. `owned` is true if this worker owns it."""

    job: Job
    owned: bool


class Ledger(Protocol):
    """Writes jobs, budgets and output keys for workers. Every write names the job's run and attempt, and raises LostClaim if
    another worker owns the job by now.

    Any method may raise LedgerBusy. The write may have been made even so, so the caller must read the job before it repeats a
    step.
    """

    def get(self, job_id: str) -> Job | None:
        """Return the job by a consistent read, or None if there is none."""

    def claim(self, source: SourceObject, now: datetime, lease_until: datetime, deadline_at: datetime) -> Claim:
        """Create the job as `CLAIMED`, or take over a `CLAIMED` one that is due. Repeat safe. Raises JobExpired if the job has
        ended and its row has expired."""

    def take_over(self, job: Job, now: datetime, lease_until: datetime) -> Job:
        """Take over a `CLAIMED`, `SUBMITTING` or `PROCESSING` job that is due, with the next attempt number. Raises
        LostClaim.

        If the last worker died, `failing_since` is set. If this worker dies too, SQS delivers its message again. So the sweep
        leaves the job alone until that message has certainly left the queue (see `retry_schedule`).

        Taking over a `PROCESSING` job ends its `told`, before the provider is asked, so that a callback that comes later is
        not taken for the one that led here. `told_by` is then `callback`.
        """

    def claim_output(self, job: Job, bucket: str, key: str) -> None:
        """Claim the output key for the job's source key. Raises OutputCollision. Repeat safe."""

    def reserve(
        self, job: Job, plan: Plan, output_bucket: str, output_key: str, fingerprint: str, now: datetime
    ) -> Job:
        """`CLAIMED` → `SUBMITTING`, with the month's reservations in the same transaction. Raises BudgetExceeded."""

    def release(
        self,
        job: Job,
        next_attempt_at: datetime,
        *,
        error_code: str | None = None,
        error: str | None = None,
        denied_since: datetime | None = None,
        unless_told: bool = False,
    ) -> Job:
        """`SUBMITTING` → `CLAIMED`, due at `next_attempt_at`. The same transaction releases the reservation and ends the lease.
        With `unless_told`, raises LostClaim if a callback about the run has come."""

    def postpone(
        self,
        job: Job,
        next_attempt_at: datetime,
        *,
        error_code: str | None = None,
        error: str | None = None,
        denied_since: datetime | None = None,
        failing_since: datetime | None = None,
        look_at: datetime | None = None,
        lost: LostAnswer | None = None,
    ) -> Job:
        """End the lease of a job that is not over. The status stays. From `next_attempt_at` on, a message may continue the job.
        The sweep looks at the job at `look_at`, or at `next_attempt_at` if `look_at` is None.

        This also stores the provider, model, settings and label of `job`, and `lost` if it is given.
        """

    def bind(self, job: Job, submission: Submission, now: datetime, *, claims_process: bool = False) -> Job:
        """`SUBMITTING` → `PROCESSING`, with the provider's process id and eta. With `claims_process` the process is claimed for
        this run in the same transaction. Raises ProcessTaken if another run has claimed it."""

    def is_taken(self, job: Job, process_id: str) -> bool:
        """Whether another run than the job's has claimed that process of the job's provider. Repeat safe."""

    def record_orphan(self, job: Job, process_id: str, claimed_at: datetime | None = None) -> None:
        """Add a process that no job waits for to the `orphans` of `job`, whatever the job's status is. With `claimed_at` the
        process is also claimed for this run, so that no job takes it from then on. Raises ProcessTaken if another run has it.
        Repeat safe."""

    def mark_in_doubt(self, job: Job, error: str, now: datetime) -> Job:
        """`SUBMITTING` or `PROCESSING` → `IN_DOUBT`. The reservation is kept."""

    def record_poll(self, job: Job, eta: datetime | None, due_at: datetime) -> Job:
        """Count a poll of a `PROCESSING` job and store the new eta. The next poll is expected at `due_at`. If it does not come,
        the sweep restarts the execution some time later."""

    def forget_told(self, job: Job) -> Job:
        """Forget the callback about a `PROCESSING` job, whoever owns the job. Without this, the execution of a job whose owner
        is another worker would not wait. Raises LostClaim if the run or the status has changed."""

    def lock_output(self, job: Job, key: str, charged: Decimal, now: datetime, until: datetime) -> bool:
        """Make this job the only writer of the output key until `until`. Return False if the result of a newer version is there
        already, or if the key is another source's. Raises OutputBusy while another job writes the key. This also stores
        `charged`, because the provider may later forget the process."""

    def has_result(self, bucket: str, key: str) -> bool:
        """Whether a result was ever settled at that output key."""

    def settle(
        self,
        job: Job,
        status: JobStatus,
        credits: Decimal,
        now: datetime,
        *,
        error_code: str | None = None,
        error: str | None = None,
        output_key: str | None = None,
        superseded: bool = False,
        result_notes: str | None = None,
    ) -> Job:
        """Write the terminal status and the month's budgets in one transaction. `credits` is the provider's charge; 0 releases
        the reservation.

        This also stores the provider, model, settings and label of `job`, because a job that was never reserved has not stored
        them before.
        """

    def has_newer_result(self, job: Job, bucket: str, keys: Sequence[str]) -> bool:
        """Return whether one of the output keys holds the result of a newer version of the job's source."""

    def mark_published(self, job: Job, now: datetime) -> None:
        """Mark the terminal job's event as sent. Repeat safe."""
