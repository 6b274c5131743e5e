"""Groups what needs somebody: jobs without a result by their codes, jobs in doubt, jobs that wait, and files not uploaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.model import Job, JobStatus
from darkroom_cli.console.errors import visible
from darkroom_cli.html_report.report_source import NotUploaded, ReportSource
from darkroom_cli.html_report.spend_figures import shortened
from darkroom_cli.jobs.wording import why

MOST_EXAMPLES = 5
KEY_LENGTH, REASON_LENGTH = 200, 400
WITHOUT_RESULT = frozenset({JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED})


@dataclass(frozen=True)
class Example:
    """A job of a group: its key and its reason."""

    key: str
    reason: str


@dataclass(frozen=True)
class Failure:
    """Jobs with the same cause, and what to do about them."""

    name: str  # the error code, or the status if there is none
    state: str  # what became of the jobs, in a word or two
    count: int
    cure: str
    command: str | None
    examples: Sequence[Example]  # the newest
    are_jobs: bool = True  # otherwise files that were not uploaded

    @property
    def counted(self) -> str:
        """The number with its noun."""
        noun = "upload" if self.are_jobs else "file"
        return f"{self.count:,} {noun}{'' if self.count == 1 else 's'}"

    @property
    def others(self) -> int:
        """How many jobs are not among the examples."""
        return self.count - len(self.examples)


def grouped(source: ReportSource) -> list[Failure]:
    """Return the groups, those with the most jobs first."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in source.jobs:
        if named := _group(job):
            groups.setdefault(named, []).append(job)
    found = [_failure(source, *named, jobs) for named, jobs in groups.items()]
    if source.not_uploaded:
        found.append(_not_uploaded(source.not_uploaded))
    return sorted(found, key=lambda failure: (-failure.count, failure.name, failure.state))


def needs_somebody(job: Job) -> bool:
    """Whether the job is in a group."""
    return _group(job) is not None


def _group(job: Job) -> tuple[str, str] | None:
    """Return the name and the state of the job's group, None if nobody need act."""
    if job.status in WITHOUT_RESULT:
        return job.error_code or job.status.value, "without a result"
    if job.status is JobStatus.IN_DOUBT:
        return job.status.value, "in doubt"
    return (job.error_code, "waiting") if job.error_code and not job.is_terminal else None


def _failure(source: ReportSource, name: str, state: str, jobs: Sequence[Job]) -> Failure:
    advice = source.advice(jobs[0])
    examples = [
        Example(shortened(visible(job.source_key), KEY_LENGTH), shortened(visible(why(job)), REASON_LENGTH))
        for job in jobs[:MOST_EXAMPLES]
    ]
    command = visible(advice.command) if advice.command else None
    return Failure(shortened(visible(name)), state, len(jobs), advice.cure, command, examples)


def _not_uploaded(files: Sequence[NotUploaded]) -> Failure:
    examples = [
        Example(shortened(visible(file.key), KEY_LENGTH), shortened(visible(f"{file.why} {file.cure}"), REASON_LENGTH))
        for file in files[:MOST_EXAMPLES]
    ]
    return Failure(
        "NOT SENT", "not uploaded", len(files), "Nothing was paid. Each file says what to do.", None, examples, False
    )
