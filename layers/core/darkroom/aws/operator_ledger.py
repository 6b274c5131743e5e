"""Writes operators' reruns, cancellations and decisions about jobs in doubt to DynamoDB. Every write is conditional."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from darkroom.aws import budgets, items, process_claims, retention
from darkroom.aws.expressions import Write
from darkroom.aws.job_transitions import (
    AT_THE_PROVIDER,
    NO_PROCESS,
    NOT_KEPT,
    OF_A_CALLBACK,
    OF_A_LOST_ANSWER,
    OF_CALLBACKS,
    guarded,
    move,
    present,
)
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import LostClaim
from darkroom.model import TERMINAL, Job, JobStatus

# The attributes that a rerun keeps. All others belong to the earlier run and are kept in its row.
IDENTITY = frozenset(
    {"job_id", "source_bucket", "source_key", "source_version", "source_order", "created_at", "label", "settings"}
)
INDEX_OF = {"status": "OpenJobs", "source_uri": "JobsBySource", "day": "JobsByDay"}
ATTRIBUTE_OF = {"status": "open_status", "source_uri": "source_uri", "day": "day"}


@dataclass(frozen=True)
class DynamoOperatorLedger:
    """Writes operators' changes to the ledger's table; implements `ports.OperatorLedger`. `kept` is the retention of earlier
    runs, None = for ever."""

    table: LedgerTable
    kept: timedelta | None = None

    def rerun(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """Terminal → `CLAIMED` with the next run and attempt 1. The earlier run is kept in a separate row. Raises LostClaim."""
        changes = {
            "run": job.run + 1, "attempt": 1, "polls": 0, "deadline_at": deadline_at, "next_attempt_at": now,
        }  # fmt: skip
        gone = job.attributes.keys() - IDENTITY - changes.keys() - {"status", "due_at"}
        step = move(
            job,
            TERMINAL,
            JobStatus.CLAIMED,
            word=JobStatus.CLAIMED,
            due_at=now,
            set=changes,
            remove=sorted({*gone, *OF_CALLBACKS, "expires_at"}),
        )
        self._transact(
            step, Write(items.run_key(job), set=_kept(job) | retention.expiry(now, self.kept), when=[NOT_KEPT])
        )
        return self._reread(job)

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
        """`IN_DOUBT` → `PROCESSING`, bound to the process. An earlier request to cancel is dropped, and so is the charge of
        another process. Raises LostClaim, ProcessTaken."""
        is_bound = job.process is not None and job.process.process_id == process_id
        gone = [*([] if staged else ["staged"]), *([] if is_bound else ["credits_charged"])]
        bound = {
            "process_id": process_id,
            "eta": now,
            "submitted_at": job.process.submitted_at if job.process else now,
            "deadline_at": deadline_at,
        }
        step = move(
            job,
            [JobStatus.IN_DOUBT],
            JobStatus.PROCESSING,
            word=JobStatus.PROCESSING,
            due_at=now,
            set=bound | present(staged=staged),
            add={"attempt": 1},
            remove=["error", "error_code", "cancel_requested_at", "published_at", *gone, *OF_A_LOST_ANSWER],
        )
        try:
            self.table.transact([step, process_claims.claiming(job, process_id, now)] if claims_process else [step])
        except ConditionFailed as failed:
            if failed.index > 0:
                raise process_claims.taken(process_id) from None
            raise _moved_on() from None
        return self._reread(job)

    def resubmit(self, job: Job, now: datetime, deadline_at: datetime) -> Job:
        """`IN_DOUBT` without a process → `CLAIMED`. The same transaction releases the reservation. An earlier request to cancel
        is dropped. Raises LostClaim."""
        step = move(
            job,
            [JobStatus.IN_DOUBT],
            JobStatus.CLAIMED,
            word=JobStatus.CLAIMED,
            due_at=now,
            set={"deadline_at": deadline_at, "next_attempt_at": now},
            add={"attempt": 1},
            when=[NO_PROCESS],
            remove=[
                "error",
                "error_code",
                "cancel_requested_at",
                "published_at",
                *OF_A_LOST_ANSWER,
                *OF_A_CALLBACK,
                *budgets.OF_A_RESERVATION,
            ],
        )
        self._transact(step, *budgets.releases(job))
        return self._reread(job)

    def request_cancel(self, job: Job, now: datetime) -> Job:
        """Mark a job at the provider to be cancelled. Raises LostClaim."""
        self._transact(guarded(job, AT_THE_PROVIDER, set={"cancel_requested_at": now}))
        return self._reread(job)

    def jobs(
        self, *, status: str | None = None, source_uri: str | None = None, day: str | None = None
    ) -> Iterator[Job]:
        """Yield the jobs with that status, source or day, in the order of the index. The caller gives exactly one of the
        three."""
        ((name, value),) = [(n, v) for n, v in (("status", status), ("source_uri", source_uri), ("day", day)) if v]
        for keys in self.table.pages(INDEX_OF[name], ATTRIBUTE_OF[name], value):
            yield from (items.job_of(item) for item in self.table.rows(keys))

    def find(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        """BatchGetItem of at most 100 jobs. Return job id → job of those that exist."""
        found = map(items.job_of, self.table.rows([items.job_key(job_id) for job_id in job_ids]))
        return {job.job_id: job for job in found}

    def committed(self, unit: str, month: str) -> Decimal:
        """Return what is reserved and spent of a month's budget, 0 without a row."""
        return items.number(self.table.read(items.budget_key(unit, month)) or {}, "committed")

    def _transact(self, *writes: Write) -> None:
        try:
            self.table.transact(writes)
        except ConditionFailed:
            raise _moved_on() from None

    def _reread(self, job: Job) -> Job:
        item = self.table.read(items.job_key(job.job_id))
        if item is None:
            raise LostClaim("the job's row vanished")
        return items.job_of(item)


def _moved_on() -> LostClaim:
    return LostClaim("the job moved on since it was read: look again")


def _kept(job: Job) -> dict[str, Any]:
    """Return the attributes of the run that has ended, without the attributes of the indexes."""
    return {name: value for name, value in present(**job.attributes).items() if name != "due_at"}
