"""The port for the sweep's queries of the ledger, and for the records of the sweep's own progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from darkroom.model import Job


class SweepQueries(Protocol):
    """Finds the jobs that are due, and keeps the sweep's own progress. Any method may raise LedgerBusy."""

    def due(self, word: str, now: datetime, limit: int) -> list[Job]:
        """Return up to `limit` jobs that the index lists under `word` and whose `due_at` has passed, the longest due first.
        `word` is an open status, UNPUBLISHED or LISTED. Each job is read anew."""

    def of_day(self, day: str) -> Iterator[Job]:
        """Yield the jobs that were created on that day (`YYYY-MM-DD`, UTC), oldest first."""

    def reschedule(self, job: Job, until: datetime) -> None:
        """Set the job's `due_at` to `until`, because a message or an execution now takes the job up. Raises LostClaim if the job
        has changed."""

    def mark_forgotten(self, job: Job) -> None:
        """Take a terminal job out of the index, because its process was removed from the provider's list. Repeat safe."""

    def find_without_job(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of `job_ids` (at most 100) for which there is no job."""

    def take_turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Return whether the task is due. If it is, this caller takes it, and the task is due again after `every`. Only one of
        two callers gets True."""

    def first_swept_at(self, bucket: str, now: datetime) -> datetime:
        """Return when the bucket was first swept; the first call stores `now`. Older objects were there before Darkroom. Repeat
        safe."""

    def cursor(self, bucket: str) -> str | None:
        """Return where the last listing of the bucket stopped, or None if the next listing begins anew."""

    def save_cursor(self, bucket: str, cursor: str | None) -> None:
        """Store where the next listing of the bucket continues."""

    def is_being_written(self, bucket: str, key: str, now: datetime) -> bool | None:
        """Return whether a worker is writing that output key now. Return None if no job ever claimed the key."""
