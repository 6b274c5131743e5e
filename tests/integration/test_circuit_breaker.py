"""Tests the circuit breaker: which jobs wait while a provider's account has a problem, which job is the probe, and what
lets jobs pass again.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, ApplicationUnderTest, picture
from tests.integration.time_support import MINUTE, QUARTER, die, job_of, submit_and_die, uploads

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    KeyMissing,
    NothingSent,
    OperatorFault,
    ProviderRejected,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import Alarm, JobStatus, Upload
from darkroom.pipeline.circuit_breaker import PROBE_WINDOW
from darkroom.pipeline.message_outcomes import Done

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")
FAULTS = [
    NO_KEY,
    OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: top up"),
    OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 412: no subscription"),
    OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 425: topping up"),
]
UNDECIDED: list[DarkroomError] = [Throttled("HTTP 429"), NothingSent("no connection"), SubmitInDoubt("lost")]


def shut(application: ApplicationUnderTest, *, others: int = 2) -> tuple[Upload, list[Upload]]:
    """Open the circuit. Return the upload whose submit was refused for its key, and the others that came after it."""
    first, *rest = uploads(application, 1 + others)
    application.provider.refusals = [NO_KEY]
    for upload in (first, *rest):
        application.submit(upload)
    return first, rest


def statuses(application: ApplicationUnderTest) -> list[JobStatus]:
    return sorted(job.status for job in application.cloud.jobs())


def reserved(application: ApplicationUnderTest) -> int:
    return int(application.cloud.budget("topaz", MONTH).get("committed", 0))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_of_the_account_gives_the_reservation_back_and_the_job_waits_with_its_code(
    application: ApplicationUnderTest, fault: OperatorFault
) -> None:
    application.provider.refusals = [fault]
    verdict = application.submit(uploads(application, 1)[0])
    job = application.job()
    assert isinstance(verdict, Done)
    assert (job.status, job.error_code, job.next_attempt_at) == (JobStatus.CLAIMED, fault.code, START + QUARTER)
    assert (reserved(application), application.alerts.rung) == (0, [Alarm.CIRCUIT_OPEN])
    application.assert_books_balance()


def test_while_the_account_is_closed_other_uploads_are_not_even_sent(application: ApplicationUnderTest) -> None:
    shut(application, others=3)
    assert (application.provider.processes, statuses(application)) == ({}, [JobStatus.CLAIMED] * 4)
    assert {(job.error_code, job.next_attempt_at) for job in application.cloud.jobs()} == {
        ("AuthFailed", START + QUARTER)
    }
    assert reserved(application) == 0


def test_the_alarm_goes_on_sounding_while_the_account_is_closed(application: ApplicationUnderTest) -> None:
    shut(application)
    application.alerts.rung.clear()
    for _ in range(3):
        application.clock.advance(MINUTE)
        application.sweep()
    assert application.alerts.rung == [Alarm.CIRCUIT_OPEN] * 3


def test_before_the_probe_is_due_nothing_is_sent_and_nothing_reserved(application: ApplicationUnderTest) -> None:
    _, rest = shut(application)
    for _ in range(14):
        application.clock.advance(MINUTE)
        application.sweep_and_deliver()
        application.submit(rest[0])
        assert (len(application.provider.processes), reserved(application)) == (0, 0)


def test_when_a_probe_is_due_exactly_one_job_passes_while_the_others_wait(application: ApplicationUnderTest) -> None:
    shut(application, others=5)
    application.provider.losses = [SubmitInDoubt("nobody knows yet whether the account was mended")]
    application.clock.advance(QUARTER)
    application.sweep_and_deliver()
    application.sweep_and_deliver()
    assert len(application.provider.processes) == 1
    assert statuses(application) == [JobStatus.CLAIMED] * 5 + [JobStatus.SUBMITTING]


def test_uploads_that_come_while_a_probe_is_under_way_wait(application: ApplicationUnderTest) -> None:
    first, _ = shut(application)
    application.clock.advance(QUARTER)
    submit, late = application.provider.submit, uploads(application, 2, "late/")

    def slow(*args: object) -> object:
        application.provider.submit = submit  # type: ignore[method-assign]
        for upload in late:
            application.submit(upload)
        assert application.provider.processes == {}
        return submit(*args)  # type: ignore[arg-type]

    application.provider.submit = slow  # type: ignore[assignment, method-assign]
    application.submit(first)
    assert job_of(application, first).status is JobStatus.PROCESSING
    assert [job_of(application, upload).status for upload in late] == [JobStatus.CLAIMED] * 2


def test_a_probe_that_succeeds_lets_all_jobs_pass(application: ApplicationUnderTest) -> None:
    shut(application, others=4)
    application.clock.advance(QUARTER)
    application.sweep_and_deliver()
    fresh = uploads(application, 1, "fresh/")[0]
    application.submit(fresh)
    assert job_of(application, fresh).status is JobStatus.PROCESSING
    application.clock.advance(QUARTER)
    application.sweep_and_deliver()
    assert statuses(application) == [JobStatus.PROCESSING] * 6
    application.assert_books_balance()


def test_a_probe_that_fails_blocks_all_jobs_for_another_quarter_of_an_hour(application: ApplicationUnderTest) -> None:
    shut(application, others=4)
    application.provider.refusals = [NO_KEY]
    application.clock.advance(QUARTER)
    application.sweep_and_deliver()
    application.clock.advance(QUARTER - MINUTE)
    application.sweep_and_deliver()
    assert (application.provider.processes, reserved(application)) == ({}, 0)
    application.clock.advance(MINUTE)
    application.sweep_and_deliver()
    assert len(application.provider.processes) == 1


def test_a_probe_whose_worker_died_is_followed_by_another_after_the_window(application: ApplicationUnderTest) -> None:
    first, rest = shut(application)
    application.clock.advance(QUARTER)
    submit_and_die(application, first, "provider", submit=die)
    application.submit(rest[0])
    assert application.provider.processes == {}
    application.clock.advance(PROBE_WINDOW)
    application.submit(rest[0])
    assert job_of(application, rest[0]).status is JobStatus.PROCESSING
    application.submit(uploads(application, 1, "fresh/")[0])
    assert len(application.provider.processes) == 2


def test_a_probe_the_provider_refuses_for_its_own_sake_shows_that_the_account_was_mended(
    application: ApplicationUnderTest,
) -> None:
    first, rest = shut(application)
    application.clock.advance(QUARTER)
    application.provider.refusals = [ProviderRejected("HTTP 422: these bytes")]
    application.submit(first)
    application.submit(rest[0])
    assert job_of(application, first).status is JobStatus.REJECTED
    assert job_of(application, rest[0]).status is JobStatus.PROCESSING


@pytest.mark.parametrize("answer", UNDECIDED, ids=str)
def test_a_probe_that_learns_nothing_of_the_account_leaves_it_closed_for_the_window(
    application: ApplicationUnderTest, answer: DarkroomError
) -> None:
    first, rest = shut(application)
    application.clock.advance(QUARTER)
    application.provider.refusals = [answer]
    application.submit(first)
    application.submit(rest[0])
    assert (application.provider.processes, job_of(application, rest[0]).status) == ({}, JobStatus.CLAIMED)
    application.clock.advance(PROBE_WINDOW)
    application.submit(rest[1])
    assert job_of(application, rest[1]).status is JobStatus.PROCESSING
    application.assert_books_balance()


def test_a_pause_by_hand_stops_every_submit(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "checking a bill")
    for upload in uploads(application, 3):
        application.submit(upload)
    for _ in range(5):
        application.clock.advance(timedelta(hours=1))
        application.sweep_and_deliver()
    assert (application.provider.processes, reserved(application)) == ({}, 0)
    assert "checking a bill" in (application.cloud.jobs()[0].error or "")


def test_a_pause_is_no_alarm(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "checking a bill")
    application.submit(uploads(application, 1)[0])
    application.sweep()
    assert application.alerts.rung == []


def test_resume_lets_what_waited_go(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "checking a bill")
    for upload in uploads(application, 3):
        application.submit(upload)
    application.clock.advance(timedelta(hours=2))
    application.sweep_and_deliver()
    application.operate.resume("topaz")
    application.clock.advance(timedelta(hours=1))
    application.sweep_and_deliver()
    assert statuses(application) == [JobStatus.PROCESSING] * 3
    application.assert_books_balance()


@pytest.mark.parametrize("shut_before", [False, True], ids=["open", "after a fault"])
def test_a_submit_that_was_under_way_does_not_end_a_pause(application: ApplicationUnderTest, shut_before: bool) -> None:
    first, rest = shut(application) if shut_before else (uploads(application, 1)[0], uploads(application, 2, "more/"))
    application.clock.advance(QUARTER)
    submit = application.provider.submit

    def slow(*args: object) -> object:
        application.operate.pause("topaz", "stop")
        return submit(*args)  # type: ignore[arg-type]

    application.provider.submit = slow  # type: ignore[assignment, method-assign]
    application.submit(first)
    application.provider.submit = submit  # type: ignore[method-assign]
    assert job_of(application, first).status is JobStatus.PROCESSING
    application.submit(rest[0])
    application.clock.advance(QUARTER)
    application.sweep_and_deliver()
    assert len(application.provider.processes) == 1


def test_a_fault_that_ends_during_a_pause_does_not_end_the_pause(application: ApplicationUnderTest) -> None:
    shut(application)
    application.operate.pause("topaz", "stop")
    application.clock.advance(timedelta(hours=2))
    application.sweep_and_deliver()
    assert application.provider.processes == {}


def test_resume_also_ends_what_a_fault_closed(application: ApplicationUnderTest) -> None:
    shut(application)
    application.operate.resume("topaz")
    application.submit(uploads(application, 1, "fresh/")[0])
    assert len(application.provider.processes) == 1


def test_a_paused_job_fails_at_its_deadline_as_timed_out(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "stop")
    application.submit(uploads(application, 1)[0])
    application.clock.advance(DEADLINE)
    application.sweep_and_deliver()
    report = application.cloud.report("000.jpg")
    assert (application.job().status, application.job().error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)
    assert report is not None
    assert (report["code"], application.bus.kinds, application.provider.processes) == ("TimedOut", ["Job Failed"], {})
    application.assert_books_balance()


def test_a_job_behind_a_fault_fails_at_its_deadline_with_the_faults_code(application: ApplicationUnderTest) -> None:
    shut(application)
    application.provider.refusals = [NO_KEY] * 1000
    while application.clock() < START + DEADLINE:
        application.clock.advance(timedelta(hours=1))
        application.sweep_and_deliver()
        assert reserved(application) == 0
    assert {(job.status, job.error_code) for job in application.cloud.jobs()} == {
        (JobStatus.FAILED, ErrorCode.AUTH_FAILED)
    }
    assert application.provider.processes == {}
    application.assert_books_balance()


def test_the_alarm_ends_when_no_job_waits_for_the_provider_any_more(application: ApplicationUnderTest) -> None:
    first, rest = shut(application)
    for upload in (first, *rest):
        application.operate.cancel(upload.key)
    application.alerts.rung.clear()
    rings = []
    for _ in range(30):
        application.clock.advance(MINUTE)
        application.sweep()
        rings.append(len(application.alerts.rung))
    assert rings[10] > rings[0] > 0
    assert rings[20] == rings[-1]
    assert application.ports["circuits"].get("topaz") is not None  # the next submit is still a probe


def test_the_alarm_sounds_for_hours_while_a_job_waits(application: ApplicationUnderTest) -> None:
    shut(application)
    application.provider.refusals = [NO_KEY] * 100
    for _ in range(180):
        application.clock.advance(MINUTE)
        application.alerts.rung.clear()
        application.sweep_and_deliver()
        assert Alarm.CIRCUIT_OPEN in application.alerts.rung


def test_a_job_that_stops_waiting_leaves_no_mark_on_a_closed_circuit(application: ApplicationUnderTest) -> None:
    application.ports["circuits"].note_waiting("topaz", START)
    assert application.ports["circuits"].get("topaz") is None


def test_an_upload_that_names_a_provider_without_a_key_is_refused_unpaid(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("named.jpg", picture(), tags="provider=topaz")
    application.provider.refusals = [KeyMissing("the secret holds no key for topaz")]
    container = application.make_container(PROVIDER="aimlapi", ALLOWED_PROVIDERS="aimlapi,topaz")
    container.submit(upload, application.ends, is_repeated=False)
    job, report = application.job(), application.cloud.report("named.jpg")
    assert (job.status, job.error_code, job.credits) == (JobStatus.REJECTED, ErrorCode.INVALID_SETTING, 0)
    assert report is not None
    assert "no API key for topaz" in report["message"]
    assert (reserved(application), application.provider.processes, application.alerts.rung) == (0, {}, [])
    assert application.ports["circuits"].get("topaz") is None
    application.assert_books_balance()


def test_the_stacks_own_provider_without_a_key_is_the_operators_matter(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.provider.refusals = [KeyMissing("the secret holds no key for topaz")]
    application.submit(upload)
    assert (application.job().status, application.job().error_code) == (JobStatus.CLAIMED, ErrorCode.AUTH_FAILED)
    assert application.alerts.rung == [Alarm.CIRCUIT_OPEN]
