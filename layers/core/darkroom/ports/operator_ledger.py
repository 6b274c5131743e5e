"""The port for the operators' ledger: the changes that operators make to jobs in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from darkroom.model import Job


class OperatorLedger(Protocol):
    """Makes operators' changes to jobs. A change raises LostClaim if the job is no longer as the caller read it; the caller
    must then read the job again."""

    def rerun(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """Terminal → `CLAIMED` with the next run. The earlier run is kept in a separate row."""

    def adopt(
        self,
        job: Job,
        process_id: str,
        now: datetime,
        deadline_at: datetime,
        *,
        staged: bool = False,
        claims_process: bool = False,
    ) -> Job:
        """`IN_DOUBT` → `PROCESSING`, bound to a process that the operator found, and whose result may be staged. The charge of
        another process is forgotten. With `claims_process` the process is claimed for this run in the same transaction. Raises
        ProcessTaken if another run has claimed it."""

    def resubmit(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """`IN_DOUBT` without a process → `CLAIMED`. The reservation is released, because the operator knows that the provider
        accepted nothing."""

    def request_cancel(self, job: Job, now: datetime) -> Job:
        """Mark a `SUBMITTING` or `PROCESSING` job to be cancelled as soon as possible."""

    def jobs(
        self, *, status: str | None = None, source_uri: str | None = None, day: str | None = None
    ) -> Iterator[Job]:
        """Yield jobs, oldest first: those with an open status, those of a source (`bucket/key`), or those created on a day
        (`YYYY-MM-DD`). The caller gives exactly one of the three."""

    def find(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        """Return job id → job of those of at most 100 jobs that exist."""

    def committed(self, unit: str, month: str) -> Decimal:
        """Return what is reserved and spent of a month's budget (`YYYY-MM`), in a provider's own unit or in `usd`."""
