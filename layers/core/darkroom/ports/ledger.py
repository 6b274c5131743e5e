"""The ledger, as workers write it: jobs, budgets and output keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from darkroom.model import Job, JobStatus, Plan, SourceObject, Submission


@dataclass(frozen=True)
class Claim:
    """The answer to a claim: the job as it stands, and whether this worker now owns it."""

    job: Job
    owned: bool


class Ledger(Protocol):
    """The table of jobs, budgets and output keys, as workers write it. Every write is conditional on run and attempt.

    Any method may raise LedgerBusy (read the row before anything is done twice); conditional writes raise LostClaim.
    """

    def get(self, job_id: str) -> Job | None:
        """The job, read consistently."""

    def claim(self, source: SourceObject, now: datetime, lease_until: datetime, deadline_at: datetime) -> Claim:
        """Creates the job `CLAIMED`, or takes over a `CLAIMED` one that is due. Repeat safe."""

    def take_over(self, job: Job, now: datetime, lease_until: datetime) -> Job:
        """Takes over a `CLAIMED`, `SUBMITTING` or `PROCESSING` job that is due: attempt + 1. Raises LostClaim."""

    def claim_output(self, job: Job, bucket: str, key: str) -> None:
        """Claims the output key for the job's source key. Raises OutputCollision. Repeat safe."""

    def reserve(
        self, job: Job, plan: Plan, output_bucket: str, output_key: str, fingerprint: str, now: datetime
    ) -> Job:
        """`CLAIMED` → `SUBMITTING` and the month's reservations, in one transaction. Raises BudgetExceeded."""

    def release(
        self, job: Job, next_attempt_at: datetime, *, error_code: str | None = None, error: str | None = None
    ) -> Job:
        """`SUBMITTING` → `CLAIMED`, reservation given back in the same transaction; the lease ends now."""

    def postpone(
        self, job: Job, next_attempt_at: datetime, *, error_code: str | None = None, error: str | None = None
    ) -> Job:
        """Ends the lease of a job that is not over, due again at `next_attempt_at`; the status stays.

        What `job` says of its provider, model, settings and label is kept.
        """

    def bind(self, job: Job, submission: Submission, now: datetime) -> Job:
        """`SUBMITTING` → `PROCESSING` with the provider's id and eta."""

    def record_orphan(self, job: Job, process_id: str) -> None:
        """Adds a process nobody waits for to the job's `orphans`, whatever its state. Repeat safe."""

    def mark_in_doubt(self, job: Job, error: str, now: datetime) -> Job:
        """`SUBMITTING` or `PROCESSING` → `IN_DOUBT`, the reservation kept."""

    def record_poll(self, job: Job, eta: datetime | None, due_at: datetime) -> Job:
        """Counts a poll of a `PROCESSING` job and follows the eta; at `due_at` somebody must look after its execution."""

    def lock_output(self, job: Job, key: str, charged: Decimal, now: datetime, until: datetime) -> bool:
        """Becomes the one writer of the output key until `until`. False when a newer version's result already stands there.
        Raises OutputBusy while another job writes it. `charged`: what the provider charges, kept should it forget."""

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
    ) -> Job:
        """Terminal status and the month's rows in one transaction. `credits` = what the provider charges, 0 = released.

        What `job` says of its provider, model, settings and label is kept: of one never reserved, nobody else wrote it.
        """

    def has_newer_result(self, job: Job, bucket: str, keys: Sequence[str]) -> bool:
        """Whether the result of a newer version of the job's source stands at one of those output keys."""

    def mark_published(self, job: Job, now: datetime) -> None:
        """Marks the terminal job's event as sent. Repeat safe."""
