"""Uploads that wait while the stack's DefaultSettings are wrong: until when, and how often the operator is called."""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.application import DEADLINE, MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud

from darkroom.errors import ErrorCode
from darkroom.model import Alarm, JobStatus
from darkroom.pipeline.message_outcomes import Done
from darkroom.pipeline.wrong_defaults import LOOK_AGAIN


def test_an_upload_waits_unpaid_for_a_quarter_of_an_hour(account: Cloud) -> None:
    application = ApplicationUnderTest(account, defaults="sclae=2")
    outcome = application.submit(application.cloud.put("a.jpg", picture()))
    job = application.job()
    assert (outcome, job.status, job.next_attempt_at) == (Done(job), JobStatus.CLAIMED, START + LOOK_AGAIN)
    assert (application.provider.processes, application.alerts.rung) == ({}, [Alarm.WRONG_DEFAULTS])


def test_a_process_calls_the_operator_once_in_a_quarter_of_an_hour(account: Cloud) -> None:
    application = ApplicationUnderTest(account, defaults="sclae=2")
    container, calls = application.make_container(), list[int]()
    for number in range(5):
        upload = application.cloud.put(f"{number}.jpg", picture())
        container.submit(upload, application.ends, is_repeated=False)
        calls.append(len(application.alerts.rung))
        application.clock.advance(timedelta(minutes=6))
    assert calls == [1, 1, 1, 2, 2]


def test_an_upload_that_waits_until_its_deadline_ends_failed_with_the_reason_and_nothing_reserved(
    account: Cloud,
) -> None:
    application = ApplicationUnderTest(account, defaults="sclae=2")
    upload = application.cloud.put("a.jpg", picture())
    application.submit(upload)
    application.clock.advance(DEADLINE)
    application.submit(upload)
    job = application.job()
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.INVALID_SETTING)
    assert (application.cloud.budget("topaz", MONTH), application.provider.processes) == ({}, {})
    assert (application.bus.kinds, application.cloud.report("a.jpg") is None) == (["Job Failed"], False)
