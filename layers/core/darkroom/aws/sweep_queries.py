"""Finds due jobs by DynamoDB's sparse index, and stores the sweep's own progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.aws import items, retention
from darkroom.aws.expressions import Write
from darkroom.aws.job_transitions import FROM_STATUS, SAME_ATTEMPT, SAME_RUN, STILL_DUE, placed
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import LostClaim
from darkroom.model import Job
from darkroom.timestamps import moment, stamp

SWEEP = "SWEEP"
# The task was never run, or is due again. Only one of two simultaneous sweeps runs it.
MY_TURN = "attribute_not_exists(#next_at) OR #next_at <= :now"
# The bucket was never swept. The time of its first sweep is never changed.
FIRST_SWEEP = "attribute_not_exists(#since)"


@dataclass(frozen=True)
class DynamoSweepQueries:
    """Queries the ledger's table for the sweep; implements `ports.SweepQueries`."""

    table: LedgerTable

    def due(self, word: str, now: datetime, limit: int) -> list[Job]:
        """Return due jobs by one query of the index and one read of the rows. The index may lag, so the rows decide."""
        keys = self.table.due(word, now, limit)
        jobs = [items.job_of(item) for item in self.table.rows(keys) if items.text(item, "open_status") == word]
        due = [job for job in jobs if job.due_at is not None and job.due_at <= now]
        return sorted(due, key=lambda job: (job.due_at or now, job.job_id))

    def of_day(self, day: str) -> Iterator[Job]:
        """Yield the jobs of a day. Each 100 jobs take one query of the index and one read of the rows."""
        for keys in self.table.pages("JobsByDay", "day", day):
            yield from map(items.job_of, self.table.rows(keys))

    def reschedule(self, job: Job, until: datetime) -> None:
        """Set the job's `due_at` to `until`. Raises LostClaim."""
        write = Write(
            key=items.job_key(job.job_id),
            set={"due_at": until},
            when=[FROM_STATUS, SAME_ATTEMPT, STILL_DUE],
            values={"from": job.status, "run": job.run, "attempt": job.attempt, "due_at": job.due_at},
        )
        try:
            self.table.update(write)
        except ConditionFailed:
            raise LostClaim("the job moved on, or another sweep rescheduled it") from None

    def mark_forgotten(self, job: Job) -> None:
        """Take a terminal job out of the index. If a rerun has begun since then, nothing is written. The status needs no clause,
        because within a run it never changes again."""
        write = Write(key=items.job_key(job.job_id), when=[SAME_RUN], values={"run": job.run})
        try:
            self.table.update(placed(write, None, None))
        except ConditionFailed:
            return

    def find_without_job(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of `job_ids` (at most 100) that have no row. A job whose row has expired has still the row that stays."""
        found = self.table.rows([items.job_key(job_id) for job_id in job_ids])
        missing = sorted(set(job_ids) - {items.text(item, "job_id") for item in found})
        ended = self.table.rows([retention.ended_key(job_id) for job_id in missing]) if missing else []
        return {*missing} - {(items.text(item, "pk") or "").removeprefix("JOB#") for item in ended}

    def take_turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Return whether the task is due. If it is, this caller takes it. The row is read first, because a write costs the same
        even if its condition fails."""
        key = items.own_key(SWEEP, f"TASK#{task}")
        if (items.text(self.table.read(key) or {}, "next_at") or "") > stamp(now):
            return False
        try:
            self.table.update(Write(key, set={"next_at": now + every}, when=[MY_TURN], values={"now": now}))
        except ConditionFailed:
            return False
        return True

    def first_swept_at(self, bucket: str, now: datetime) -> datetime:
        """Return when the bucket was first swept."""
        try:
            self.table.update(Write(_bucket(bucket), set={"since": now}, when=[FIRST_SWEEP]))
        except ConditionFailed as known:
            return moment(items.text(known.item, "since") or stamp(now))
        return now

    def cursor(self, bucket: str) -> str | None:
        """Return where the last listing of the bucket stopped."""
        return items.text(self.table.read(_bucket(bucket)) or {}, "cursor")

    def save_cursor(self, bucket: str, cursor: str | None) -> None:
        """Store where the next listing of the bucket continues."""
        moved = Write(_bucket(bucket), set={"cursor": cursor}) if cursor else Write(_bucket(bucket), remove=["cursor"])
        self.table.update(moved)

    def is_being_written(self, bucket: str, key: str, now: datetime) -> bool | None:
        """Return whether a worker is writing that output key now. Return None if no job ever claimed the key."""
        item = self.table.read(items.output_row_key(bucket, key))
        if item is None:
            return None
        until = items.text(item, "writer_until")
        return until is not None and moment(until) > now


def _bucket(name: str) -> dict[str, dict[str, str]]:
    return items.own_key(SWEEP, f"BUCKET#{name}")
