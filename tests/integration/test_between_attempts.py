"""What happens between two attempts: a published result is not lost, a failed claim is repeated, and a paid id is
kept.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, MONTH, World, picture

from darkroom.errors import LedgerBusy, LostClaim, OutputBusy, ProcessUnknown, ResultNotReady
from darkroom.model import Job, JobStatus, ProcessState
from darkroom.pipeline.binding import BIND_ATTEMPTS
from darkroom.pipeline.finalize import BUSY_RETRY, MAX_SILENCE
from darkroom.pipeline.outcomes import Ignored, RetryLater

GONE = ProcessUnknown("HTTP 404")


@pytest.fixture
def job(world: World) -> Job:
    world.deliver(world.cloud.put("a.jpg", picture()))
    return world.job()


class Stubborn:
    """A port of which one call fails a number of times, and then works."""

    def __init__(self, port: Any, name: str, errors: list[Exception]) -> None:
        self._port, self._name, self._errors = port, name, errors

    def __getattr__(self, name: str) -> Any:
        if name != self._name or not self._errors:
            return getattr(self._port, name)

        def fail(*given: Any, **named: Any) -> None:
            raise self._errors.pop(0)

        return fail


# --- a published result ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [None, ProcessState.EXPIRED, ProcessState.FAILED, ProcessState.CANCELLED])
def test_a_result_that_stands_is_settled_whatever_the_provider_says_by_then(
    world: World, job: Job, state: ProcessState | None
) -> None:
    world.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    world.ports["ledger"] = Stubborn(world.ledger, "settle", [LedgerBusy("contended")])
    with pytest.raises(LedgerBusy):
        world.finalize(job)
    assert world.cloud.keys() == {"a.jpg"}
    if state is None:
        world.provider.faults |= {"progress": [GONE] * 3, "result": [GONE] * 3}
    else:
        world.provider.become(state)

    assert world.finalize(job).status == "COMPLETED"

    assert (world.job().credits, world.cloud.keys()) == (3, {"a.jpg"})
    world.assert_books_balance()


def test_one_404_after_the_end_loses_nothing(world: World, job: Job) -> None:
    world.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    world.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.provider.faults |= {"progress": [GONE], "result": [GONE]}
    with pytest.raises(ResultNotReady, match="does not know the process"):
        world.finalize(job)

    assert world.finalize(job).status == "COMPLETED"

    assert (world.job().credits, world.cloud.keys()) == (3, {"a.jpg"})


@pytest.mark.parametrize("state", [ProcessState.FAILED, ProcessState.CANCELLED])
@pytest.mark.parametrize("late", [False, True])
def test_a_process_that_had_said_completed_is_settled_when_it_fails_after_all(
    world: World, job: Job, state: ProcessState, late: bool
) -> None:
    world.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    world.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.provider.become(state)
    if late:
        world.clock.advance(job.deadline_at - world.clock() + MAX_SILENCE)

    world.finalize(job)

    ended = world.job()
    assert (ended.status, ended.error_code, ended.credits) == (JobStatus.FAILED, "ResultLost", 3)
    world.assert_books_balance()


# --- a key that another version is written to ------------------------------------------------------------------------


def test_a_job_whose_key_is_being_written_looks_again_soon_and_not_by_failing(world: World, job: Job) -> None:
    world.provider.become(ProcessState.COMPLETED)
    until = world.clock() + INVOCATION
    busy = [OutputBusy("another version's result is being written", until)]
    world.ports["ledger"] = Stubborn(world.ledger, "lock_output", busy)

    tick = world.finalize(job)

    assert (tick.status, tick.poll_at) == ("running", world.clock() + BUSY_RETRY)
    world.clock.advance(BUSY_RETRY)
    assert world.finalize(job).status == "COMPLETED"


def test_the_ledger_says_until_when_a_key_is_written(world: World) -> None:
    older, newer = (world.cloud.put("a.jpg", picture(noise=n)) for n in (1, 2))
    for upload in (older, newer):
        world.deliver(upload)
    first, second = sorted(world.cloud.jobs(), key=lambda job: job.source_order)
    now, until = world.clock(), world.clock() + timedelta(seconds=90)
    first = world.ledger.take_over(first, now, until)
    assert world.ledger.lock_output(first, "a.jpg", Decimal(1), now, until)

    second = world.ledger.take_over(second, now, until)
    with pytest.raises(OutputBusy) as busy:
        world.ledger.lock_output(second, "a.jpg", Decimal(1), now, until)

    assert busy.value.until == until


# --- a claim that failed ---------------------------------------------------------------------------------------------


def test_a_submit_that_fails_unexpectedly_leaves_the_job_due_for_its_message(world: World) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.ports["sources"] = Stubborn(world.ports["sources"], "tags", [RuntimeError("a bug")] * 3)
    for _ in range(3):  # each receive fails, so that the queue counts it; none mistakes the job for another worker's
        with pytest.raises(RuntimeError, match="a bug"):
            world.submit(upload)
        world.clock.advance(INVOCATION)
    assert world.job().error == "submit failed: RuntimeError"

    world.deliver(upload)

    assert world.job().status is JobStatus.PROCESSING
    assert len(world.provider.processes) == 1


def test_a_submit_that_fails_after_the_reservation_keeps_its_lease(world: World) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.ports["ledger"] = Stubborn(world.ledger, "bind", [RuntimeError("a bug")])
    with pytest.raises(RuntimeError, match="a bug"):
        world.submit(upload)

    submitting = world.job()

    assert (submitting.status, submitting.lease_until) == (JobStatus.SUBMITTING, world.ends + timedelta(seconds=60))
    world.deliver(upload)
    assert len(world.provider.processes) == 1


# --- a paid id -------------------------------------------------------------------------------------------------------


def test_binding_is_repeated_for_longer_than_a_write_takes(world: World) -> None:
    busy: list[Exception] = [LedgerBusy("contended")] * (BIND_ATTEMPTS - 1)
    world.ports["ledger"] = Stubborn(world.ledger, "bind", busy)

    world.submit(world.cloud.put("a.jpg", picture()))

    assert world.job().status is JobStatus.PROCESSING
    assert not busy


def test_an_id_that_cannot_be_recorded_is_alarmed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ports["ledger"] = Stubborn(world.ledger, "bind", [LedgerBusy("contended")] * BIND_ATTEMPTS)
    upload = world.cloud.put("a.jpg", picture())

    with caplog.at_level(logging.ERROR):
        verdict = world.submit(upload)

    assert isinstance(verdict, RetryLater)
    (told,) = [record for record in caplog.records if "could not be stored" in record.message]
    assert told.__dict__["process_id"] in world.provider.processes
    world.deliver(upload)
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.PROCESSING, 1)
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_bind_that_lost_is_not_repeated(world: World) -> None:
    lost: list[Exception] = [LostClaim("another attempt")]
    world.ports["ledger"] = Stubborn(world.ledger, "bind", lost)

    verdict = world.submit(world.cloud.put("a.jpg", picture()))

    assert isinstance(verdict, Ignored)
    assert world.job().orphans


# --- what the stack takes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "taken"),
    [("in/a.jpg", True), ("in/b/a.JPG", True), ("in/a.txt", False), ("a.Jpg", False), ("in/jpg", False)],
)
def test_submit_looks_at_the_suffixes_that_the_rule_may_not_hold(world: World, key: str, taken: bool) -> None:
    upload = world.cloud.put(key, picture())
    use_case = replace(world.application().submit, suffixes=(".jpg", ".JPG"))

    verdict = use_case(upload, world.ends)

    assert isinstance(verdict, Ignored) is not taken
    assert len(world.cloud.jobs()) == taken
