"""Moves: the conditional writes that take a job from one status to another. Pure; it must not call AWS.

Each clause of a condition is a named value with the history it covers. A worker that was given up for dead holds an old
`attempt`, so none of its writes can change anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from darkroom import messages
from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.errors import LostClaim
from darkroom.model import LISTED, UNPUBLISHED, Job, JobStatus

AT_THE_PROVIDER = (JobStatus.SUBMITTING, JobStatus.PROCESSING)  # or perhaps there

EXECUTION_GRACE = timedelta(minutes=15)  # an execution that should have moved the job by then is looked after
PUBLISHING_GRACE = timedelta(minutes=2)  # the worker that settled sends the event within seconds
LISTED_KEPT = timedelta(hours=24)  # how long the provider's entry of a settled job stays for people to look at

# The worker that writes is still the owner: neither a rerun nor a takeover happened since it read the row.
SAME_ATTEMPT = "#run = :run AND #attempt = :attempt"
# No rerun began since the row was read; who owns the run does not matter to this write.
SAME_RUN = "#run = :run"
# Nothing but the transition from this very status: a duplicate of the same step finds another status.
FROM_STATUS = "#status = :from"
# The earlier owner is over its time: its invocation ended at least LEASE_MARGIN ago, or it gave the job back.
LEASE_OVER = "attribute_not_exists(#lease_until) OR #lease_until <= :now"
# The job is due: it does not wait for a throttled provider, an operator, or a list that lags.
DUE = "attribute_not_exists(#next_attempt_at) OR #next_attempt_at <= :now"
# The row is there: a process cannot be an orphan of a job that is not.
KNOWN = "attribute_exists(pk)"
# The event was not marked as sent: a second announcement does not put the job back among those to be looked at.
NOT_PUBLISHED = "attribute_not_exists(#published_at)"
# Nobody handed the job on meanwhile: two sweeps at once wake it once.
STILL_DUE = "#due_at = :due_at"
# No process was ever bound to the run: what was paid for cannot be sent again under the same run.
NO_PROCESS = "attribute_not_exists(#process_id)"
# The run's row was not kept before: a rerun that is repeated after a lost answer keeps it once.
NOT_KEPT = "attribute_not_exists(pk)"


def guarded(
    job: Job,
    sources: Collection[JobStatus],
    when: Sequence[str] = (),
    values: Mapping[str, object] | None = None,
    **parts: Any,
) -> Write:
    """A write of the job's row that only its owner may make, and only from the status it was read in."""
    if job.status not in sources:
        raise LostClaim(f"{job.status} does not allow this step")
    guard = {"run": job.run, "attempt": job.attempt, "from": job.status, **(values or {})}
    return Write(key=items.job_key(job.job_id), when=[FROM_STATUS, SAME_ATTEMPT, *when], values=guard, **parts)


def move(
    job: Job,
    sources: Collection[JobStatus],
    target: JobStatus,
    *,
    word: str | None,
    due_at: datetime | None,
    **parts: Any,
) -> Write:
    """A guarded write to another status; `word` and `due_at` place it in the index of jobs to look at again."""
    return placed(guarded(job, sources, **parts), word, due_at, status=target)


def placed(write: Write, word: str | None, due_at: datetime | None, **more: object) -> Write:
    """The write with the job under `word` in the sparse index, or out of it."""
    if word is None:
        return replace(write, set={**write.set, **more}, remove=[*write.remove, "open_status", "due_at"])
    return replace(write, set={**write.set, **more, "open_status": word, "due_at": due_at})


def after_settling(job: Job, status: JobStatus, now: datetime) -> tuple[str | None, datetime | None]:
    """Where a job that is over stands in the index: until its event is sent, then until the provider has forgotten it."""
    if status in messages.DETAIL_TYPES:
        return UNPUBLISHED, now + PUBLISHING_GRACE
    return after_publishing(job, now)


def after_publishing(job: Job, now: datetime) -> tuple[str | None, datetime | None]:
    """Where a job stands once all was told: among those the provider still lists, or nowhere."""
    return (LISTED, (job.completed_at or now) + LISTED_KEPT) if job.process else (None, None)


def present(**changes: object) -> dict[str, object]:
    """What is to be set: those that take room in a row."""
    return {name: value for name, value in changes.items() if not items.is_absent(value)}
