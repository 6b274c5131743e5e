"""Notes callbacks in the rows of their jobs, and keeps the key of their addresses. It must write nothing else of a job.

IAM allows the function callback the attributes that are written here, and no others (template.yaml, CallbackRole).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.job_transitions import FROM_STATUS, NO_CALLBACK, SAME_ATTEMPT, SAME_RUN
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.model import Job, JobStatus
from darkroom.ports import ToldJob

KEY = items.own_key("CALLBACKS", "KEY")
KEY_BYTES = 32
MOST_TOLD = 3  # callbacks of one run that lead to a look; after so many, only the clock does
UNBOUND = (JobStatus.CLAIMED, JobStatus.SUBMITTING, JobStatus.IN_DOUBT)
OPEN = (*UNBOUND, JobStatus.PROCESSING)

# The run may have a process. A callback about a run that has ended changes nothing, however often it is repeated. A `CLAIMED` job
# has an address only if it was sent before, so that a callback says that an earlier submit was accepted.
MAY_HAVE_PROCESS = "#status IN (:claimed, :submitting, :processing, :in_doubt)"
# No process is bound, so that the run could be sent again.
MAY_BE_SENT = "#status IN (:claimed, :submitting, :in_doubt)"
# No callback waits to be looked at. A duplicate neither replaces the note nor counts.
NOT_TOLD = "attribute_not_exists(#told_at)"
# Fewer than MOST_TOLD callbacks were noted. So callbacks that are wrong, by mistake or by intent, cost a bounded number of looks.
SELDOM_TOLD = "attribute_not_exists(#times_told) OR #times_told < :most"
# The submit's answer was lost, and no worker is looking it up.
LOST_AND_UNOWNED = "attribute_exists(#lost_at) AND attribute_not_exists(#lease_until)"


@dataclass(frozen=True)
class DynamoCallbackLedger:
    """Implements `ports.CallbackLedger` with the ledger's table."""

    table: LedgerTable

    def note(self, job_id: str, run: int, process_id: str, now: datetime) -> ToldJob | None:
        """Note the callback by one conditional update, which returns the row with the execution's last task token."""
        write = Write(
            key=items.job_key(job_id),
            set={"told_at": now, "told_process_id": process_id},
            add={"times_told": 1},
            when=[SAME_RUN, MAY_HAVE_PROCESS, NOT_TOLD, SELDOM_TOLD],
            values={"run": run, "most": MOST_TOLD, **_named(OPEN)},
        )
        try:
            row, is_new = self.table.update(write), True
        except ConditionFailed as failed:
            row, is_new = dict(failed.item), False
        job = items.job_of(row) if row else None
        if job is None or job.run != run or job.status not in OPEN or not (job.told and job.told.told_at):
            return None
        return ToldJob(job, items.text(row, "task_token"), is_new)

    def note_accepted(self, job_id: str, run: int, process_id: str) -> bool:
        """Note it by a conditional update. The row is read before, because the jobs of most callbacks are bound, and a refused
        update costs at least five times as much as a read."""
        row = self.table.read(items.job_key(job_id)) or {}
        if items.text(row, "status") not in UNBOUND or row.keys() & {"process_id", "told_process_id"}:
            return False
        write = Write(
            key=items.job_key(job_id),
            set={"told_process_id": process_id},
            when=[SAME_RUN, MAY_BE_SENT, NO_CALLBACK],
            values={"run": run, **_named(UNBOUND)},
        )
        try:
            self.table.update(write)
        except ConditionFailed:
            return False
        return True

    def make_due(self, job: Job, now: datetime) -> bool:
        """Make the lookup of a lost submit due, for a message and for the sweep."""
        write = Write(
            key=items.job_key(job.job_id),
            set={"due_at": now},
            remove=["next_attempt_at"],
            when=[FROM_STATUS, SAME_ATTEMPT, LOST_AND_UNOWNED],
            values={"from": JobStatus.SUBMITTING, "run": job.run, "attempt": job.attempt},
        )
        try:
            self.table.update(write)
        except ConditionFailed:
            return False
        return True


def _named(statuses: Iterable[JobStatus]) -> dict[str, object]:
    """Return the statuses by the names that conditions give them."""
    return {status.value.lower(): status for status in statuses}


@dataclass
class DynamoCallbackKeys:
    """Implements `ports.CallbackKeys` with a row of the ledger. A process reads the key once."""

    table: LedgerTable
    _key: bytes | None = field(default=None, init=False, repr=False)

    def read(self) -> bytes | None:
        """Return the key, or None if there is none yet."""
        if self._key is None:
            row = self.table.read(KEY)
            self._key = bytes.fromhex(items.text(row, "mac_key") or "") if row else None
        return self._key

    def read_or_make(self) -> bytes:
        """Return the key. If there is none, make it by a write that only one of several callers can make."""
        made = self.read()
        while made is None:
            with suppress(ConditionFailed):  # another process was faster
                self.table.put_new(KEY | {"mac_key": items.wire(secrets.token_hex(KEY_BYTES))})
            made = self.read()
        return made
