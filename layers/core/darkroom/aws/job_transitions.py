"""Job transitions: the conditional writes that take a job from one status to another. Pure; it must not call AWS.

Each clause of a condition has a name and a comment that says which event it protects against. A worker whose job was taken
over has an old `attempt`, so that none of its writes can change anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from darkroom import queue_messages
from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.errors import LostClaim
from darkroom.model import LISTED, UNPUBLISHED, Job, JobStatus, LostAnswer

AT_THE_PROVIDER = (JobStatus.SUBMITTING, JobStatus.PROCESSING)  # the provider was, or may have been, called

OF_A_LOST_ANSWER = tuple(
    field.name for field in fields(LostAnswer)
)  # removed when it is known what became of the submit

EXECUTION_GRACE = timedelta(minutes=15)  # after this delay the sweep restarts an execution that should have acted
PUBLISHING_GRACE = timedelta(minutes=2)  # after this delay the sweep sends an event; the worker needs only seconds
LISTED_KEPT = timedelta(hours=24)  # how long a settled job's entry stays in the provider's list, for people to see

# The worker is still the owner: neither a rerun nor a takeover has happened since it read the row.
SAME_ATTEMPT = "#run = :run AND #attempt = :attempt"
# No rerun has begun since the row was read. Which worker owns the run does not matter for this write.
SAME_RUN = "#run = :run"
# The job still has the status that it was read with. A duplicate of the same step finds another one.
FROM_STATUS = "#status = :from"
# The earlier owner's lease has ended: its invocation ended at least LEASE_MARGIN ago, or it ended the lease itself.
LEASE_OVER = "attribute_not_exists(#lease_until) OR #lease_until <= :now"
# The job is due: it does not wait for a throttled provider, an operator, or a provider's list that lags.
DUE = "attribute_not_exists(#next_attempt_at) OR #next_attempt_at <= :now"
# The job's row exists: an orphan is not recorded for a job that does not exist.
KNOWN = "attribute_exists(pk)"
# The event is not marked as sent yet: a second mark must not put the job back into the index.
NOT_PUBLISHED = "attribute_not_exists(#published_at)"
# No other sweep has sent the job on meanwhile: of two sweeps at once, one does.
STILL_DUE = "#due_at = :due_at"
# No process was ever bound to the run: a run that was paid for must not be sent again.
NO_PROCESS = "attribute_not_exists(#process_id)"
# The run's row was not stored before: a rerun that is repeated after a lost answer stores it once.
NOT_KEPT = "attribute_not_exists(pk)"


def guarded(
    job: Job,
    sources: Collection[JobStatus],
    when: Sequence[str] = (),
    values: Mapping[str, object] | None = None,
    **parts: Any,
) -> Write:
    """Return a write of the job's row that only its owner may make, and only from the status that it was read with. Raises
    LostClaim if that status does not allow it."""
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
    """Return a guarded write to the status `target`, with the job under `word` and `due_at` in the index of open jobs."""
    return placed(guarded(job, sources, **parts), word, due_at, status=target)


def placed(write: Write, word: str | None, due_at: datetime | None, **more: object) -> Write:
    """Return the write with the job under `word` in the index of open jobs, or out of it if `word` is None."""
    if word is None:
        return replace(write, set={**write.set, **more}, remove=[*write.remove, "open_status", "due_at"])
    return replace(write, set={**write.set, **more, "open_status": word, "due_at": due_at})


def after_settling(job: Job, status: JobStatus, now: datetime) -> tuple[str | None, datetime | None]:
    """Return the word and the time under which a terminal job is in the index: until its event is sent, then until its entry
    is removed from the provider's list."""
    if status in queue_messages.DETAIL_TYPES:
        return UNPUBLISHED, now + PUBLISHING_GRACE
    return after_publishing(job, now)


def after_publishing(job: Job, now: datetime) -> tuple[str | None, datetime | None]:
    """Return the word and the time for a job whose event was sent: it stays in the index if the provider lists its process."""
    return (LISTED, (job.completed_at or now) + LISTED_KEPT) if job.process else (None, None)


def present(**changes: object) -> dict[str, object]:
    """Return the changes whose values are stored: those that are not absent."""
    return {name: value for name, value in changes.items() if not items.is_absent(value)}
