"""The port for reading the ledger for people: jobs by time, key, id or output, their runs, and the months' budgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from darkroom.model import BudgetMonth, Job, JobStatus


class JobQueries(Protocol):
    """Reads jobs and budgets by the ledger's keys and indexes, never by a scan. Each method says what its reads grow with; none
    grows with the size of the table. It changes nothing. Any method may raise LedgerBusy."""

    def uploaded(self, first: datetime, last: datetime) -> Iterator[Job]:
        """Yield the jobs that were created from `first` to before `last`, the newest first. Reads grow with the days between
        them and with the jobs that the caller takes."""

    def of_source(self, source_uri: str) -> Iterator[Job]:
        """Yield the jobs of a source (`bucket/key`), the newest first. Reads grow with the jobs that the caller takes."""

    def find_beginning(self, begin: str, first: datetime, last: datetime) -> Sequence[str]:
        """Return the ids that begin with `begin`, of open jobs and of jobs created from the day of `first` to the day of `last`.
        Reads grow with the days, and with the thousands of jobs in them."""

    def id_of_output(self, bucket: str, key: str) -> str | None:
        """Return the id of the job whose result is at the output key, None if the ledger knows of none. One read."""

    def source_of_output(self, bucket: str, key: str) -> str | None:
        """Return the source (`bucket/key`) that owns the output key, None if the ledger knows of none. One read."""

    def runs(self, job_id: str) -> Sequence[Job]:
        """Return all runs of a job, the last one last. Empty if there is no such job. One read."""

    def open_ids(self) -> Mapping[str, JobStatus]:
        """Return job id → status of all open jobs, as the index has them; it may lag for a moment. Reads grow with the thousands
        of open jobs."""

    def ids_uploaded(self, first: datetime, last: datetime) -> Iterator[str]:
        """Yield the ids of the jobs that were created from `first` to before `last`. Reads grow with the days between them, and
        with the hundreds of jobs."""

    def count_open(self) -> Mapping[str, int]:
        """Return open status → number of jobs. Reads grow with the thousands of open jobs."""

    def count_uploaded(self, first: datetime, last: datetime) -> int:
        """Return how many jobs were created from `first` to before `last`. Reads grow with the days and the thousands of jobs."""

    def month(self, unit: str, month: str) -> BudgetMonth:
        """Return a month's budget (`YYYY-MM`), in a provider's own unit or in `usd`. All numbers are 0 if nothing was booked. One
        read."""

    def months(self, unit: str) -> Sequence[BudgetMonth]:
        """Return all months in which something was booked, the oldest first. One read."""
