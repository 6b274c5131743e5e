"""Process claims: the row of a provider's process, which says which run of which job has it. Pure; it must not call AWS.

Only processes that may be found by their image's bytes have such a row. Equal images have equal bytes, so without it two jobs
could be bound to one process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.errors import ProcessTaken
from darkroom.model import Job

OWN_PROCESS = "attribute_not_exists(#job_run) OR #job_run = :job_run"
KEPT = timedelta(days=30)  # the TTL of the row; a vendor's list shows a process for 7 days (Topaz, 1.2.0)


def claiming(job: Job, process_id: str, now: datetime) -> Write:
    """Return the write that claims the process for the job's run."""
    return Write(
        key=items.process_row_key(job.require_provider(), process_id),
        set={"job_run": _run_of(job), "expires_at": int((now + KEPT).timestamp())},
        when=[OWN_PROCESS],
        values={"job_run": _run_of(job)},
    )


def taken(process_id: str) -> ProcessTaken:
    """Return the error for a process that another run has claimed."""
    return ProcessTaken(f"another job has process {process_id}")


def is_anothers(row: Mapping[str, Any] | None, job: Job) -> bool:
    """Whether the row says that another run is bound to the process."""
    return row is not None and items.text(row, "job_run") != _run_of(job)


def _run_of(job: Job) -> str:
    return f"{job.job_id}-{job.run}"
