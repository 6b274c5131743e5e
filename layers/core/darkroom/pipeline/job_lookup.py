"""Finds the one job that a person names: by its id, the beginning of its id, its key, or the s3:// address of input or output.

It reads by keys and indexes only, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from darkroom.errors import NoSuchJob
from darkroom.model import Job
from darkroom.ports import JobQueries, Ledger

JOB_ID_DIGITS = 32
SHORT_ID_DIGITS = 8  # as lists show ids; fewer digits are taken for a key
SHORT_ID = re.compile(rf"[0-9a-f]{{{SHORT_ID_DIGITS},{JOB_ID_DIGITS - 1}}}")
LOOK_BACK = timedelta(days=31)  # how old the uploads may be whose short ids are found; open jobs are found at any age
SHOWN = 3  # how many of several jobs a message names
S3 = "s3://"


def find(reference: str, ledger: Ledger, queries: JobQueries, input_bucket: str, now: datetime) -> Job:
    """Return the job with that id, short id, upload (`key`, `bucket/key` or `s3://bucket/key`) or result (`s3://bucket/key`).

    Of several jobs of an upload, return the newest. Raises NoSuchJob, also if a short id fits several jobs.
    """
    if len(reference) == JOB_ID_DIGITS and (job := ledger.get(reference)):
        return job
    for uri in uris(reference, input_bucket):
        if job := next(iter(queries.of_source(uri)), None):
            return job
    if reference.startswith(S3) and (job := _with_output(reference, ledger, queries)):
        return job
    if SHORT_ID.fullmatch(reference):
        return _beginning(reference, ledger, queries, now)
    raise NoSuchJob(
        f"there is no job {reference!r}",
        "name an upload by its key or s3:// address, or give an id; `darkroom jobs --since 31d` lists them",
    )


def uris(reference: str, input_bucket: str) -> Iterator[str]:
    """Yield the sources (`bucket/key`) that the reference may mean, each once."""
    named = reference.removeprefix(S3)
    yield from dict.fromkeys((named, f"{input_bucket}/{named}"))


def _with_output(reference: str, ledger: Ledger, queries: JobQueries) -> Job | None:
    """Return the job whose result is at that address, or else the newest job of the upload that owns the address."""
    bucket, _, key = reference.removeprefix(S3).partition("/")
    job_id = queries.id_of_output(bucket, key)
    if job_id and (job := ledger.get(job_id)):
        return job
    source = queries.source_of_output(bucket, key)
    return next(iter(queries.of_source(source)), None) if source else None


def _beginning(begin: str, ledger: Ledger, queries: JobQueries, now: datetime) -> Job:
    found = [job for job_id in queries.find_beginning(begin, now - LOOK_BACK, now) if (job := ledger.get(job_id))]
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(f"{job.job_id} ({job.source_key})" for job in found[:SHOWN])
        raise NoSuchJob(f"{begin!r} begins the ids of {len(found)} jobs: {named}", "give more digits")
    raise NoSuchJob(
        f"there is no open job, and none of the last {LOOK_BACK.days} days, whose id begins with {begin!r}",
        f"give all {JOB_ID_DIGITS} digits of an older job's id, or the key of its upload",
    )
