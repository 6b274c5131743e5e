"""Reads jobs and budgets from the ledger's table for people. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from darkroom.aws import items
from darkroom.aws.ledger_table import LedgerTable, Range
from darkroom.model import BudgetMonth, Job, JobStatus
from darkroom.timestamps import stamp

ONE_DAY = timedelta(days=1)
FINEST = timedelta(milliseconds=1)  # the ledger's times have no more digits


@dataclass(frozen=True)
class DynamoJobQueries:
    """Queries the ledger's table for people; implements `ports.JobQueries`."""

    table: LedgerTable

    def uploaded(self, first: datetime, last: datetime) -> Iterator[Job]:
        """Query the days from the last one to the first. Each 100 jobs take one query and one read of rows."""
        within = _between(first, last)
        for day in _days(first, last):
            for keys in self.table.pages("JobsByDay", "day", day, newest_first=True, within=within):
                yield from self._rows(keys)

    def of_source(self, source_uri: str) -> Iterator[Job]:
        """Query the index by source. Each 100 jobs take one query and one read of rows."""
        for keys in self.table.pages("JobsBySource", "source_uri", source_uri, newest_first=True):
            yield from self._rows(keys)

    def find_beginning(self, begin: str, first: datetime, last: datetime) -> Sequence[str]:
        """Query the keys of open jobs and of all days. An open job may be older than the days."""
        places = [("OpenJobs", "open_status", status.value) for status in sorted(items.OPEN)]
        places += [("JobsByDay", "day", day) for day in _days(first, last)]
        keys = (key for place in places for key in self.table.partition_keys(*place))
        return sorted({key.removeprefix("JOB#") for key in keys if key.startswith(f"JOB#{begin}")})

    def id_of_output(self, bucket: str, key: str) -> str | None:
        """Return the job whose result is in place."""
        return items.text(self.table.read(items.output_row_key(bucket, key)) or {}, "newest_job")

    def source_of_output(self, bucket: str, key: str) -> str | None:
        """Return the source that claimed the key."""
        return items.text(self.table.read(items.output_row_key(bucket, key)) or {}, "source_uri")

    def runs(self, job_id: str) -> Sequence[Job]:
        """Return the rows of the job's partition that are runs."""
        key = items.text(items.job_key(job_id), "pk") or ""
        rows = [row for row in self.table.partition(key) if "run" in row]
        return sorted(map(items.job_of, rows), key=lambda job: job.run)

    def open_ids(self) -> Mapping[str, JobStatus]:
        """Query the keys of each open status in the index."""
        return {
            key.removeprefix("JOB#"): status
            for status in sorted(items.OPEN)
            for key in self.table.partition_keys("OpenJobs", "open_status", status.value)
        }

    def ids_uploaded(self, first: datetime, last: datetime) -> Iterator[str]:
        """Query the keys of the days from the last one to the first."""
        within = _between(first, last)
        for day in _days(first, last):
            for keys in self.table.pages("JobsByDay", "day", day, newest_first=True, within=within):
                yield from ((items.text(key, "pk") or "").removeprefix("JOB#") for key in keys)

    def count_open(self) -> Mapping[str, int]:
        """Count each open status in the index."""
        return {
            status.value: self.table.count("OpenJobs", "open_status", status.value) for status in sorted(items.OPEN)
        }

    def count_uploaded(self, first: datetime, last: datetime) -> int:
        """Count each day in the index."""
        within = _between(first, last)
        return sum(self.table.count("JobsByDay", "day", day, within) for day in _days(first, last))

    def month(self, unit: str, month: str) -> BudgetMonth:
        """Return one row of the budget's partition."""
        return _month(unit, month, self.table.read(items.budget_key(unit, month)) or {})

    def months(self, unit: str) -> Sequence[BudgetMonth]:
        """Return the budget's partition, which has a row for each month."""
        rows = self.table.partition(f"BUDGET#{unit}")
        return [_month(unit, items.text(row, "sk") or "", row) for row in rows]

    def _rows(self, keys: list[dict[str, Any]]) -> Iterator[Job]:
        return map(items.job_of, self.table.rows(keys))


def _between(first: datetime, last: datetime) -> Range:
    return Range("created_at", stamp(first), stamp(last - FINEST))


def _days(first: datetime, last: datetime) -> Iterator[str]:
    """Yield the days from the one of `last` back to the one of `first`, in UTC."""
    day, end = (last - FINEST).astimezone(UTC).date(), first.astimezone(UTC).date()
    while day >= end:
        yield day.isoformat()
        day -= ONE_DAY


def _month(unit: str, month: str, row: Mapping[str, Any]) -> BudgetMonth:
    names = ("limit", "reserved", "spent", "overrun", "jobs")
    limit, reserved, spent, overrun, jobs = (items.number(row, name) for name in names)
    return BudgetMonth(unit, month, limit=limit, reserved=reserved, spent=spent, overrun=overrun, jobs=int(jobs))
