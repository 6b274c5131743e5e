"""The port for the sweep's queries of the ledger, and for the notes of its own progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from darkroom.model import Job


class SweepQueries(Protocol):
    """The sweep's view of the ledger: the jobs that are due, and the sweep's own progress. Any method may raise LedgerBusy."""

    def due(self, word: str, now: datetime, limit: int) -> list[Job]:
        """Return up to `limit` jobs under that word of the index whose `due_at` has passed, the longest due first, as they now
        are."""

    def of_day(self, day: str) -> Iterator[Job]:
        """Yield the jobs that were created on that day (`YYYY-MM-DD`, UTC), oldest first."""

    def reschedule(self, job: Job, until: datetime) -> None:
        """Set the job's `due_at` to `until`, because somebody else was told to work on it. Raises LostClaim if the job has
        changed."""

    def mark_forgotten(self, job: Job) -> None:
        """Take a terminal job out of the index, because its entry at the provider is removed. Repeat safe."""

    def find_without_job(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of at most 100 ids that have no job."""

    def take_turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Return whether the task is due, and if so, take it: it is due again after `every`. Of two callers one gets True."""

    def first_swept_at(self, bucket: str, now: datetime) -> datetime:
        """Return when the bucket was first swept: objects that are older were there before Darkroom. The first call sets it.
        Repeat safe."""

    def cursor(self, bucket: str) -> str | None:
        """Return where the last listing of the bucket stopped, None to begin anew."""

    def save_cursor(self, bucket: str, cursor: str | None) -> None:
        """Store where the next listing of the bucket continues."""

    def is_being_written(self, bucket: str, key: str, now: datetime) -> bool | None:
        """Whether a worker is writing that output key now; None if no job ever claimed it."""
