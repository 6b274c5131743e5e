"""Bugs of synchronous calls that the simulation must catch. Each function patches the real runtime with one mistake."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from darkroom.errors import ErrorCode
from darkroom.model import NOTHING, ProcessState
from darkroom.pipeline import dispatch
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.message_outcomes import Done
from darkroom.pipeline.poll import Poll
from tests.faults.memory_staging import MemoryStagedResults
from tests.faults.seeded_bugs import Patch


class _Aside:
    """Wraps an object and replaces some of its methods."""

    def __init__(self, part: Any, **instead: Any) -> None:
        self.__dict__.update(instead)
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def staged_not_looked_for(patch: Patch) -> None:
    """Resolve a job in doubt by the provider's list, without looking for a staged result."""
    settle = InDoubt.resolve
    blind = _Aside(None, find=lambda handle: None)
    patch.setattr(InDoubt, "resolve", lambda self, job: settle(replace(self, staging=blind), job))


def another_runs_result_adopted(patch: Patch) -> None:
    """Take any staged result of the job for that of the current run."""
    patch.setattr(
        MemoryStagedResults, "find", lambda self, handle: getattr(self.kept.get(handle.job_id), "process_id", None)
    )


def kept_under_the_attempt(patch: Patch) -> None:
    """Stage the result under a name that contains the attempt, so that no other attempt finds it."""
    patch.setattr(
        dispatch,
        "partial",
        lambda keep, handle: partial(keep, replace(handle, job_id=f"{handle.job_id}-{handle.attempt}")),
    )


def dropped_before_the_copy(patch: Patch) -> None:
    """Remove the staged result before it is published."""
    headers = Delivery._headers

    def late(self: Delivery, job: Any, source: Any, given: Any) -> Any:
        if job.process.staged:
            self.staging.drop(job.job_id, job.process.process_id)
        return headers(self, job, source, given)

    patch.setattr(Delivery, "_headers", late)


def never_dropped(patch: Patch) -> None:
    """Never remove a staged result, even after it was published."""
    patch.setattr(MemoryStagedResults, "drop", lambda self, job_id, process_id: None)


def _adopting(patch: Patch, state: ProcessState, instead: Any) -> None:
    """Replace the decision about a synchronous call, if the first process that the list shows for it is in `state`."""
    adopt = InDoubt._adopt

    def adopted(self: InDoubt, provider: Any, job: Any, found: Any) -> Any:
        other = found[0].state is state and job.dispatch.send_mode.is_synchronous
        return instead(self, job) if other else adopt(self, provider, job, found)

    patch.setattr(InDoubt, "_adopt", adopted)


def lost_answer_sent_again(patch: Patch) -> None:
    """Send a call again automatically, although it was charged and its result is lost."""
    _adopting(patch, ProcessState.EXPIRED, lambda self, job: None)


def lost_answer_released(patch: Patch) -> None:
    """Settle a call as not charged, although it was charged and its result is lost."""

    def released(self: InDoubt, job: Any) -> Any:
        return Done(self.settlement.fail(job, ErrorCode.RESULT_LOST, "lost", NOTHING))

    _adopting(patch, ProcessState.EXPIRED, released)


def failed_call_sent_again(patch: Patch) -> None:
    """Send a call that failed at the provider again within the same run."""
    _adopting(patch, ProcessState.FAILED, lambda self, job: None)


def failed_call_charged(patch: Patch) -> None:
    """Settle a call that failed at the provider at its reserved price."""

    def charged(self: InDoubt, job: Any) -> Any:
        return Done(self.settlement.fail(job, ErrorCode.PROVIDER_FAILED, "failed", job.reservation.credits_reserved))

    _adopting(patch, ProcessState.FAILED, charged)


def polled_though_staged(patch: Patch) -> None:
    """Poll the provider for a job whose result is already staged."""
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
    """Publish any staged result of the job, even if it belongs to another process than the one the job is bound to."""

    def opened(self: Delivery, job: Any, provider: Any) -> Any:
        found = self.staging._port.kept.get(job.job_id)  # type: ignore[attr-defined]
        return self.staging.open(job.job_id, found.process_id) if found else provider.result(job.process.process_id)

    patch.setattr(Delivery, "_open_result", opened)
