"""Bugs of callbacks that the simulation must catch. Each function patches the real runtime with one mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from darkroom import callback_addresses
from darkroom.aws import callback_ledger, items, ledger
from darkroom.aws.callback_ledger import DynamoCallbackLedger
from darkroom.aws.ledger import DynamoLedger
from darkroom.model import JobStatus, ProcessState, Submission
from darkroom.pipeline.callback import CallbackOutcome, TakeCallback
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.in_doubt_lookup import InDoubt
from tests.fakes import state_machine
from tests.faults.seeded_bugs import Patch


def mac_not_compared(patch: Patch) -> None:
    """Take every address for genuine."""
    patch.setattr(callback_addresses, "is_genuine", lambda address, key: True)


def mac_of_the_job_only(patch: Patch) -> None:
    """Leave the run out of the MAC, so that the address of one run is good for the next."""
    mac = callback_addresses._mac
    patch.setattr(callback_addresses, "_mac", lambda provider, job_id, run, key: mac(provider, job_id, 1, key))


def another_runs_callback_noted(patch: Patch) -> None:
    """Note a callback of an earlier run in the row of the present one."""
    patch.setattr(callback_ledger, "SAME_RUN", "#run = :run OR attribute_exists(pk)")


def token_of_another_run(patch: Patch) -> None:
    """Write a task token into the job's row whatever its run is."""
    written = state_machine.token_write

    def unguarded(*given: Any) -> dict[str, Any]:
        request = written(*given)
        clause = "#run = :run"
        condition = request["ConditionExpression"].replace(clause, f"({clause} OR attribute_exists(pk))")
        return {**request, "ConditionExpression": condition}

    patch.setattr(state_machine, "token_write", unguarded)


def token_written_beside_a_note(patch: Patch) -> None:
    """Let an execution wait although a callback was noted before."""
    written = state_machine.token_write

    def unguarded(*given: Any) -> dict[str, Any]:
        request = written(*given)
        clause = "attribute_not_exists(#told_at)"
        condition = request["ConditionExpression"].replace(clause, f"({clause} OR attribute_exists(#told_at))")
        return {**request, "ConditionExpression": condition}

    patch.setattr(state_machine, "token_write", unguarded)


def early_callback_lost(patch: Patch) -> None:
    """Note a callback only once the job is bound."""
    note = DynamoCallbackLedger.note

    def bound_only(self: DynamoCallbackLedger, job_id: str, *rest: Any) -> Any:
        row = self.table.read(items.job_key(job_id)) or {}
        return None if items.text(row, "status") == JobStatus.SUBMITTING else note(self, job_id, *rest)

    patch.setattr(DynamoCallbackLedger, "note", bound_only)


def process_believed(patch: Patch) -> None:
    """Bind a lost submit to the process that a callback named, without asking the provider whose it is."""
    resolve = InDoubt.resolve

    def believed(self: InDoubt, job: Any) -> Any:
        if job.told is None:
            return resolve(self, job)
        submission = Submission(job.told.told_process_id, self.clock())
        return self.binding.bind(self.providers[job.provider], job, submission)

    patch.setattr(InDoubt, "resolve", believed)


def list_believed_against_a_callback(patch: Patch) -> None:
    """Send a lost submit again because the list excludes it, although the vendor has called back about it."""
    no_callback_left_out(patch)
    resolve = InDoubt.resolve
    patch.setattr(InDoubt, "resolve", lambda self, job: resolve(self, replace(job, told=None)))


def no_callback_left_out(patch: Patch) -> None:
    """Send a lost submit again although a callback came while the list was read."""
    patch.setattr(ledger, "NO_CALLBACK", "attribute_exists(pk)")
    note_not_read_before_the_resend(patch)


def note_not_read_before_the_resend(patch: Patch) -> None:
    """Send a run again although a callback came after the list excluded its submit."""
    reserve = DynamoLedger.reserve
    patch.setattr(DynamoLedger, "reserve", lambda *given: replace(reserve(*given), told=None))


def word_that_is_not_final_ignored(patch: Patch) -> None:
    """Ignore a callback about a lost submit that says that the process runs."""
    patch.setattr(DynamoCallbackLedger, "note_accepted", lambda *given: False)


def callback_before_the_resend_ignored(patch: Patch) -> None:
    """Ignore callbacks about a run that is about to be sent again."""
    patch.setattr(callback_ledger, "MAY_HAVE_PROCESS", callback_ledger.MAY_HAVE_PROCESS.replace(":claimed, ", ""))
    patch.setattr(callback_ledger, "OPEN", (JobStatus.SUBMITTING, JobStatus.PROCESSING, JobStatus.IN_DOUBT))
    patch.setattr(callback_ledger, "UNBOUND", (JobStatus.SUBMITTING, JobStatus.IN_DOUBT))


def failure_believed(patch: Patch) -> None:
    """Settle a job as failed because a callback led to it and the provider does not say that it is completed."""
    settle = Finalize._settle_by_state

    def believed(self: Finalize, job: Any, provider: Any, progress: Any) -> Any:
        if job.told_by == "callback" and progress.state is ProcessState.RUNNING:
            progress = replace(progress, state=ProcessState.FAILED)
        return settle(self, job, provider, progress)

    patch.setattr(Finalize, "_settle_by_state", believed)


def note_never_ends(patch: Patch) -> None:
    """Leave the note in the row when finalize looks at the job."""
    patch.setattr(ledger, "heard", lambda job: ({}, ()))


def note_ends_after_the_question(patch: Patch) -> None:
    """Forget the callback after the provider was asked, so that one that comes in between is lost."""
    patch.setattr(ledger, "heard", lambda job: ({}, ()))
    settle = Finalize._settle_by_state

    def late(self: Finalize, job: Any, provider: Any, progress: Any) -> Any:
        self.ledger.forget_told(job)
        return settle(self, job, provider, progress)

    patch.setattr(Finalize, "_settle_by_state", late)


def callbacks_without_end(patch: Patch) -> None:
    """Let every callback lead to a look, however many were wrong before."""
    patch.setattr(callback_ledger, "MOST_TOLD", 1_000_000)


def noted_and_not_woken(patch: Patch) -> None:
    """Note a callback and wake nobody."""
    patch.setattr(TakeCallback, "_pass_on", lambda self, told: CallbackOutcome.NOTED)


def ended_job_noted(patch: Patch) -> None:
    """Note a callback in the row of a run that has ended."""
    patch.setattr(callback_ledger, "MAY_HAVE_PROCESS", f"attribute_exists(pk) OR {callback_ledger.MAY_HAVE_PROCESS}")
