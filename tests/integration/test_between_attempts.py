"""Tests what one attempt leaves to the next. A published result is not lost, a failed claim is repeated, and the id of a
paid process is kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, ApplicationUnderTest, picture

from darkroom.errors import LedgerBusy, OutputBusy, ProcessUnknown, ResultNotReady
from darkroom.model import Job, JobStatus, ProcessState
from darkroom.pipeline.finalize import BUSY_RETRY, MAX_SILENCE
from darkroom.pipeline.message_outcomes import Ignored

GONE = ProcessUnknown("HTTP 404")


@pytest.fixture
def job(application: ApplicationUnderTest) -> Job:
    application.deliver(application.cloud.put("a.jpg", picture()))
    return application.job()


class Stubborn:
    """Wraps a port. The method `name` raises each of `errors` once, and works after that."""

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
    application: ApplicationUnderTest, job: Job, state: ProcessState | None
) -> None:
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    application.ports["ledger"] = Stubborn(application.ledger, "settle", [LedgerBusy("contended")])
    with pytest.raises(LedgerBusy):
        application.finalize(job)
    assert application.cloud.keys() == {"a.jpg"}
    if state is None:
        application.provider.faults |= {"progress": [GONE] * 3, "result": [GONE] * 3}
    else:
        application.provider.become(state)

    assert application.finalize(job).status == "COMPLETED"

    assert (application.job().credits, application.cloud.keys()) == (3, {"a.jpg"})
    application.assert_books_balance()


def test_one_404_after_the_end_loses_nothing(application: ApplicationUnderTest, job: Job) -> None:
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    application.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.provider.faults |= {"progress": [GONE], "result": [GONE]}
    with pytest.raises(ResultNotReady, match="does not know the process"):
        application.finalize(job)

    assert application.finalize(job).status == "COMPLETED"

    assert (application.job().credits, application.cloud.keys()) == (3, {"a.jpg"})


@pytest.mark.parametrize("state", [ProcessState.FAILED, ProcessState.CANCELLED])
@pytest.mark.parametrize("late", [False, True])
def test_a_process_that_had_said_completed_is_settled_when_it_fails_after_all(
    application: ApplicationUnderTest, job: Job, state: ProcessState, late: bool
) -> None:
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    application.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.provider.become(state)
    if late:
        application.clock.advance(job.deadline_at - application.clock() + MAX_SILENCE)

    application.finalize(job)

    ended = application.job()
    assert (ended.status, ended.error_code, ended.credits) == (JobStatus.FAILED, "ResultLost", 3)
    application.assert_books_balance()


# --- an output key to which another version is being written ---------------------------------------------------------


def test_a_job_whose_key_is_being_written_looks_again_soon_and_not_by_failing(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.provider.become(ProcessState.COMPLETED)
    until = application.clock() + INVOCATION
    busy = [OutputBusy("another version's result is being written", until)]
    application.ports["ledger"] = Stubborn(application.ledger, "lock_output", busy)

    tick = application.finalize(job)

    assert (tick.status, tick.poll_at) == ("running", application.clock() + BUSY_RETRY)
    application.clock.advance(BUSY_RETRY)
    assert application.finalize(job).status == "COMPLETED"


def test_the_ledger_says_until_when_a_key_is_written(application: ApplicationUnderTest) -> None:
    older, newer = (application.cloud.put("a.jpg", picture(noise=n)) for n in (1, 2))
    for upload in (older, newer):
        application.deliver(upload)
    first, second = sorted(application.cloud.jobs(), key=lambda job: job.source_order)
    now, until = application.clock(), application.clock() + timedelta(seconds=90)
    first = application.ledger.take_over(first, now, until)
    assert application.ledger.lock_output(first, "a.jpg", Decimal(1), now, until)

    second = application.ledger.take_over(second, now, until)
    with pytest.raises(OutputBusy) as busy:
        application.ledger.lock_output(second, "a.jpg", Decimal(1), now, until)

    assert busy.value.until == until


# --- a claim that failed ---------------------------------------------------------------------------------------------


def test_a_submit_that_fails_unexpectedly_leaves_the_job_due_for_its_message(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.ports["sources"] = Stubborn(application.ports["sources"], "tags", [RuntimeError("a bug")] * 3)
    # Each delivery must fail, so that the queue counts it. None may be acknowledged as if another worker had the job.
    for _ in range(3):
        with pytest.raises(RuntimeError, match="a bug"):
            application.submit(upload)
        application.clock.advance(INVOCATION)
    assert application.job().error == "submit failed: RuntimeError"

    application.deliver(upload)

    assert application.job().status is JobStatus.PROCESSING
    assert len(application.provider.processes) == 1


def test_a_submit_that_fails_after_the_reservation_keeps_its_lease(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.ports["ledger"] = Stubborn(application.ledger, "bind", [RuntimeError("a bug")])
    with pytest.raises(RuntimeError, match="a bug"):
        application.submit(upload)

    submitting = application.job()

    assert (submitting.status, submitting.lease_until) == (
        JobStatus.SUBMITTING,
        application.ends + timedelta(seconds=60),
    )
    application.deliver(upload)
    assert len(application.provider.processes) == 1


# --- suffixes that the stack accepts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "taken"),
    [("in/a.jpg", True), ("in/b/a.JPG", True), ("in/a.txt", False), ("a.Jpg", False), ("in/jpg", False)],
)
def test_submit_looks_at_the_suffixes_that_the_rule_may_not_hold(
    application: ApplicationUnderTest, key: str, taken: bool
) -> None:
    upload = application.cloud.put(key, picture())
    use_case = replace(application.make_container().submit, suffixes=(".jpg", ".JPG"))

    verdict = use_case(upload, application.ends, is_repeated=False)

    assert isinstance(verdict, Ignored) is not taken
    assert len(application.cloud.jobs()) == taken
