"""The ledger on DynamoDB as the sweep sees it: what is due by the sparse index, and notes of its own rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.job_transitions import FROM_STATUS, SAME_ATTEMPT, SAME_RUN, STILL_DUE, placed
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import LostClaim
from darkroom.model import Job

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SWEEP = "SWEEP"
# The task was never done, or its time has come: of two sweeps at once one has the turn.
MY_TURN = "attribute_not_exists(#next_at) OR #next_at <= :now"
# The bucket was never swept: its first sweep is the beginning, and stays it.
FIRST_SWEEP = "attribute_not_exists(#since)"


@dataclass(frozen=True)
class DynamoSweepQueries:
    """Fulfils `ports.SweepQueries` on the ledger's table."""

    client: DynamoDBClient
    table: str
    sleep: Callable[[float], None] = time.sleep

    def due(self, word: str, now: datetime, limit: int) -> list[Job]:
        """One query of the index and one read of the rows; the index may lag, so the rows decide."""
        keys = self._writer.due(word, now, limit)
        jobs = [items.job_of(item) for item in self._writer.rows(keys) if items.text(item, "open_status") == word]
        due = [job for job in jobs if job.due_at is not None and job.due_at <= now]
        return sorted(due, key=lambda job: (job.due_at or now, job.job_id))

    def of_day(self, day: str) -> Iterator[Job]:
        """One query of the index and one read of the rows for each 100 jobs."""
        for keys in self._writer.pages("JobsByDay", "day", day):
            yield from map(items.job_of, self._writer.rows(keys))

    def wake(self, job: Job, until: datetime) -> None:
        """Nobody looks at the job again before `until`. Raises LostClaim."""
        write = Write(
            key=items.job_key(job.job_id),
            set={"due_at": until},
            when=[FROM_STATUS, SAME_ATTEMPT, STILL_DUE],
            values={"from": job.status, "run": job.run, "attempt": job.attempt, "due_at": job.due_at},
        )
        try:
            self._writer.update(write)
        except ConditionFailed:
            raise LostClaim("the job moved on, or another sweep woke it") from None

    def forgotten(self, job: Job) -> None:
        """Takes a job that is over out of the index; a rerun since then stays in it."""
        write = Write(
            key=items.job_key(job.job_id), when=[FROM_STATUS, SAME_RUN], values={"from": job.status, "run": job.run}
        )
        try:
            self._writer.update(placed(write, None, None))
        except ConditionFailed:
            return

    def without_job(self, job_ids: Sequence[str]) -> set[str]:
        """Those of at most 100 ids that have no row."""
        found = self._writer.rows([items.job_key(job_id) for job_id in job_ids])
        return set(job_ids) - {items.text(item, "job_id") for item in found}

    def turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Whether this caller has the task's turn. Looks first: a refused write costs as much as one that is made."""
        key = items.own_key(SWEEP, f"TASK#{task}")
        if (items.text(self._writer.read(key) or {}, "next_at") or "") > items.stamp(now):
            return False
        try:
            self._writer.update(Write(key, set={"next_at": now + every}, when=[MY_TURN], values={"now": now}))
        except ConditionFailed:
            return False
        return True

    def first_swept_at(self, bucket: str, now: datetime) -> datetime:
        """When the bucket was first swept."""
        try:
            self._writer.update(Write(_bucket(bucket), set={"since": now}, when=[FIRST_SWEEP]))
        except ConditionFailed as known:
            return items.moment(items.text(known.item, "since") or items.stamp(now))
        return now

    def cursor(self, bucket: str) -> str | None:
        """Where the last round through the bucket stopped."""
        return items.text(self._writer.read(_bucket(bucket)) or {}, "cursor")

    def save_cursor(self, bucket: str, cursor: str | None) -> None:
        """Notes where the next round goes on."""
        moved = Write(_bucket(bucket), set={"cursor": cursor}) if cursor else Write(_bucket(bucket), remove=["cursor"])
        self._writer.update(moved)

    def is_being_written(self, bucket: str, key: str, now: datetime) -> bool | None:
        """Whether a worker writes that output key now; None when no job ever claimed it."""
        item = self._writer.read(items.output_row_key(bucket, key))
        if item is None:
            return None
        until = items.text(item, "writer_until")
        return until is not None and items.moment(until) > now

    @property
    def _writer(self) -> LedgerTable:
        return LedgerTable(self.client, self.table, self.sleep)


def _bucket(name: str) -> dict[str, dict[str, str]]:
    return items.own_key(SWEEP, f"BUCKET#{name}")
