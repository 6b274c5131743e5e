"""Makes the conditional writes that take a job from one status to another. All functions are pure and must not call AWS.

Each clause of a condition has a name, and a comment that says against which event it protects. If a worker's job was taken over,
the worker has an old `attempt`, so that none of its writes can change anything.
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
from darkroom.model import LISTED, UNPUBLISHED, Job, JobStatus, LostAnswer, Told
from darkroom.retry_schedule import next_look_at

AT_THE_PROVIDER = (JobStatus.SUBMITTING, JobStatus.PROCESSING)  # the provider was, or may have been, called

# The attributes of a callback, until finalize looks at the job, and those that belong to a run's callbacks in all.
OF_A_CALLBACK = tuple(field.name for field in fields(Told))
OF_CALLBACKS = (*OF_A_CALLBACK, "times_told", "task_token")

# The attributes of a lost answer. They are removed when it is known whether the submit was accepted.
OF_A_LOST_ANSWER = tuple(field.name for field in fields(LostAnswer))

EXECUTION_GRACE = timedelta(minutes=15)  # after this delay the sweep restarts an execution that should have acted
PUBLISHING_GRACE = timedelta(minutes=2)  # after this delay the sweep sends an event; the worker needs only seconds
LISTED_KEPT = timedelta(hours=24)  # for so long, a settled job's process stays in the provider's list for people

# Neither a rerun nor a takeover has happened since the worker read the row. So the worker is still the owner.
SAME_ATTEMPT = "#run = :run AND #attempt = :attempt"
# No rerun has begun since the row was read. Which worker owns the run does not matter for this write.
SAME_RUN = "#run = :run"
# The job still has the status that it was read with. A duplicate of the same step finds another status.
FROM_STATUS = "#status = :from"
# The earlier owner's lease has ended. Its invocation ended at least LEASE_MARGIN ago, or the owner ended the lease itself.
LEASE_OVER = "attribute_not_exists(#lease_until) OR #lease_until <= :now"
# The job is due. It does not wait for a throttled provider, an operator, or a provider's list that lags.
DUE = "attribute_not_exists(#next_attempt_at) OR #next_attempt_at <= :now"
# The job's row must exist, because no orphan is recorded for a job that does not exist.
KNOWN = "attribute_exists(pk)"
# The event must not be marked as sent yet, because a second mark would put the job back into the index.
NOT_PUBLISHED = "attribute_not_exists(#published_at)"
# No other sweep has rescheduled the job in the meantime. So only one of two simultaneous sweeps does it.
STILL_DUE = "#due_at = :due_at"
# No callback has come since the row was read. It would say that the provider has accepted the run, which the list excluded.
NO_CALLBACK = "attribute_not_exists(#told_process_id)"
# No process may ever have been bound to the run, because a run that was paid for must not be sent again.
NO_PROCESS = "attribute_not_exists(#process_id)"
# The row of the earlier run is not stored yet. So a rerun that is repeated after a lost answer stores it only once.
NOT_KEPT = "attribute_not_exists(pk)"


def guarded(
    job: Job,
    sources: Collection[JobStatus],
    when: Sequence[str] = (),
    values: Mapping[str, object] | None = None,
    **parts: Any,
) -> Write:
    """Return a write of the job's row that succeeds only for the job's owner, and only if the status is still the one that was
    read. Raises LostClaim if that status is none of `sources`."""
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
    """Return a guarded write that sets the status `target`, and lists the job under `word` and `due_at` in the index of open
    jobs."""
    return placed(guarded(job, sources, **parts), word, due_at, status=target)


def placed(write: Write, word: str | None, due_at: datetime | None, **more: object) -> Write:
    """Return the write, extended so that it lists the job under `word` in the index of open jobs. If `word` is None, it takes the
    job out of the index."""
    if word is None:
        return replace(write, set={**write.set, **more}, remove=[*write.remove, "open_status", "due_at"])
    return replace(write, set={**write.set, **more, "open_status": word, "due_at": due_at})


def after_settling(
    job: Job, status: JobStatus, now: datetime, forgetting: Collection[str]
) -> tuple[str | None, datetime | None]:
    """Return the word and the time under which the index lists a terminal job. It is listed until its event is sent, and then
    until its process is removed from the provider's list."""
    if status in queue_messages.DETAIL_TYPES:
        return UNPUBLISHED, now + PUBLISHING_GRACE
    return after_publishing(job, now, forgetting)


def after_publishing(job: Job, now: datetime, forgetting: Collection[str]) -> tuple[str | None, datetime | None]:
    """Return the word and the time for a job whose event was sent. It stays in the index if it is in doubt, or if the provider
    lists its process and is one of `forgetting`, which can remove it from the list."""
    if job.status is JobStatus.IN_DOUBT:
        return JobStatus.IN_DOUBT, job.due_at
    return (
        (LISTED, (job.completed_at or now) + LISTED_KEPT)
        if job.process and job.provider in forgetting
        else (None, None)
    )


def present(**changes: object) -> dict[str, object]:
    """Return those of the changes whose values are stored in an item."""
    return {name: value for name, value in changes.items() if not items.is_absent(value)}


def known_settings(job: Job) -> dict[str, object]:
    """Return the job's provider, model, label and settings, as far as they are known. A rejected job has not stored them
    before."""
    return present(provider=job.provider, model=job.model, label=job.label, settings=dict(job.settings))


def lost_with_its_worker(job: Job) -> dict[str, object]:
    """Return the lost answer of a job that is taken over from a worker that died with its request; nothing if it is noted."""
    if job.status is not JobStatus.SUBMITTING or job.lost is not None:
        return {}
    ended = job.lease_until or job.next_attempt_at or job.created_at
    return vars(LostAnswer(lost_at=ended, lost_attempt=job.attempt))


def heard(job: Job) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return what a takeover sets and removes of the callback about the job. Only finalize takes `PROCESSING` jobs over."""
    if job.status is not JobStatus.PROCESSING:
        return {}, ()  # a callback that came before the bind counts when the job is bound
    return ({"told_by": "callback"} if job.told and job.told.told_at else {}), OF_A_CALLBACK


def learned_by(job: Job) -> str | None:
    """Return how Darkroom learned that the process of a job that ends had ended; None if its answer brought the result, or if it
    has no process."""
    if job.process is None or job.process.staged:
        return None
    return job.told_by or "poll"


def after_takeover(job: Job, now: datetime, lease_until: datetime) -> tuple[datetime | None, datetime]:
    """Return since when the job that is taken over is failing, and when the sweep looks at it. A lease that ran out shows that
    its worker died, because a living worker ends its lease itself."""
    failing_since = job.failing_since or (now if job.lease_until else None)
    if job.status is JobStatus.PROCESSING or failing_since is None:
        return None, lease_until
    return failing_since, max(lease_until, next_look_at(failing_since, now, job.deadline_at))
