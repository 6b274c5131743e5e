"""Bugs around synchronous calls: what is staged, what a lost answer means, and when the staged result is removed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from darkroom.errors import ErrorCode
from darkroom.model import NOTHING, ProcessState
from darkroom.pipeline import dispatch
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.submit_outcomes import Done
from tests.faults.memory_staging import MemoryStagedResults
from tests.faults.seeded_bugs import Patch


class _Aside:
    """An object with some of its methods replaced."""

    def __init__(self, part: Any, **instead: Any) -> None:
        self.__dict__.update(instead)
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def staged_not_looked_for(patch: Patch) -> None:
    """A job in doubt looks at the provider's list before the staged result."""
    settle = InDoubt.resolve
    blind = _Aside(None, find=lambda handle: None)
    patch.setattr(InDoubt, "resolve", lambda self, job: settle(replace(self, staging=blind), job))


def another_runs_result_adopted(patch: Patch) -> None:
    """A staged result of the job is taken for that of the current run."""
    patch.setattr(
        MemoryStagedResults, "find", lambda self, handle: getattr(self.kept.get(handle.job_id), "process_id", None)
    )


def kept_under_the_attempt(patch: Patch) -> None:
    """Each attempt stages its result under its own name, and no other attempt looks there."""
    patch.setattr(
        dispatch,
        "partial",
        lambda keep, handle: partial(keep, replace(handle, job_id=f"{handle.job_id}-{handle.attempt}")),
    )


def dropped_before_the_copy(patch: Patch) -> None:
    """The staged result is read, then removed, then published."""
    headers = Delivery._headers

    def late(self: Delivery, job: Any, form: Any, credits: Any) -> Any:
        if job.process.staged:
            self.staging.drop(job.job_id, job.process.process_id)
        return headers(self, job, form, credits)

    patch.setattr(Delivery, "_headers", late)


def never_dropped(patch: Patch) -> None:
    """A published result stays staged."""
    patch.setattr(MemoryStagedResults, "drop", lambda self, job_id, process_id: None)


def _adopting(patch: Patch, state: ProcessState, instead: Any) -> None:
    """Replace the decision about a list whose first process of the run is in that state."""
    adopt = InDoubt._adopt

    def adopted(self: InDoubt, provider: Any, job: Any, found: Any) -> Any:
        other = found[0].state is state and job.dispatch.send_mode.is_synchronous
        return instead(self, job) if other else adopt(self, provider, job, found)

    patch.setattr(InDoubt, "_adopt", adopted)


def lost_answer_sent_again(patch: Patch) -> None:
    """The call was charged and its result is lost: the job buys another by itself."""
    _adopting(patch, ProcessState.EXPIRED, lambda self, job: None)


def lost_answer_released(patch: Patch) -> None:
    """The call was charged and its result is lost: the job counts it as not charged."""

    def released(self: InDoubt, job: Any) -> Any:
        return Done(self.settlement.fail(job, ErrorCode.RESULT_LOST, "lost", NOTHING))

    _adopting(patch, ProcessState.EXPIRED, released)


def failed_call_sent_again(patch: Patch) -> None:
    """A call that failed at the provider is repeated within the run."""
    _adopting(patch, ProcessState.FAILED, lambda self, job: None)


def failed_call_charged(patch: Patch) -> None:
    """A call that failed at the provider is settled at its reserved price."""

    def charged(self: InDoubt, job: Any) -> Any:
        return Done(self.settlement.fail(job, ErrorCode.PROVIDER_FAILED, "failed", job.reservation.credits_reserved))

    _adopting(patch, ProcessState.FAILED, charged)


def polled_though_staged(patch: Patch) -> None:
    """A job whose result is already staged is polled at the provider, which may not know it."""
    poll = Poll.__call__

    def asked(self: Poll, job_id: str, run: int) -> Any:
        forgetful = _Aside(
            self.ledger,
            get=lambda job_id: job and replace(job, process=job.process and replace(job.process, staged=False)),
        )
        job = self.ledger.get(job_id)
        return poll(replace(self, ledger=forgetful), job_id, run)  # type: ignore[arg-type]

    patch.setattr(Poll, "__call__", asked)


def whatever_is_staged_published(patch: Patch) -> None:
    """Finalize publishes any staged result of the job, even if the job is not bound to it or it is of another
    process.
    """

    def opened(self: Delivery, job: Any, provider: Any) -> Any:
        found = self.staging._port.kept.get(job.job_id)  # type: ignore[attr-defined]
        return self.staging.open(job.job_id, found.process_id) if found else provider.result(job.process.process_id)

    patch.setattr(Delivery, "_open_result", opened)
