"""Tests polling and the deadline. A late job is cancelled, adopted or left to an operator, and no charge goes unnoticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import DEADLINE, MONTH, RETENTION, START, ApplicationUnderTest, picture

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    OperatorFault,
    ProcessUnknown,
    ProviderUnavailable,
    ResultNotReady,
    Throttled,
)
from darkroom.model import Alarm, Job, JobStatus, ProcessState, Upload

TRANSIENT = [
    Throttled("HTTP 429"),
    OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401"),
    ProviderUnavailable("HTTP 503"),
    ProcessUnknown("HTTP 404"),
]
SILENT = TRANSIENT[:3]
GONE = ProcessUnknown("HTTP 404")


@pytest.fixture
def job(application: ApplicationUnderTest) -> Job:
    application.deliver(application.cloud.put("a.jpg", picture()))
    return application.job()


def test_a_running_process_is_polled_again_at_its_eta(application: ApplicationUnderTest, job: Job) -> None:
    tick = application.poll(job)
    assert (tick.status, tick.poll_at) == ("running", START + timedelta(seconds=30))
    assert application.job().polls == 1


@pytest.mark.parametrize("answer", TRANSIENT)
def test_an_unusable_answer_counts_as_running(
    application: ApplicationUnderTest, job: Job, answer: DarkroomError
) -> None:
    application.provider.faults["progress"] = [answer]
    tick = application.poll(job)
    assert (tick.status, tick.poll_at > START, application.job().polls) == ("running", True, 1)


@pytest.mark.parametrize("state", [s for s in ProcessState if s is not ProcessState.RUNNING])
def test_whatever_ended_goes_to_finalize(application: ApplicationUnderTest, job: Job, state: ProcessState) -> None:
    application.provider.become(state)
    assert application.poll(job).status == "ended"


def test_at_the_deadline_polling_ends_without_asking(application: ApplicationUnderTest, job: Job) -> None:
    application.clock.advance(DEADLINE)
    application.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")]
    assert application.poll(job).status == "ended"


def test_the_next_poll_is_never_after_the_deadline(application: ApplicationUnderTest, job: Job) -> None:
    application.clock.advance(DEADLINE - timedelta(seconds=5))
    assert application.poll(job).poll_at == job.deadline_at


def test_a_job_that_is_not_at_the_provider_is_not_polled(application: ApplicationUnderTest, job: Job) -> None:
    for other in (replace(job, job_id="0" * 32), replace(job, run=2)):
        assert application.poll(other).status == "ended"
    application.provider.become(ProcessState.COMPLETED)
    application.finalize(job)
    assert application.poll(job).status == "ended"


def test_polled_too_early_finalize_sends_it_back(application: ApplicationUnderTest, job: Job) -> None:
    assert application.finalize(job).status == "running"
    application.provider.faults["progress"] = [ProcessUnknown("HTTP 404")]
    assert application.finalize(job).status == "running"
    assert application.job().status is JobStatus.PROCESSING


def test_a_duplicate_after_finalize_looked_in_starts_no_second_execution(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.finalize(job)
    assert application.job().attempt > job.attempt
    application.deliver(Upload(job.source_bucket, job.source_key, job.source_version))
    assert len(application.executions.running) == 1


def late(application: ApplicationUnderTest) -> None:
    application.clock.advance(DEADLINE)


def test_a_late_process_that_lets_itself_be_cancelled_is_timed_out_and_released(
    application: ApplicationUnderTest, job: Job
) -> None:
    late(application)
    assert application.finalize(job).status == "FAILED"
    assert (application.job().error_code, application.provider.charged) == ("TimedOut", 0)
    assert application.cloud.budget("topaz", MONTH)["committed"] == 0
    assert (application.bus.kinds, application.cloud.report("a.jpg") is None) == (["Job Failed"], False)
    application.assert_books_balance()


def test_a_late_process_that_cannot_be_cancelled_goes_to_a_person(application: ApplicationUnderTest, job: Job) -> None:
    late(application)
    application.provider.cancels = False
    assert application.finalize(job).status == "IN_DOUBT"
    assert (application.job().status, application.cloud.budget("topaz", MONTH)["reserved"]) == (JobStatus.IN_DOUBT, 1)
    assert (application.bus.kinds, application.cloud.keys()) == (["Job In Doubt"], set())
    assert application.finalize(job).status == "IN_DOUBT"
    application.assert_books_balance()


def test_a_late_process_found_completed_is_adopted(application: ApplicationUnderTest, job: Job) -> None:
    late(application)
    application.provider.become(ProcessState.COMPLETED)
    assert application.finalize(job).status == "COMPLETED"
    assert application.cloud.keys() == {"a.jpg"}


def test_a_process_that_completes_while_it_is_cancelled_is_adopted(application: ApplicationUnderTest, job: Job) -> None:
    late(application)

    def cancel(process_id: str) -> bool:
        application.provider.become(ProcessState.COMPLETED)
        return False

    application.provider.cancel = cancel  # type: ignore[method-assign]
    assert application.finalize(job).status == "COMPLETED"


def test_a_404_does_not_confirm_a_cancellation_and_a_process_that_runs_on_goes_to_a_person(
    application: ApplicationUnderTest, job: Job
) -> None:
    late(application)
    application.provider.faults["cancel"] = [GONE]
    assert application.finalize(job).status == "IN_DOUBT"
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_process_gone_when_it_is_cancelled_is_timed_out_once_its_status_says_so_too(
    application: ApplicationUnderTest, job: Job
) -> None:
    late(application)

    def cancel(process_id: str) -> bool:
        application.provider.processes.clear()
        raise GONE

    application.provider.cancel = cancel  # type: ignore[method-assign]
    with pytest.raises(ResultNotReady, match="does not know the process"):
        application.finalize(job)
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1
    application.clock.advance(timedelta(hours=1))
    assert application.finalize(job).status == "FAILED"
    assert (application.job().error_code, application.cloud.budget("topaz", MONTH)["committed"]) == ("TimedOut", 0)


def test_a_404_at_the_deadline_is_believed_when_it_still_stands_an_hour_later(
    application: ApplicationUnderTest, job: Job
) -> None:
    late(application)
    application.provider.faults["progress"] = [ProcessUnknown("HTTP 404")] * 2
    with pytest.raises(ResultNotReady, match="does not know the process"):
        application.finalize(job)
    assert (application.job().status, application.cloud.budget("topaz", MONTH)["committed"]) == (
        JobStatus.PROCESSING,
        1,
    )
    application.clock.advance(timedelta(hours=1))
    assert application.finalize(job).status == "FAILED"
    assert (application.job().error_code, application.cloud.budget("topaz", MONTH)["committed"]) == ("TimedOut", 0)


def test_a_404_that_passes_costs_the_job_nothing(application: ApplicationUnderTest, job: Job) -> None:
    late(application)
    application.provider.become(ProcessState.COMPLETED)
    application.provider.faults |= {"progress": [GONE], "result": [GONE]}
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    assert application.finalize(job).status == "COMPLETED"


@pytest.mark.parametrize("deletes", [False, True])
def test_a_process_whose_entry_somebody_removed_is_delivered_while_its_result_can_be_had(
    application: ApplicationUnderTest, job: Job, deletes: bool
) -> None:
    late(application)
    application.provider.deletes_entries = deletes
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    application.provider.faults["progress"] = [GONE] * 9
    assert application.finalize(job).status == "COMPLETED"
    assert (application.job().credits, application.cloud.keys()) == (
        1,
        {"a.jpg"},
    )  # the reserved credit is booked, because the provider no longer says what it charged
    application.assert_books_balance()


def test_before_the_deadline_a_404_is_only_waited_out(application: ApplicationUnderTest, job: Job) -> None:
    application.provider.become(ProcessState.COMPLETED)
    application.provider.faults["progress"] = [GONE]
    assert application.finalize(job).status == "running"
    assert application.cloud.keys() == set()


def test_a_404_is_no_proof_where_others_may_have_removed_the_entry(application: ApplicationUnderTest, job: Job) -> None:
    late(application)
    application.provider.deletes_entries = True
    application.provider.processes.clear()
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.clock.advance(timedelta(hours=1))
    assert application.finalize(job).status == "IN_DOUBT"
    assert (application.cloud.budget("topaz", MONTH)["reserved"], application.alerts.rung) == (1, [Alarm.IN_DOUBT])
    application.assert_books_balance()


@pytest.mark.parametrize(
    "changed", [{"key": "another-accounts-key"}, {"base_url": "https://other.example.test"}], ids=["key", "base URL"]
)
@pytest.mark.parametrize("charged", [False, True])
def test_a_404_to_another_key_or_at_another_base_url_proves_nothing(
    application: ApplicationUnderTest, job: Job, charged: bool, changed: dict[str, str]
) -> None:
    if charged:
        application.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
        application.provider.faults["result"] = [ResultNotReady("the download was cut")]
        with pytest.raises(ResultNotReady):
            application.finalize(job)
    late(application)
    vars(application.provider).update(changed)
    application.provider.processes.clear()
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.clock.advance(timedelta(hours=1))
    assert application.finalize(job).status == "IN_DOUBT"
    assert "the API key or the base URL has changed" in (application.job().error or "")
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_404_to_a_key_that_was_read_too_early_is_asked_again_with_the_jobs_own(
    application: ApplicationUnderTest, job: Job
) -> None:
    late(application)
    application.clock.advance(timedelta(hours=1))
    application.provider.become(ProcessState.COMPLETED)
    application.provider.key, application.provider.next_key = "an-older-key", application.provider.key
    application.provider.faults |= {"progress": [GONE], "result": [GONE]}
    with pytest.raises(ResultNotReady, match="older API key"):
        application.finalize(job)
    assert application.finalize(job).status == "COMPLETED"


@pytest.mark.parametrize("answer", [Throttled("HTTP 429"), ProviderUnavailable("HTTP 503")])
def test_whether_the_result_can_be_had_all_the_same_is_asked_for_an_hour_too(
    application: ApplicationUnderTest, job: Job, answer: DarkroomError
) -> None:
    late(application)
    application.provider.faults |= {"progress": [GONE] * 2, "result": [answer] * 2}
    with pytest.raises(type(answer)):
        application.finalize(job)
    application.clock.advance(timedelta(hours=1))
    assert application.finalize(job).status == "IN_DOUBT"


def test_a_404_after_the_provider_had_time_to_finish_charge_and_forget_is_a_doubt(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.clock.advance(RETENTION)
    application.provider.faults["progress"] = [ProcessUnknown("HTTP 404")]
    assert application.finalize(job).status == "IN_DOUBT"
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


@pytest.mark.parametrize("call", ["progress", "cancel"])
@pytest.mark.parametrize("answer", SILENT)
def test_a_provider_silent_at_the_deadline_is_asked_again_then_a_person_decides(
    application: ApplicationUnderTest, job: Job, call: str, answer: DarkroomError
) -> None:
    late(application)
    application.provider.faults[call] = [answer] * 9
    with pytest.raises(type(answer)):
        application.finalize(job)
    assert application.job().status is JobStatus.PROCESSING
    application.clock.advance(timedelta(hours=1))
    assert application.finalize(job).status == "IN_DOUBT"
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_silent_provider_that_speaks_again_ends_the_job(application: ApplicationUnderTest, job: Job) -> None:
    late(application)
    application.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")]
    with pytest.raises(ProviderUnavailable):
        application.finalize(job)
    assert application.finalize(job).status == "FAILED"
    assert application.job().error_code == "TimedOut"


@pytest.mark.parametrize("passed", [DEADLINE + timedelta(hours=1), 2 * DEADLINE])
def test_a_charged_result_is_settled_though_its_process_is_forgotten_before_it_was_fetched(
    application: ApplicationUnderTest, job: Job, passed: timedelta
) -> None:
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    application.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    assert (application.job().status, application.job().process.credits_charged) == (JobStatus.PROCESSING, 3)
    application.clock.advance(passed)
    application.provider.processes.clear()
    assert application.finalize(job).status == "FAILED"
    assert (application.job().error_code, application.job().credits) == (ErrorCode.RESULT_LOST, 3)
    assert application.cloud.budget("topaz", MONTH)["spent"] == 3
    application.assert_books_balance()
