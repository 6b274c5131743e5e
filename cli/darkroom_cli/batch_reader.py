"""Reads a batch again and again with few requests: only jobs that have not ended, and those that came since the last look.

A look reads at most MOST_READ open jobs, so that watching a large batch costs little; those that were not read for the longest
time come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.model import Job

BATCH = 100  # job ids in one read
MOST_READ = 500


@dataclass
class BatchReader:
    """Holds the jobs of a batch by id. `find` reads jobs by id, at most 100 at once; `discover` yields jobs that may be new since
    the time of the last look, which is None at first."""

    find: Callable[[Sequence[str]], Mapping[str, Job]]
    discover: Callable[[datetime | None, datetime], Iterable[Job]]
    jobs: dict[str, Job] = field(default_factory=dict)
    looked_at: datetime | None = None

    def look(self, now: datetime) -> list[Job]:
        """Read the batch, and return the jobs whose status or reason has changed since the last look."""
        found = {job.job_id: job for job in self.discover(self.looked_at, now)}
        self.looked_at = now
        known = [job_id for job_id, job in self.jobs.items() if not job.is_terminal and job_id not in found][:MOST_READ]
        for start in range(0, len(known), BATCH):
            found |= self.find(known[start : start + BATCH])
        changed = [job for job in found.values() if _shown(job) != _shown(self.jobs.get(job.job_id))]
        for job_id, job in found.items():  # those that were read now go to the end of the dictionary
            self.jobs.pop(job_id, None)
            self.jobs[job_id] = job
        return changed


def _shown(job: Job | None) -> object:
    return job and (job.run, job.status, job.error_code, job.error, job.process is None)
