"""Takes a vendor's callback: a request to the function's public URL that says that a process has ended.

A callback proves that the provider has accepted a submit of the run, so that Darkroom sends none again. Of a result it is a hint
and never evidence: it is noted in the job's row, and the job's execution is woken, or a lost submit is looked up. What became of
the process is then asked by the code that asks it without callbacks. This module knows no provider's API, and no secret but the
key of the addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from darkroom import callback_addresses
from darkroom.callback_addresses import CallbackAddress
from darkroom.model import JobDue, JobStatus, ProcessState
from darkroom.ports import CallbackKeys, CallbackLedger, CallbackReader, Clock, IntakeQueue, TaskTokens, ToldJob

MAX_BODY_BYTES = 64 * 1024


class CallbackOutcome(StrEnum):
    """What became of a request to the function's URL."""

    NOT_OURS = "not ours"  # no address of this stack
    TOO_LARGE = "too large"
    UNREADABLE = "unreadable"
    NOT_FINAL = "not final"  # the process has not ended, and the job is bound, or noted already
    IGNORED = "ignored"  # the run has ended, is another one now, or has had enough callbacks
    NOTED = "noted"
    WOKEN = "woken"
    DUE = "due"  # a lost submit is looked up now


# A vendor repeats a request after a status of 500 or more, and gives it up after one of 400 to 499.
STATUS_CODES: Mapping[CallbackOutcome, int] = {
    CallbackOutcome.NOT_OURS: 404,
    CallbackOutcome.TOO_LARGE: 413,
    CallbackOutcome.UNREADABLE: 400,
}


@dataclass(frozen=True)
class CallbackAnswer:
    """The outcome of a request, and the job that it was about if its address was genuine."""

    outcome: CallbackOutcome
    job_id: str | None = None

    @property
    def status_code(self) -> int:
        """The HTTP status of the answer."""
        return STATUS_CODES.get(self.outcome, 204)


@dataclass(frozen=True, kw_only=True)
class TakeCallback:
    """Takes callbacks. Repeat safe. It raises only if the vendor's next try may help."""

    keys: CallbackKeys
    readers: Mapping[str, CallbackReader]  # provider → what reads the bodies of its callbacks
    ledger: CallbackLedger
    task_tokens: TaskTokens
    intake: IntakeQueue
    clock: Clock

    def __call__(self, method: str, path: str, body: bytes) -> CallbackAnswer:
        """Take one request. Nothing but the key is read before the address has proved genuine. Raises LedgerBusy."""
        address = callback_addresses.read(path) if method == "POST" else None
        if address is None or not self._is_genuine(address):
            return CallbackAnswer(CallbackOutcome.NOT_OURS)
        return CallbackAnswer(self._take(address, body), address.job_id)

    def _is_genuine(self, address: CallbackAddress) -> bool:
        key = self.keys.read()
        return key is not None and address.provider in self.readers and callback_addresses.is_genuine(address, key)

    def _take(self, address: CallbackAddress, body: bytes) -> CallbackOutcome:
        if len(body) > MAX_BODY_BYTES:
            return CallbackOutcome.TOO_LARGE
        said = self.readers[address.provider](body)
        if said is None:
            return CallbackOutcome.UNREADABLE
        if said.state is ProcessState.RUNNING:
            is_noted = self.ledger.note_accepted(address.job_id, address.run, said.process_id)
            return CallbackOutcome.NOTED if is_noted else CallbackOutcome.NOT_FINAL
        told = self.ledger.note(address.job_id, address.run, said.process_id, self.clock())
        return self._pass_on(told) if told else CallbackOutcome.IGNORED

    def _pass_on(self, told: ToldJob) -> CallbackOutcome:
        """Let the job be looked at now, if something waits for its process. Otherwise the note is enough: it is looked at before
        the job is sent again, when it is bound, before its execution waits again, or by the person who decides a doubt."""
        job = told.job
        if job.status is JobStatus.PROCESSING and told.task_token and self.task_tokens.wake(told.task_token):
            return CallbackOutcome.WOKEN
        if job.status is JobStatus.SUBMITTING and told.is_new and self.ledger.make_due(job, self.clock()):
            self.intake.requeue(JobDue(job.job_id, after_failure=job.failing_since is not None), 0)
            return CallbackOutcome.DUE
        return CallbackOutcome.NOTED
