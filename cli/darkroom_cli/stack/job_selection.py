"""Selects the jobs that `darkroom jobs` lists: which index is read, which jobs match, and how far it looks back.

Nothing is scanned. Without any condition, the open jobs are read; with a key, the jobs of that key; else the uploads of a span
of days, the newest first, as many as are asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.model import TERMINAL, JobStatus

if TYPE_CHECKING:
    from darkroom.errors import ErrorCode
    from darkroom.model import Job
    from darkroom_cli.stack.deployment import Deployment

OPEN = tuple(status for status in JobStatus if status not in TERMINAL)
LOOK_BACK = timedelta(days=31)  # how far commands look back that are not told a time


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was asked for. All conditions must hold. `since` and `until` bound the times of the uploads' events."""

    status: JobStatus | None = None
    code: ErrorCode | None = None
    label: str | None = None
    prefix: str | None = None  # of the key
    model: str | None = None
    key: str | None = None  # key, bucket/key or s3://bucket/key
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_of_open_jobs(self) -> bool:
        """Whether only the index of open jobs is read: nothing is asked for, or only an open status."""
        narrowed = (self.code, self.label, self.prefix, self.model, self.key, self.since, self.until)
        return not any(narrowed) and (self.status is None or self.status in OPEN)

    @property
    def looks_back(self) -> bool:
        """Whether the span was not given, so that it is that of LOOK_BACK. The command must say so."""
        return not self.is_of_open_jobs and not self.key and self.since is None

    def first(self, now: datetime) -> datetime:
        """Return the time of the oldest upload that is looked at."""
        return self.since or (self.until or now) - LOOK_BACK

    def matches(self, job: Job) -> bool:
        """Return whether the job, as its row says, is asked for. An index may be out of date for a moment, so each row is
        checked."""
        of_status = job.status is self.status if self.status else not self.is_of_open_jobs or job.status in OPEN
        return of_status and (self.code is None or job.error_code == self.code) and self.is_in_batch(job)

    def is_in_batch(self, job: Job) -> bool:
        """Return whether the job is asked for, whatever becomes of it."""
        return (
            (self.label is None or job.label == self.label)
            and (self.prefix is None or job.source_key.startswith(self.prefix))
            and (self.model is None or _same_model(job, self.model))
            and (self.since is None or job.created_at >= self.since)
            and (self.until is None or job.created_at < self.until)
        )


def select(deployed: Deployment, asked: Selection, now: datetime, limit: int | None = None) -> tuple[list[Job], bool]:
    """Return the newest jobs that match, at most `limit`, the oldest first, and whether there are more. Raises LedgerBusy.

    Of open jobs, those that have been due the longest are taken, because their index knows no other order.
    """
    matching = filter(asked.matches, _indexed(deployed, asked, now))
    found = list(itertools.islice(matching, limit and limit + 1))  # one more shows that there are more
    taken = sorted(found[:limit], key=lambda job: (job.created_at, job.source_key))
    return taken, len(taken) < len(found)


def _indexed(deployed: Deployment, asked: Selection, now: datetime) -> Iterable[Job]:
    if asked.key:
        return _of_key(deployed, asked.key)
    if asked.is_of_open_jobs:
        return open_jobs(deployed, asked)
    return deployed.job_queries.uploaded(asked.first(now), asked.until or now)


def open_jobs(deployed: Deployment, asked: Selection) -> Iterator[Job]:
    """Yield the open jobs, or only those with the status that is asked for."""
    for status in (asked.status,) if asked.status else OPEN:
        yield from deployed.operator_ledger.jobs(status=status)


def _of_key(deployed: Deployment, key: str) -> Iterator[Job]:
    from darkroom.pipeline import job_lookup

    for uri in job_lookup.uris(key, deployed.input_bucket):
        found = deployed.job_queries.of_source(uri)
        for first in found:
            yield first
            yield from found
            return


def _same_model(job: Job, name: str) -> bool:
    """Return whether the job's model has that name, written as in settings, with or without `provider/` before it."""
    from darkroom.catalog import normalize_name

    wanted = normalize_name(name)
    return wanted in (normalize_name(job.model or ""), normalize_name(f"{job.provider}/{job.model}"))
