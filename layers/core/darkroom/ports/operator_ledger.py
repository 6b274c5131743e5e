"""The port for the operators' ledger: the changes to the ledger that operators make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from darkroom.model import Job


class OperatorLedger(Protocol):
    """Operators' changes to jobs. Each is conditional on the job as it was read, and raises LostClaim if it has changed: read
    it again then."""

    def rerun(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """Terminal → `CLAIMED` with the next run. The earlier run is kept as a row of its own."""

    def adopt(self, job: Job, process_id: str, now: datetime, deadline_at: datetime) -> Job:
        """`IN_DOUBT` → `PROCESSING`, bound to a process that the operator found."""

    def resubmit(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """`IN_DOUBT` without a process → `CLAIMED`, with the reservation released: the operator knows that nothing was
        accepted."""

    def request_cancel(self, job: Job, now: datetime) -> Job:
        """Mark a `SUBMITTING` or `PROCESSING` job to be cancelled as soon as possible."""

    def jobs(
        self, *, status: str | None = None, source_uri: str | None = None, day: str | None = None
    ) -> Iterator[Job]:
        """Yield the jobs of an open status, of a source (`bucket/key`), or of a day of creation (`YYYY-MM-DD`), oldest first.
        Exactly one of the three is given."""
