"""Slips about synchronous calls: what is staged, what a lost answer means, when the staged result goes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from darkroom.errors import ErrorCode
from darkroom.model import ProcessState
from darkroom.pipeline import dispatch
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.in_doubt import InDoubt
from darkroom.pipeline.outcomes import Done
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.settlement import NOTHING
from tests.faults.memory_staging import Incoming
from tests.faults.seeded_bugs import Patch


class _Aside:
    """A part with some of its methods replaced."""

    def __init__(self, part: Any, **instead: Any) -> None:
        self.__dict__.update(instead)
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


def staged_not_looked_for(patch: Patch) -> None:
    """A doubt asks the provider's list at once."""
    settle = InDoubt.resolve
    blind = _Aside(None, find=lambda handle: None)
    patch.setattr(InDoubt, "resolve", lambda self, job: settle(replace(self, staging=blind), job))


def another_runs_result_adopted(patch: Patch) -> None:
    """Whatever is staged for the job is taken for this run's."""
    patch.setattr(Incoming, "find", lambda self, handle: getattr(self.kept.get(handle.job_id), "process_id", None))


def kept_under_the_attempt(patch: Patch) -> None:
    """Each attempt has a place of its own, which no other looks into."""
    patch.setattr(
        dispatch,
        "partial",
        lambda keep, handle: partial(keep, replace(handle, job_id=f"{handle.job_id}-{handle.attempt}")),
    )


def dropped_before_the_copy(patch: Patch) -> None:
    """What is staged is read, then removed, then published."""
    write = Delivery._write

    def late(self: Delivery, key: str, link: Any, form: Any, job: Any, credits: Any) -> None:
        if job.staged:
            self.staging.drop(job.job_id, job.process_id)
        write(self, key, link, form, job, credits)

    patch.setattr(Delivery, "_write", late)


def never_dropped(patch: Patch) -> None:
    """What was published stays staged."""
    patch.setattr(Incoming, "drop", lambda self, job_id, process_id: None)


def _adopting(patch: Patch, state: ProcessState, instead: Any) -> None:
    """Another answer to a list whose first process of the run is in that state."""
    adopt = InDoubt._adopt

    def adopted(self: InDoubt, provider: Any, job: Any, found: Any) -> Any:
        other = found[0].state is state and job.send_mode.is_synchronous
        return instead(self, job) if other else adopt(self, provider, job, found)

    patch.setattr(InDoubt, "_adopt", adopted)


def lost_answer_sent_again(patch: Patch) -> None:
    """Charged, and its result cannot be had: another is bought by itself."""
    _adopting(patch, ProcessState.EXPIRED, lambda self, job: None)


def lost_answer_released(patch: Patch) -> None:
    """Charged, and its result cannot be had: taken for not charged."""

    def released(self: InDoubt, job: Any) -> Any:
        return Done(self.settlement.fail(job, ErrorCode.RESULT_LOST, "lost", NOTHING))

    _adopting(patch, ProcessState.EXPIRED, released)


def failed_call_sent_again(patch: Patch) -> None:
    """A call that failed at the provider is made again within the run."""
    _adopting(patch, ProcessState.FAILED, lambda self, job: None)


def failed_call_charged(patch: Patch) -> None:
    """A call that failed at the provider is settled as reserved."""

    def charged(self: InDoubt, job: Any) -> Any:
        return Done(self.settlement.fail(job, ErrorCode.PROVIDER_FAILED, "failed", job.credits_reserved))

    _adopting(patch, ProcessState.FAILED, charged)


def polled_though_staged(patch: Patch) -> None:
    """A job whose result is here already is asked for at the provider, which need not know it."""
    poll = Poll.__call__

    def asked(self: Poll, job_id: str, run: int) -> Any:
        forgetful = _Aside(self.ledger, get=lambda job_id: job and replace(job, staged=False))
        job = self.ledger.get(job_id)
        return poll(replace(self, ledger=forgetful), job_id, run)  # type: ignore[arg-type]

    patch.setattr(Poll, "__call__", asked)


def whatever_is_staged_published(patch: Patch) -> None:
    """finalize takes what it finds staged for the job, bound as staged or not, of that process or another."""

    def opened(self: Delivery, job: Any, provider: Any) -> Any:
        found = self.staging._port.kept.get(job.job_id)  # type: ignore[attr-defined]
        return self.staging.open(job.job_id, found.process_id) if found else provider.result(job.process_id or "")

    patch.setattr(Delivery, "_opened", opened)
