"""The ports for callbacks: their key, their notes in the ledger, the executions that wait for them, and the vendors' bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from darkroom.model import CallbackBody, Job

# Returns what a callback's body says, or None if the body is not one of this vendor's.
CallbackReader = Callable[[bytes], CallbackBody | None]


class CallbackKeys(Protocol):
    """Keeps the key of the MACs in callback addresses. Both methods may raise LedgerBusy. Repeat safe."""

    def read(self) -> bytes | None:
        """Return the key, or None if no address was ever made."""

    def read_or_make(self) -> bytes:
        """Return the key. The first call of all makes it."""


@dataclass(frozen=True)
class ToldJob:
    """A job with a final callback that finalize has not looked at. `is_new` is true if this callback is the one."""

    job: Job
    task_token: str | None  # of the execution's last wait, which may be over
    is_new: bool


class CallbackLedger(Protocol):
    """Notes callbacks in the ledger. It can change no status, no credits and no budget. Any method may raise LedgerBusy."""

    def note(self, job_id: str, run: int, process_id: str, now: datetime) -> ToldJob | None:
        """Note that a callback said that the process, of that run, has ended, and return the job.

        Return None, and change nothing, if the run has ended, or if it has already had as many callbacks as may lead
        to a look. Repeat safe: while a note stands, it is not replaced and not counted again.
        """

    def note_accepted(self, job_id: str, run: int, process_id: str) -> bool:
        """Note that a callback named the process for that run, which has not ended. It leads to no look, but the run is not sent
        again. Return False, and change nothing, if a process is bound to the run, if a callback is noted already, or if the run
        has ended. Repeat safe.
        """

    def make_due(self, job: Job, now: datetime) -> bool:
        """Let a lost submit be looked up now. Return False if a worker has the job, or if it has moved on."""


class TaskTokens(Protocol):
    """Ends waits of the state machine."""

    def wake(self, task_token: str) -> bool:
        """End the wait with that token. Return False if it is over already. Repeat safe."""
