"""What people change in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from darkroom.model import Job


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
