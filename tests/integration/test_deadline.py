"""Polling and the deadline: a late job is cancelled, adopted or left to an operator, and is never paid for unnoticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import DEADLINE, MONTH, RETENTION, START, World, picture

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
def job(world: World) -> Job:
    world.deliver(world.cloud.put("a.jpg", picture()))
    return world.job()


def test_a_running_process_is_polled_again_at_its_eta(world: World, job: Job) -> None:
    tick = world.poll(job)
    assert (tick.status, tick.poll_at) == ("running", START + timedelta(seconds=30))
    assert world.job().polls == 1


@pytest.mark.parametrize("answer", TRANSIENT)
def test_an_unusable_answer_counts_as_running(world: World, job: Job, answer: DarkroomError) -> None:
    world.provider.faults["progress"] = [answer]
    tick = world.poll(job)
    assert (tick.status, tick.poll_at > START, world.job().polls) == ("running", True, 1)


@pytest.mark.parametrize("state", [s for s in ProcessState if s is not ProcessState.RUNNING])
def test_whatever_ended_goes_to_finalize(world: World, job: Job, state: ProcessState) -> None:
    world.provider.become(state)
    assert world.poll(job).status == "ended"


def test_at_the_deadline_polling_ends_without_asking(world: World, job: Job) -> None:
    world.clock.advance(DEADLINE)
    world.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")]
    assert world.poll(job).status == "ended"


def test_the_next_poll_is_never_after_the_deadline(world: World, job: Job) -> None:
    world.clock.advance(DEADLINE - timedelta(seconds=5))
    assert world.poll(job).poll_at == job.deadline_at


def test_a_job_that_is_not_at_the_provider_is_not_polled(world: World, job: Job) -> None:
    for other in (replace(job, job_id="0" * 32), replace(job, run=2)):
        assert world.poll(other).status == "ended"
    world.provider.become(ProcessState.COMPLETED)
    world.finalize(job)
    assert world.poll(job).status == "ended"


def test_polled_too_early_finalize_sends_it_back(world: World, job: Job) -> None:
    assert world.finalize(job).status == "running"
    world.provider.faults["progress"] = [ProcessUnknown("HTTP 404")]
    assert world.finalize(job).status == "running"
    assert world.job().status is JobStatus.PROCESSING


def test_a_duplicate_after_finalize_looked_in_starts_no_second_execution(world: World, job: Job) -> None:
    world.finalize(job)
    assert world.job().attempt > job.attempt
    world.deliver(Upload(job.source_bucket, job.source_key, job.source_version))
    assert len(world.executions.running) == 1


def late(world: World) -> None:
    world.clock.advance(DEADLINE)


def test_a_late_process_that_lets_itself_be_cancelled_is_timed_out_and_released(world: World, job: Job) -> None:
    late(world)
    assert world.finalize(job).status == "FAILED"
    assert (world.job().error_code, world.provider.charged) == ("TimedOut", 0)
    assert world.cloud.budget("topaz", MONTH)["committed"] == 0
    assert (world.bus.kinds, world.cloud.report("a.jpg") is None) == (["Job Failed"], False)
    world.assert_books_balance()


def test_a_late_process_that_cannot_be_cancelled_goes_to_a_person(world: World, job: Job) -> None:
    late(world)
    world.provider.cancels = False
    assert world.finalize(job).status == "IN_DOUBT"
    assert (world.job().status, world.cloud.budget("topaz", MONTH)["reserved"]) == (JobStatus.IN_DOUBT, 1)
    assert (world.bus.kinds, world.cloud.keys()) == ([], set())
    assert world.finalize(job).status == "IN_DOUBT"
    world.assert_books_balance()


def test_a_late_process_found_completed_is_adopted(world: World, job: Job) -> None:
    late(world)
    world.provider.become(ProcessState.COMPLETED)
    assert world.finalize(job).status == "COMPLETED"
    assert world.cloud.keys() == {"a.jpg"}


def test_a_process_that_completes_while_it_is_cancelled_is_adopted(world: World, job: Job) -> None:
    late(world)

    def cancel(process_id: str) -> bool:
        world.provider.become(ProcessState.COMPLETED)
        return False

    world.provider.cancel = cancel  # type: ignore[method-assign]
    assert world.finalize(job).status == "COMPLETED"


def test_a_404_does_not_confirm_a_cancellation_and_a_process_that_runs_on_goes_to_a_person(
    world: World, job: Job
) -> None:
    late(world)
    world.provider.faults["cancel"] = [GONE]
    assert world.finalize(job).status == "IN_DOUBT"
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_process_gone_when_it_is_cancelled_is_timed_out_once_its_status_says_so_too(world: World, job: Job) -> None:
    late(world)

    def cancel(process_id: str) -> bool:
        world.provider.processes.clear()
        raise GONE

    world.provider.cancel = cancel  # type: ignore[method-assign]
    with pytest.raises(ResultNotReady, match="does not know the process"):
        world.finalize(job)
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1
    world.clock.advance(timedelta(hours=1))
    assert world.finalize(job).status == "FAILED"
    assert (world.job().error_code, world.cloud.budget("topaz", MONTH)["committed"]) == ("TimedOut", 0)


def test_a_404_at_the_deadline_is_believed_when_it_still_stands_an_hour_later(world: World, job: Job) -> None:
    late(world)
    world.provider.faults["progress"] = [ProcessUnknown("HTTP 404")] * 2
    with pytest.raises(ResultNotReady, match="does not know the process"):
        world.finalize(job)
    assert (world.job().status, world.cloud.budget("topaz", MONTH)["committed"]) == (JobStatus.PROCESSING, 1)
    world.clock.advance(timedelta(hours=1))
    assert world.finalize(job).status == "FAILED"
    assert (world.job().error_code, world.cloud.budget("topaz", MONTH)["committed"]) == ("TimedOut", 0)


def test_a_404_that_passes_costs_the_job_nothing(world: World, job: Job) -> None:
    late(world)
    world.provider.become(ProcessState.COMPLETED)
    world.provider.faults |= {"progress": [GONE], "result": [GONE]}
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    assert world.finalize(job).status == "COMPLETED"


@pytest.mark.parametrize("deletes", [False, True])
def test_a_process_whose_entry_somebody_removed_is_delivered_while_its_result_can_be_had(
    world: World, job: Job, deletes: bool
) -> None:
    late(world)
    world.provider.deletes_entries = deletes
    world.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    world.provider.faults["progress"] = [GONE] * 9
    assert world.finalize(job).status == "COMPLETED"
    assert (world.job().credits, world.cloud.keys()) == (1, {"a.jpg"})  # as reserved: nobody says what it was charged
    world.assert_books_balance()


def test_before_the_deadline_a_404_is_only_waited_out(world: World, job: Job) -> None:
    world.provider.become(ProcessState.COMPLETED)
    world.provider.faults["progress"] = [GONE]
    assert world.finalize(job).status == "running"
    assert world.cloud.keys() == set()


def test_a_404_is_no_proof_where_others_may_have_removed_the_entry(world: World, job: Job) -> None:
    late(world)
    world.provider.deletes_entries = True
    world.provider.processes.clear()
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.clock.advance(timedelta(hours=1))
    assert world.finalize(job).status == "IN_DOUBT"
    assert (world.cloud.budget("topaz", MONTH)["reserved"], world.bell.rung) == (1, [Alarm.IN_DOUBT])
    world.assert_books_balance()


@pytest.mark.parametrize("charged", [False, True])
def test_a_404_to_another_key_proves_nothing(world: World, job: Job, charged: bool) -> None:
    if charged:
        world.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
        world.provider.faults["result"] = [ResultNotReady("the download was cut")]
        with pytest.raises(ResultNotReady):
            world.finalize(job)
    late(world)
    world.provider.key = "another-accounts-key"
    world.provider.processes.clear()
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.clock.advance(timedelta(hours=1))
    assert world.finalize(job).status == "IN_DOUBT"
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_404_to_a_key_that_was_read_too_early_is_asked_again_with_the_jobs_own(world: World, job: Job) -> None:
    late(world)
    world.clock.advance(timedelta(hours=1))
    world.provider.become(ProcessState.COMPLETED)
    world.provider.key, world.provider.next_key = "an-older-key", world.provider.key
    world.provider.faults |= {"progress": [GONE], "result": [GONE]}
    with pytest.raises(ResultNotReady, match="older API key"):
        world.finalize(job)
    assert world.finalize(job).status == "COMPLETED"


@pytest.mark.parametrize("answer", [Throttled("HTTP 429"), ProviderUnavailable("HTTP 503")])
def test_whether_the_result_can_be_had_all_the_same_is_asked_for_an_hour_too(
    world: World, job: Job, answer: DarkroomError
) -> None:
    late(world)
    world.provider.faults |= {"progress": [GONE] * 2, "result": [answer] * 2}
    with pytest.raises(type(answer)):
        world.finalize(job)
    world.clock.advance(timedelta(hours=1))
    assert world.finalize(job).status == "IN_DOUBT"


def test_a_404_after_the_provider_had_time_to_finish_charge_and_forget_is_a_doubt(world: World, job: Job) -> None:
    world.clock.advance(RETENTION)
    world.provider.faults["progress"] = [ProcessUnknown("HTTP 404")]
    assert world.finalize(job).status == "IN_DOUBT"
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1


@pytest.mark.parametrize("call", ["progress", "cancel"])
@pytest.mark.parametrize("answer", SILENT)
def test_a_provider_silent_at_the_deadline_is_asked_again_then_a_person_decides(
    world: World, job: Job, call: str, answer: DarkroomError
) -> None:
    late(world)
    world.provider.faults[call] = [answer] * 9
    with pytest.raises(type(answer)):
        world.finalize(job)
    assert world.job().status is JobStatus.PROCESSING
    world.clock.advance(timedelta(hours=1))
    assert world.finalize(job).status == "IN_DOUBT"
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_silent_provider_that_speaks_again_ends_the_job(world: World, job: Job) -> None:
    late(world)
    world.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")]
    with pytest.raises(ProviderUnavailable):
        world.finalize(job)
    assert world.finalize(job).status == "FAILED"
    assert world.job().error_code == "TimedOut"


@pytest.mark.parametrize("passed", [DEADLINE + timedelta(hours=1), 2 * DEADLINE])
def test_a_charged_result_is_settled_though_its_process_is_forgotten_before_it_was_fetched(
    world: World, job: Job, passed: timedelta
) -> None:
    world.provider.become(ProcessState.COMPLETED, credits=Decimal(3))
    world.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    assert (world.job().status, world.job().process.credits_charged) == (JobStatus.PROCESSING, 3)
    world.clock.advance(passed)
    world.provider.processes.clear()
    assert world.finalize(job).status == "FAILED"
    assert (world.job().error_code, world.job().credits) == (ErrorCode.RESULT_LOST, 3)
    assert world.cloud.budget("topaz", MONTH)["spent"] == 3
    world.assert_books_balance()
