"""The jobs of earlier runs into a folder of results, by its account: which of them a run continues and does not pay again.

It must not decide which files a run sends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.model import JobStatus
from darkroom_local.emulator.ledger_journal import JournalJob
from darkroom_local.folder.uploads import Item, digest_of
from darkroom_local.run.credits_csv import ended_jobs
from darkroom_local.run.upload_identity import version_of


@dataclass(frozen=True)
class EarlierJobs:
    """The jobs by the keys of their pictures. `ended` has the ids of jobs whose rows in `credits.csv` say how they ended."""

    by_key: Mapping[str, Sequence[JournalJob]] = field(default_factory=dict)
    ended: Collection[str] = ()
    account_id: str = ""

    @property
    def are_all_saved(self) -> bool:
        """Whether each result that was paid is in the folder of results."""
        jobs = (job for found in self.by_key.values() for job in found)
        return all(job.job_id in self.ended for job in jobs if job.status is JobStatus.COMPLETED)

    def may_be_charged(self, key: str) -> bool:
        """Return whether a provider has, had, or may have a picture with the key."""
        return any(job.may_be_charged for job in self.by_key.get(key, ()))

    def continues(self, item: Item) -> bool:
        """Return whether the job that a run gives the item is one that a provider has, had, or may have. Then the run brings its
        result and pays nothing. The file is read only if the account has such a job for its key."""
        known = self.by_key.get(item.key, ())
        submitted = {job.version for job in known if job.may_be_charged and job.job_id not in self.ended}
        if not submitted:
            return False
        ids = {job.job_id for job in known}
        with contextlib.suppress(OSError):  # a file that cannot be read is not sent
            content = digest_of(item.path)
            return version_of(item, content, known[0].bucket, self.ended, self.account_id, ids) in submitted
        return False


def of(jobs: Iterable[JournalJob], out: Path, account_id: str, *, again: bool = False) -> EarlierJobs:
    """Return the jobs of the account of `out`. With `again`, a job whose result could not be saved has ended."""
    by_key: dict[str, list[JournalJob]] = {}
    for job in jobs:
        by_key.setdefault(job.key, []).append(job)
    return EarlierJobs(by_key, ended_jobs(out, again), account_id)
