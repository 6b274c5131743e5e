"""Tests that `resume` hands on at once what waited for a provider, at a bounded pace, and nothing else."""

from __future__ import annotations

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.integration.time_support import QUARTER, job_of, uploads

from darkroom.errors import ErrorCode, OperatorFault, Throttled
from darkroom.model import JobStatus, Upload
from darkroom.pipeline import operator_commands
from darkroom.pipeline.operator_commands import HANDED_ON_A_SECOND

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")


def paused(application: ApplicationUnderTest, count: int) -> list[Upload]:
    """Return uploads whose jobs wait because an operator paused the provider."""
    application.operate.pause("topaz", "prices are checked")
    waiting = uploads(application, count)
    for upload in waiting:
        application.submit(upload)
    return waiting


def test_what_a_pause_held_back_is_handed_on_five_a_second(application: ApplicationUnderTest) -> None:
    waiting = paused(application, 2 * HANDED_ON_A_SECOND + 1)
    assert application.operate.resume("topaz") == len(waiting)
    assert sorted(delay for _, delay in application.queue.sent) == [0] * 5 + [1] * 5 + [2]
    for what, _ in list(application.queue.sent):
        application.submit(what)
    assert {job_of(application, upload).status for upload in waiting} == {JobStatus.PROCESSING}
    application.assert_books_balance()


def test_what_an_open_circuit_held_back_is_handed_on(application: ApplicationUnderTest) -> None:
    first, second = uploads(application, 2)
    application.provider.refusals = [NO_KEY]
    for upload in (first, second):
        application.submit(upload)
    assert application.operate.resume("topaz") == 2
    for what, _ in list(application.queue.sent):
        application.submit(what)
    assert {job_of(application, upload).status for upload in (first, second)} == {JobStatus.PROCESSING}


def test_the_sweep_sends_nothing_a_second_time_before_the_messages_are_there(application: ApplicationUnderTest) -> None:
    paused(application, 3)
    application.operate.resume("topaz")
    application.queue.sent.clear()
    application.clock.advance(QUARTER / 2)
    application.sweep()
    assert application.queue.sent == []
    application.clock.advance(QUARTER)
    application.sweep()
    assert len(application.queue.sent) == 3  # their messages were lost


def test_the_sweep_waits_longer_for_a_message_that_was_sent_with_a_delay(application: ApplicationUnderTest) -> None:
    paused(application, HANDED_ON_A_SECOND + 1)
    application.operate.resume("topaz")
    (late,) = (what for what, delay in application.queue.sent if delay == 1)
    application.queue.sent.clear()
    application.clock.advance(QUARTER)
    application.sweep()
    assert len(application.queue.sent) == HANDED_ON_A_SECOND
    assert (late, 0) not in application.queue.sent
    application.clock.advance(1)
    application.sweep()
    assert application.queue.sent[HANDED_ON_A_SECOND:] == [(late, 0)]


def test_a_second_resume_hands_on_nothing(application: ApplicationUnderTest) -> None:
    paused(application, 2)
    application.operate.resume("topaz")
    assert application.operate.resume("topaz") == 0


def test_a_job_that_waits_for_another_reason_is_left_alone(application: ApplicationUnderTest) -> None:
    (throttled,) = uploads(application, 1)
    application.provider.refusals = [Throttled("HTTP 429", 60)]
    application.submit(throttled)
    before = job_of(application, throttled)
    assert application.operate.resume("topaz") == 0
    assert job_of(application, throttled) == before


def test_a_job_that_a_worker_has_is_left_to_it(application: ApplicationUnderTest) -> None:
    (upload,) = paused(application, 1)
    application.clock.advance(QUARTER)
    job = job_of(application, upload)
    application.ledger.take_over(job, application.clock(), application.ends)
    before = job_of(application, upload)
    assert before.lease_until is not None
    assert application.operate.resume("topaz") == 0
    assert job_of(application, upload) == before


def test_a_very_long_queue_is_left_to_the_sweep(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = paused(application, 4)
    monkeypatch.setattr(operator_commands, "MOST_HANDED_ON", 3)
    assert application.operate.resume("topaz") == 3
    application.clock.advance(QUARTER)
    application.sweep()
    assert {what.job_id for what, _ in application.queue.sent} == {
        job_of(application, upload).job_id for upload in waiting
    }
