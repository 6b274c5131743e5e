"""Says for whom open jobs wait: groups them by who must act, with the reason and the command that helps.

All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from darkroom.errors import ErrorCode
from darkroom.model import Circuit, Job, JobStatus
from darkroom_cli.jobs import wording

NOBODY = "nobody"
OPERATOR = "an operator"
AFTER_DEPLOYMENT = "within a quarter of an hour after the deployment they go on by themselves"
RESULTS_REFUSED = "results cannot be stored, for the reason above"
MOST_WORDS = 160  # characters of a reason that is shown for a group


@dataclass(frozen=True)
class Wait:
    """Jobs that wait for the same. `command` is what helps, None if it is nothing that `darkroom` can do."""

    jobs: int
    whom: str
    why: str
    command: str | None


def waits(jobs: Iterable[Job], circuits: Mapping[str, Circuit], storage_refusal: str | None = None) -> list[Wait]:
    """Return the groups: first those for which a person must act, the largest first. `circuits` has the open ones by provider.
    `storage_refusal` says why the output bucket takes no results, None if it does."""
    groups: dict[tuple[str, str, str | None], int] = {}
    for job in jobs:
        group = _group(job, circuits, storage_refusal)
        groups[group] = groups.get(group, 0) + 1
    found = [Wait(number, *group) for group, number in groups.items()]
    return sorted(found, key=lambda wait: (wait.whom == NOBODY, -wait.jobs, wait.why))


def _group(job: Job, circuits: Mapping[str, Circuit], storage_refusal: str | None) -> tuple[str, str, str | None]:
    """Return for whom the job waits, why, and the command."""
    if job.status is JobStatus.IN_DOUBT:
        return OPERATOR, "in doubt: look into the provider's account and decide", "darkroom jobs --status IN_DOUBT"
    if job.status is JobStatus.PROCESSING:
        return NOBODY, f"{job.provider} is at work", None
    if job.status is JobStatus.SUBMITTING:
        return (
            NOBODY,
            f"being sent to {job.provider}" if job.lost is None else f"{job.provider}'s list is being asked",
            None,
        )
    circuit = circuits.get(job.provider or "")
    if circuit is not None and circuit.paused:
        return OPERATOR, f"{circuit.provider} is paused: {circuit.error}", f"darkroom resume {circuit.provider}"
    if circuit is not None:
        said = ": ".join(filter(None, (circuit.error_code, circuit.error)))
        if new_key := wording.new_key_command(circuit.provider, circuit.error_code, circuit.error):
            return OPERATOR, said, f"{new_key} && darkroom resume {circuit.provider}"
        return f"the owner of the account at {circuit.provider}", said, f"darkroom resume {circuit.provider}"
    if wording.waits_for_the_operator(job, storage_refusal):
        is_refused = job.error == storage_refusal  # the page says the reason above
        return OPERATOR, RESULTS_REFUSED if is_refused else job.error or "", None
    return _by_code(job)


def _by_code(job: Job) -> tuple[str, str, str | None]:
    match job.error_code:
        case ErrorCode.INVALID_SETTING:
            return OPERATOR, f"{job.error or 'DefaultSettings is wrong'}; {AFTER_DEPLOYMENT}", None
        case ErrorCode.SOURCE_UNREADABLE:
            return "the owner of the input bucket", "the objects may not be read", None
        case None:
            return NOBODY, _of_a_retry(job), None
        case code:
            return OPERATOR, f"{code}: {job.error}", None


def _of_a_retry(job: Job) -> str:
    if not job.error:
        return "being checked, or waiting for a turn"
    return job.error if len(job.error) <= MOST_WORDS else "tried again later; `darkroom jobs` says why"
