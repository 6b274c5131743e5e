"""Places: the rows of output keys, each with its owner (a source), its writer (a job) and whose result stands there. Pure; it
must not call AWS."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.errors import OutputCollision
from darkroom.model import Job

# The output key is free, or is already this source's: its other versions and reruns share it.
OWN_OUTPUT = "attribute_not_exists(#source_uri) OR #source_uri = :source_uri"
# Nobody else is writing the output object, or its time is over.
OUTPUT_FREE = "attribute_not_exists(#writer) OR #writer = :writer OR #writer_until <= :now"
# No newer version of the source has its result there.
NOT_OLDER = "attribute_not_exists(#newest_order) OR #newest_order <= :order"
# This job is still the writer: the object that stands there is its own.
STILL_WRITER = "#writer = :writer"


def claiming(job: Job, bucket: str, key: str) -> Write:
    """The key for the job's source."""
    mine = {"source_uri": job.source_uri}
    return Write(key=items.output_row_key(bucket, key), set=mine, when=[OWN_OUTPUT], values=mine)


def collision(job: Job, key: str, taken: Mapping[str, Any]) -> OutputCollision:
    """Why the key could not be claimed; `taken` is its row."""
    other = items.text(taken, "source_uri") or "another source"
    return OutputCollision(
        f"the output key {key!r} belongs to {other!r}; {job.source_uri!r} would overwrite its result"
    )


def taking(job: Job, key: str, now: datetime, until: datetime) -> Write:
    """The job as the key's one writer."""
    return Write(
        key=items.output_row_key(job.require_dispatch().output_bucket, key),
        set={"writer": job.job_id, "writer_until": until},
        when=[OUTPUT_FREE, NOT_OLDER],
        values={"writer": job.job_id, "now": now, "order": job.source_order},
    )


def in_place(job: Job, key: str) -> Write:
    """The job's result as the newest."""
    return Write(
        key=items.output_row_key(job.require_dispatch().output_bucket, key),
        set={"newest_order": job.source_order, "newest_job": job.job_id},
        remove=["writer", "writer_until"],
        when=[STILL_WRITER],
        values={"writer": job.job_id},
    )


def has_newer(row: Mapping[str, Any], job: Job) -> bool:
    """Whether the result of a newer version of the job's source stands there."""
    is_own = items.text(row, "source_uri") == job.source_uri
    return is_own and (items.text(row, "newest_order") or "") > job.source_order
