"""Keeps the ledger's rows in a journal on disk. Each write is one line, which is on the disk before the write is acknowledged.

A journal outlives the embedded cloud, which has its table only in memory. This module must not know who writes rows. But it knows
which rows still count after all processes of a run have ended, see `prepare`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from darkroom.model import JobStatus
from darkroom.pipeline.in_doubt_lookup import CLOCK_SKEW
from darkroom.timestamps import stamp
from darkroom_local.machine.disk_sync import sync_folder

Key = tuple[str, str]  # the pk and the sk of a row
Row = Mapping[str, Any]  # an item in DynamoDB's typed form
_AT_A_PROVIDER = frozenset({JobStatus.SUBMITTING, JobStatus.PROCESSING})
_OPEN = _AT_A_PROVIDER | {JobStatus.CLAIMED, JobStatus.IN_DOUBT}
_PAID = _AT_A_PROVIDER | {JobStatus.IN_DOUBT, JobStatus.COMPLETED}
_ROWS_A_LINE = 1000  # of a journal that is written anew: few enough for memory, and not one fsync for each row
DEADLINE = timedelta(hours=24)  # of a job, by default: the template's parameter JobDeadlineHours
LEASES = ("lease_until", "writer_until")


@dataclass(frozen=True)
class Change:
    """One change of a write. `row` is the row after the write, or None if the write removed it."""

    key: Key
    row: Row | None


@dataclass(frozen=True)
class JournalJob:
    """A job as its row is: its id, its status, and the upload that it was made from."""

    job_id: str
    status: JobStatus
    bucket: str
    key: str
    version: str

    @property
    def is_under_way(self) -> bool:
        """Whether a provider has the job or may have it, and its end is awaited."""
        return self.status in _AT_A_PROVIDER

    @property
    def may_be_charged(self) -> bool:
        """Whether a provider has the job, had it, or may have it."""
        return self.status in _PAID


class Journal:
    """Appends writes to a journal. Only one process at a time may have it open."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the journal's file. All appended changes are on the disk already."""
        self._file.close()

    def append(self, changes: Iterable[Change]) -> None:
        """Append the changes of one write, all or none, and return once they are on the disk. Raises OSError."""
        line = json.dumps([[*change.key, change.row] for change in changes]).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError("the disk is full")
        os.fsync(self._file.fileno())


def rows_of(path: Path) -> dict[Key, Row]:
    """Return the rows after the last write. A last line that is cut is ignored, because that write was never acknowledged."""
    rows: dict[Key, Row] = {}
    if not path.exists():
        return rows
    with path.open("rb") as file:
        for line in file:  # not all at once: the journal of 40,000 pictures has hundreds of megabytes
            if not line.endswith(b"\n"):
                break
            for pk, sk, row in json.loads(line):
                rows.pop((pk, sk), None)
                if row is not None:
                    rows[pk, sk] = row
    return rows


def prepare(
    path: Path, now: datetime, simulated: Collection[str], deadline: timedelta = DEADLINE
) -> tuple[JournalJob, ...]:
    """Make the journal ready for a new run, and return its jobs. Call this only when no process of an earlier run is alive.
    Repeat safe.

    Claimed jobs are dropped, because nothing was sent for them. Leases end now, because their owners are dead. The deadline of a
    submit without an answer begins anew, because the run asks for the picture again: if the provider never got it, it is sent.
    The sweep's records and open circuits are dropped, because they are about the earlier run. Jobs at a provider in `simulated`
    are dropped with their reservations, because the simulator has ended and its account with it.
    """
    rows = rows_of(path)
    for key, row in list(rows.items()):
        if _is_of_the_run(key, row, simulated):
            _release(rows, row)
            del rows[key]
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    changes = (Change(key, _asked_again(key, after_death(row, now), now + deadline)) for key, row in rows.items())
    with contextlib.closing(Journal(fresh)) as journal:
        while some := list(itertools.islice(changes, _ROWS_A_LINE)):
            journal.append(some)
    os.replace(fresh, path)
    sync_folder(path.parent)
    return tuple(jobs_in(rows))


def after_death(row: Row, now: datetime) -> Row:
    """Return the row with every lease ended, because the process that held it has ended. A lookup adds the seconds by which two
    workers' clocks may differ. Here all processes have one clock, so those seconds are taken off."""
    end = stamp(now - CLOCK_SKEW)
    return {**row, **{name: {"S": end} for name in LEASES if _text(row, name) > end}}


def _asked_again(key: Key, row: Row, deadline_at: datetime) -> Row:
    is_unanswered = _status(key, row) is JobStatus.SUBMITTING
    return {**row, "deadline_at": {"S": stamp(deadline_at)}} if is_unanswered else row


def jobs_in(rows: Mapping[Key, Row]) -> Iterator[JournalJob]:
    """Yield the jobs that the rows hold."""
    names = ("source_bucket", "source_key", "source_version")
    for key, row in rows.items():
        if status := _status(key, row):
            yield JournalJob(key[0].removeprefix("JOB#"), status, *(_text(row, name) for name in names))


def _is_of_the_run(key: Key, row: Row, simulated: Collection[str]) -> bool:
    """Return whether the row has no meaning for a later run."""
    status = _status(key, row)
    if status is JobStatus.CLAIMED or (status in _OPEN and _text(row, "provider") in simulated):
        return True
    return key[0].startswith(("SWEEP", "ACCOUNT#")) or (key[0].startswith("CIRCUIT#") and "paused_at" not in row)


def _release(rows: dict[Key, Row], job: Row) -> None:
    """Subtract the job's reservation from the month's two rows, in the provider's unit and in dollars."""
    if "credits_reserved" not in job:
        return
    credits, price = _number(job, "credits_reserved"), _number(job, "credit_price_usd")
    for unit, amount in ((_text(job, "provider"), credits), ("usd", credits * price)):
        key = (f"BUDGET#{unit}", _text(job, "budget_month"))
        if key in rows:
            less = {"reserved": amount, "committed": amount, "jobs": Decimal(1)}
            rows[key] = {
                **rows[key],
                **{name: {"N": f"{_number(rows[key], name) - part:f}"} for name, part in less.items()},
            }


def _number(row: Row, name: str) -> Decimal:
    return Decimal(row.get(name, {}).get("N", "0"))


def _text(row: Row, name: str) -> str:
    return str(row.get(name, {}).get("S", ""))


def _status(key: Key, row: Row) -> JobStatus | None:
    return JobStatus(row["status"]["S"]) if key[0].startswith("JOB#") and key[1] == "JOB" else None
