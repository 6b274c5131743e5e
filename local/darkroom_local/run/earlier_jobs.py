"""The jobs of earlier runs into a folder of results, by its account: which of them a run continues and does not pay again.

It reads the account only. It must not decide which files a run sends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.model import JobStatus
from darkroom_local.emulator.ledger_journal import JournalJob, jobs_in
from darkroom_local.folder.uploads import Item, digest_of
from darkroom_local.results import accounts
from darkroom_local.run.credits_csv import ended_jobs
from darkroom_local.run.upload_identity import version_of


@dataclass(frozen=True)
class EarlierJobs:
    """The jobs by the keys of their pictures. `ended` has the ids of jobs whose rows in `credits.csv` say how they ended."""

    by_key: Mapping[str, Sequence[JournalJob]] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    account_id: str = ""

    @property
    def are_all_saved(self) -> bool:
        """Whether each result that was paid is in the folder of results."""
        jobs = (job for found in self.by_key.values() for job in found)
        return all(job.job_id in self.ended for job in jobs if job.status is JobStatus.COMPLETED)

    def continues(self, item: Item) -> bool:
        """Return whether the job that a run would give the item is one that a provider has, had, or may have. Then the run brings
        its result and pays nothing. The file is read only if the account has such a job for its key."""
        known = self.by_key.get(item.key, ())
        submitted = {job.version for job in known if job.may_be_charged and job.job_id not in self.ended}
        if not submitted:
            return False
        with contextlib.suppress(OSError):  # a file that cannot be read is not sent
            content = digest_of(item.path)
            return version_of(item, content, known[0].bucket, self.ended, self.account_id) in submitted
        return False


def read(out: Path, *, is_real: bool, again: bool = False) -> EarlierJobs:
    """Return the jobs of the account of `out` as they are now. With `again`, a job whose result could not be saved has ended."""
    by_key: dict[str, list[JournalJob]] = {}
    for job in jobs_in(accounts.rows(out, is_real=is_real)):
        by_key.setdefault(job.key, []).append(job)
    return EarlierJobs(by_key, frozenset(ended_jobs(out, again)), accounts.id_of(out, is_real=is_real))
