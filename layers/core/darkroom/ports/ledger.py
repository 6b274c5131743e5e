"""The ledger: as workers, the sweep and people write it, with what it knows of circuits and accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from darkroom.model import Circuit, Job, JobStatus, Plan, Reckoning, SourceObject, Submission


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

    def retake(self, job: Job, now: datetime, lease_until: datetime) -> Job:
        """Takes over a `CLAIMED`, `SUBMITTING` or `PROCESSING` job that is due: attempt + 1. Raises LostClaim."""

    def claim_output(self, job: Job, bucket: str, key: str) -> None:
        """Claims the output key for the job's source key. Raises OutputCollision. Repeat safe."""

    def reserve(
        self, job: Job, plan: Plan, output_bucket: str, output_key: str, fingerprint: str, now: datetime
    ) -> Job:
        """`CLAIMED` → `SUBMITTING` and the month's reservations, in one transaction. Raises BudgetExceeded."""

    def release(self, job: Job, next_attempt_at: datetime, error_code: str | None, error: str | None) -> Job:
        """`SUBMITTING` → `CLAIMED`, reservation given back in the same transaction; the lease ends now."""

    def postpone(
        self,
        job: Job,
        next_attempt_at: datetime,
        error_code: str | None,
        error: str | None,
    ) -> Job:
        """Ends the lease of a job that is not over, due again at `next_attempt_at`; the status stays.

        What `job` says of its provider, model, settings and label is kept.
        """

    def bind(self, job: Job, submission: Submission, now: datetime) -> Job:
        """`SUBMITTING` → `PROCESSING` with the provider's id and eta."""

    def record_orphan(self, job: Job, process_id: str) -> None:
        """Adds a process nobody waits for to the job's `orphans`, whatever its state. Repeat safe."""

    def doubt(self, job: Job, error: str, now: datetime) -> Job:
        """`SUBMITTING` or `PROCESSING` → `IN_DOUBT`, the reservation kept."""

    def record_poll(self, job: Job, eta: datetime | None, due_at: datetime) -> Job:
        """Counts a poll of a `PROCESSING` job and follows the eta; at `due_at` somebody must look after its execution."""

    def take_output(self, job: Job, key: str, charged: Decimal, now: datetime, until: datetime) -> bool:
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

    def newer_stands(self, job: Job, bucket: str, keys: Sequence[str]) -> bool:
        """Whether the result of a newer version of the job's source stands at one of those output keys."""

    def published(self, job: Job, now: datetime) -> None:
        """Marks the terminal job's event as sent. Repeat safe."""


class Circuits(Protocol):
    """One circuit a provider: open while nothing may be submitted to it. Any method may raise LedgerBusy."""

    def get(self, provider: str) -> Circuit | None:
        """The open circuit, None while submits pass."""

    def probe(self, provider: str, now: datetime, until: datetime) -> bool:
        """Whether this caller is the one that may try now; nobody else may before `until`. False when paused."""

    def open(self, provider: str, error_code: str, error: str, now: datetime, retry_at: datetime) -> None:
        """Nothing is submitted before `retry_at`. A pause stays. Repeat safe."""

    def close(self, provider: str) -> None:
        """Submits pass again, unless paused. Repeat safe."""

    def pause(self, provider: str, why: str, now: datetime) -> None:
        """Nothing is submitted until `resume`. Repeat safe."""

    def resume(self, provider: str) -> None:
        """Ends a pause, and whatever else kept the circuit open. Repeat safe."""


class Backlog(Protocol):
    """The ledger as the sweep sees it: jobs by the time they are due, and notes of its own rounds. May raise LedgerBusy."""

    def due(self, word: str, now: datetime, limit: int) -> list[Job]:
        """Jobs under that word of the index whose `due_at` is over, the longest due first, read consistently."""

    def wake(self, job: Job, until: datetime) -> None:
        """The job was handed on: nobody looks at it again before `until`. Raises LostClaim when it moved meanwhile."""

    def forgotten(self, job: Job) -> None:
        """The provider's entry of a job that is over is gone: nothing is left to do. Repeat safe."""

    def without_job(self, job_ids: Sequence[str]) -> set[str]:
        """Those of at most 100 ids that have no row."""

    def turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Whether this caller has the task's turn; the next comes after `every`."""

    def watched_since(self, bucket: str, now: datetime) -> datetime:
        """When the bucket was first swept: older objects were there before Darkroom. Repeat safe."""

    def cursor(self, bucket: str) -> str | None:
        """Where the last round through the bucket stopped, None at its beginning."""

    def keep_cursor(self, bucket: str, cursor: str | None) -> None:
        """Notes where the next round goes on."""

    def is_written(self, bucket: str, key: str, now: datetime) -> bool | None:
        """Whether a worker writes that output key now; None when no job ever claimed it."""


class Interventions(Protocol):
    """What people change in the ledger, on purpose. Conditional on the job as it was read; LostClaim says: read again."""

    def rerun(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """A terminal job → `CLAIMED` with the next run; the run before is kept as a row of its own."""

    def adopt(self, job: Job, process_id: str, now: datetime, deadline_at: datetime) -> Job:
        """`IN_DOUBT` → `PROCESSING`, bound to a process that a person found."""

    def resubmit(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """`IN_DOUBT` without a process → `CLAIMED`, the reservation given back: a person says nothing was accepted."""

    def request_cancel(self, job: Job, now: datetime) -> Job:
        """Notes on a `SUBMITTING` or `PROCESSING` job that it shall be cancelled as soon as it can be."""

    def jobs(
        self, *, status: str | None = None, source_uri: str | None = None, day: str | None = None
    ) -> Iterator[Job]:
        """Jobs of an open status, of a source key (`bucket/key`), or made on a day (`YYYY-MM-DD`); oldest first."""


class Accounts(Protocol):
    """What the ledger knows of providers' accounts, to be compared with what they say."""

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Reserved and spent over all months, in the provider's unit."""

    def reckoning(self, provider: str) -> Reckoning | None:
        """The last comparison."""

    def keep(self, provider: str, reckoning: Reckoning) -> None:
        """Replaces it."""
