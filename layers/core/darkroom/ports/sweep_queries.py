"""What the sweep asks of the ledger and notes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from darkroom.model import Job


class SweepQueries(Protocol):
    """The ledger as the sweep sees it: jobs by the time they are due, and notes of its own rounds. May raise LedgerBusy."""

    def due(self, word: str, now: datetime, limit: int) -> list[Job]:
        """Jobs under that word of the index whose `due_at` is over, the longest due first, read consistently."""

    def of_day(self, day: str) -> Iterator[Job]:
        """Jobs that were made on that day (`YYYY-MM-DD`, UTC), oldest first."""

    def wake(self, job: Job, until: datetime) -> None:
        """The job was handed on: nobody looks at it again before `until`. Raises LostClaim when it moved meanwhile."""

    def forgotten(self, job: Job) -> None:
        """The provider's entry of a job that is over is gone: nothing is left to do. Repeat safe."""

    def without_job(self, job_ids: Sequence[str]) -> set[str]:
        """Those of at most 100 ids that have no row."""

    def turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Whether this caller has the task's turn; the next comes after `every`."""

    def first_swept_at(self, bucket: str, now: datetime) -> datetime:
        """When the bucket was first swept: older objects were there before Darkroom. Repeat safe."""

    def cursor(self, bucket: str) -> str | None:
        """Where the last round through the bucket stopped, None at its beginning."""

    def save_cursor(self, bucket: str, cursor: str | None) -> None:
        """Notes where the next round goes on."""

    def is_being_written(self, bucket: str, key: str, now: datetime) -> bool | None:
        """Whether a worker writes that output key now; None when no job ever claimed it."""
