"""Lets the rows of ended jobs expire, and keeps of each such job its id and its final status. All functions are pure.

The small row is written with the settlement, long before the job's own row expires. So no message about an old object ever finds
neither of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.model import Job, JobStatus, SourceObject

# The TTL of `SKIPPED` rows. They expire whatever the stack's retention is, because nothing was spent on them.
SKIPPED_KEPT = timedelta(days=90)
# The job of a younger object has not expired, because rows are kept for 90 days at least. A day is left for clocks.
YOUNG = timedelta(days=89)


def ended_key(job_id: str) -> dict[str, Any]:
    """Return the key of the row that stays of an ended job."""
    return {"pk": items.wire(f"JOB#{job_id}"), "sk": items.wire("ENDED")}


def may_have_expired(source: SourceObject, now: datetime) -> bool:
    """Return whether the object is so old that its job's row may have expired. So a new upload costs no extra request."""
    return now - source.last_modified >= YOUNG


def expiry(now: datetime, kept: timedelta | None) -> dict[str, object]:
    """Return the TTL of a row that is kept for that time from now, and nothing if rows are kept for ever."""
    return {"expires_at": int((now + kept).timestamp())} if kept else {}


def at_the_end(
    job: Job, status: JobStatus, now: datetime, kept: timedelta | None
) -> tuple[dict[str, object], list[Write]]:
    """Return the TTL of the row of a job that ends now, and the write of the row that stays. `kept` is None = for ever."""
    if status is JobStatus.SKIPPED:
        return expiry(now, SKIPPED_KEPT), []
    if not kept:
        return {}, []
    return expiry(now, kept), [Write(ended_key(job.job_id), set={"status": status, "completed_at": now})]
