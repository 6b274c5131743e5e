"""Makes the writes of the rows of output keys. All functions are pure and must not call AWS.

A row has the source that owns the output key, the job that is writing its object now, and the version whose result is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.errors import OutputCollision
from darkroom.model import Job

# The output key is free, or already belongs to this source. All versions and reruns of a source share it.
OWN_OUTPUT = "attribute_not_exists(#source_uri) OR #source_uri = :source_uri"
# No other job is writing the output object, or the other job's time for that is over.
OUTPUT_FREE = "attribute_not_exists(#writer) OR #writer = :writer OR #writer_until <= :now"
# The output key holds no result of a newer version of the source.
NOT_OLDER = "attribute_not_exists(#newest_order) OR #newest_order <= :order"
# This job must still be the writer, because only then the object at the key is its result.
STILL_WRITER = "#writer = :writer"


def claiming(job: Job, bucket: str, key: str) -> Write:
    """Return the write that claims the key for the job's source."""
    mine = {"source_uri": job.source_uri}
    return Write(key=items.output_row_key(bucket, key), set=mine, when=[OWN_OUTPUT], values=mine)


def collision(job: Job, key: str, taken: Mapping[str, Any]) -> OutputCollision:
    """Return the error for a key that belongs to another source; `taken` is its row."""
    other = items.text(taken, "source_uri") or "another source"
    return OutputCollision(
        f"the output key {key!r} belongs to {other!r}; {job.source_uri!r} would overwrite its result"
    )


def taking(job: Job, key: str, now: datetime, until: datetime) -> Write:
    """Return the write that makes the job the only writer of the key until `until`. It also claims the key, which was claimed in
    another bucket if the stack has got this one since the job was sent."""
    mine = {"writer": job.job_id, "source_uri": job.source_uri}
    return Write(
        key=items.output_row_key(job.require_dispatch().output_bucket, key),
        set={**mine, "writer_until": until},
        when=[OWN_OUTPUT, OUTPUT_FREE, NOT_OLDER],
        values={**mine, "now": now, "order": job.source_order},
    )


def in_place(job: Job, key: str) -> Write:
    """Return the write that records the job's result as that of the newest version, and ends the job's time as the writer."""
    return Write(
        key=items.output_row_key(job.require_dispatch().output_bucket, key),
        set={"newest_order": job.source_order, "newest_job": job.job_id},
        remove=["writer", "writer_until"],
        when=[STILL_WRITER],
        values={"writer": job.job_id},
    )


def has_result(row: Mapping[str, Any]) -> bool:
    """Whether the row says that a result was settled at its key."""
    return "newest_job" in row


def is_anothers(row: Mapping[str, Any], job: Job) -> bool:
    """Whether the row says that the key belongs to another source."""
    return items.text(row, "source_uri") not in (None, job.source_uri)


def has_newer(row: Mapping[str, Any], job: Job) -> bool:
    """Return whether the row says that the result of a newer version of the job's source is there."""
    is_own = items.text(row, "source_uri") == job.source_uri
    return is_own and (items.text(row, "newest_order") or "") > job.source_order
