"""Gathers what `darkroom job` shows of one job: its runs, its steps with their times, and where each setting came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from darkroom.model import Circuit, Job, JobStatus
from darkroom_cli.jobs.wording import what_happens_next

if TYPE_CHECKING:
    from darkroom_cli.stack.deployment import Deployment

NOT_GIVEN = "nothing; it is the default"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Step:
    """Something that happened to a job, or will happen at the latest at that time."""

    at: datetime
    what: str


@dataclass(frozen=True)
class JobFacts:
    """One job with everything that the page says of it. `origins` maps settings to the words that say who gave them."""

    job: Job
    runs: Sequence[Job]  # all of them, the last one last
    origins: Mapping[str, str]
    origins_note: str | None  # why origins may be unknown
    steps: Sequence[Step]
    next: Sequence[str]


def gather(deployed: Deployment, job: Job, now: datetime) -> JobFacts:
    """Read what belongs to the job: its runs, its provider's circuit, and the settings of its upload as they are now. If the job
    waits, also read whether the output bucket takes results; if it is in doubt, whether its result is staged."""
    circuit = deployed.container.adapters.circuits.get(job.provider) if job.provider and not job.is_terminal else None
    given, note = origins(deployed, job) if job.settings else ({}, None)
    runs = deployed.job_queries.runs(job.job_id) or [job]
    staged = _staged_process(deployed, job) if job.status is JobStatus.IN_DOUBT else None
    check = deployed.container.adapters.storage_checks.last() if job.status is JobStatus.CLAIMED else None
    next_steps = list(what_happens_next(job, circuit, staged, check.refusal if check else None))
    return JobFacts(job, runs, given, note, steps(job, now, circuit), next_steps)


def _staged_process(deployed: Deployment, job: Job) -> str | None:
    """Return the process whose paid result is staged, None if there is none. Who may not look is told what the ledger says."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return deployed.operate.staged_process(job)
    except (ClientError, BotoCoreError):
        return job.process.process_id if job.process and job.process.staged else None


def steps(job: Job, now: datetime, circuit: Circuit | None = None) -> list[Step]:
    """Return the steps of the job's last run in the order of their times. `circuit` is that of the job's provider, None if it is
    closed."""
    process = job.process
    at_provider = job.provider or "the provider"
    is_paused = circuit is not None and circuit.paused
    attempt = f"the next attempt, if {at_provider} is no longer paused by then" if is_paused else "the next attempt"
    known = [
        (job.created_at, "Darkroom learned of the upload"),
        (job.dispatch and job.dispatch.reserved_at, "credits were reserved for this run for the first time"),
        (job.lost and job.lost.lost_at, f"{at_provider}'s answer to the submit was lost"),
        (
            process and process.submitted_at,
            f"{at_provider} had accepted it" + (f" as {process.process_id}" if process else ""),
        ),
        (job.cancel_requested_at, "somebody asked to cancel it"),
        (job.completed_at, f"it ended as {job.status}"),
        (job.published_at, "the event about it was sent"),
    ]
    if not job.is_terminal:
        known += [
            (job.next_attempt_at and max(job.next_attempt_at, job.due_at or job.next_attempt_at), attempt),
            (
                process and process.eta if process and process.eta > now else None,
                f"{at_provider} expects to have finished it",
            ),
            (job.deadline_at, "the job's deadline"),
        ]
    return sorted((Step(at, what) for at, what in known if at), key=lambda step: step.at)


def origins(deployed: Deployment, job: Job) -> tuple[dict[str, str], str | None]:
    """Return setting → who gave it, read from the upload, its folders' files and the stack as they are now, because the ledger
    keeps values only. The note says why some are unknown."""
    from botocore.exceptions import BotoCoreError, ClientError

    from darkroom.errors import DarkroomError
    from darkroom.model import Upload

    container = deployed.container
    try:
        source = container.adapters.sources.find(Upload(job.source_bucket, job.source_key, job.source_version))
        asked = container.quote.settings(source)
    except (DarkroomError, ClientError, BotoCoreError) as unread:
        log = "submit's log says it under `layers` with this job_id"
        return dict.fromkeys(
            job.settings, UNKNOWN
        ), f"the upload's settings cannot be read now ({_short(unread)}); {log}"
    found: dict[str, str] = {}
    for name, value in job.settings.items():
        now = asked.values.get(name)
        found[name] = (
            NOT_GIVEN if now is None else now.layer if _same(now.value, value) else f"changed since: now {now.value}"
        )
    return found, None


def _same(one: str, other: str) -> bool:
    from darkroom.catalog import normalize_name

    return normalize_name(one) == normalize_name(other)


def _short(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, dict) else str(error)


def as_object(facts: JobFacts, *, internals: bool) -> dict[str, object]:
    """Return all facts in JSON's types: the job's public attributes, then settings_from, runs, steps and next."""
    from darkroom_cli.jobs.tables import everything, public

    job = facts.job
    shown = everything(job) if internals else public(job) | {"handle_prefix": job.handle.prefix}
    return shown | {
        "settings_from": dict(facts.origins),
        "runs": [everything(run) if internals else public(run) for run in facts.runs],
        "steps": [{"at": step.at, "what": step.what} for step in facts.steps],
        "next": list(facts.next),
    }
