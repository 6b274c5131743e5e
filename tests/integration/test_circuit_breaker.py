"""The circuit breaker: which jobs wait while a provider's account has a problem, which one probes, and what closes
it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, World
from tests.integration.time_support import MINUTE, QUARTER, die, job_of, submit_and_die, uploads

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderRejected,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import Alarm, JobStatus, Upload
from darkroom.pipeline.circuit_breaker import PROBE_WINDOW
from darkroom.pipeline.outcomes import Done

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")
FAULTS = [
    NO_KEY,
    OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: top up"),
    OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 412: no subscription"),
    OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 425: topping up"),
]
UNDECIDED: list[DarkroomError] = [Throttled("HTTP 429"), NothingSent("no connection"), SubmitInDoubt("lost")]


def shut(world: World, *, others: int = 2) -> tuple[Upload, list[Upload]]:
    """Return an upload that met a fault, and others that came after it."""
    first, *rest = uploads(world, 1 + others)
    world.provider.refusals = [NO_KEY]
    for upload in (first, *rest):
        world.submit(upload)
    return first, rest


def statuses(world: World) -> list[JobStatus]:
    return sorted(job.status for job in world.cloud.jobs())


def reserved(world: World) -> int:
    return int(world.cloud.budget("topaz", MONTH).get("committed", 0))


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_of_the_account_gives_the_reservation_back_and_the_job_waits_with_its_code(
    world: World, fault: OperatorFault
) -> None:
    world.provider.refusals = [fault]
    verdict = world.submit(uploads(world, 1)[0])
    job = world.job()
    assert isinstance(verdict, Done)
    assert (job.status, job.error_code, job.next_attempt_at) == (JobStatus.CLAIMED, fault.code, START + QUARTER)
    assert (reserved(world), world.bell.rung) == (0, [Alarm.CIRCUIT_OPEN])
    world.assert_books_balance()


def test_while_the_account_is_closed_other_uploads_are_not_even_sent(world: World) -> None:
    shut(world, others=3)
    assert (world.provider.processes, statuses(world)) == ({}, [JobStatus.CLAIMED] * 4)
    assert {(job.error_code, job.next_attempt_at) for job in world.cloud.jobs()} == {("AuthFailed", START + QUARTER)}
    assert reserved(world) == 0


def test_the_alarm_goes_on_sounding_while_the_account_is_closed(world: World) -> None:
    shut(world)
    world.bell.rung.clear()
    for _ in range(3):
        world.clock.advance(MINUTE)
        world.sweep()
    assert world.bell.rung == [Alarm.CIRCUIT_OPEN] * 3


def test_before_the_probe_is_due_nothing_is_sent_and_nothing_reserved(world: World) -> None:
    _, rest = shut(world)
    for _ in range(14):
        world.clock.advance(MINUTE)
        world.sweep_and_deliver()
        world.submit(rest[0])
        assert (len(world.provider.processes), reserved(world)) == (0, 0)


def test_when_a_probe_is_due_exactly_one_job_passes_while_the_others_wait(world: World) -> None:
    shut(world, others=5)
    world.provider.losses = [SubmitInDoubt("nobody knows yet whether the account was mended")]
    world.clock.advance(QUARTER)
    world.sweep_and_deliver()
    world.sweep_and_deliver()
    assert len(world.provider.processes) == 1
    assert statuses(world) == [JobStatus.CLAIMED] * 5 + [JobStatus.SUBMITTING]


def test_uploads_that_come_while_a_probe_is_under_way_wait(world: World) -> None:
    first, _ = shut(world)
    world.clock.advance(QUARTER)
    submit, late = world.provider.submit, uploads(world, 2, "late/")

    def slow(*args: object) -> object:
        world.provider.submit = submit  # type: ignore[method-assign]
        for upload in late:
            world.submit(upload)
        assert world.provider.processes == {}
        return submit(*args)  # type: ignore[arg-type]

    world.provider.submit = slow  # type: ignore[assignment, method-assign]
    world.submit(first)
    assert job_of(world, first).status is JobStatus.PROCESSING
    assert [job_of(world, upload).status for upload in late] == [JobStatus.CLAIMED] * 2


def test_a_probe_that_succeeds_lets_all_jobs_pass(world: World) -> None:
    shut(world, others=4)
    world.clock.advance(QUARTER)
    world.sweep_and_deliver()
    fresh = uploads(world, 1, "fresh/")[0]
    world.submit(fresh)
    assert job_of(world, fresh).status is JobStatus.PROCESSING
    world.clock.advance(QUARTER)
    world.sweep_and_deliver()
    assert statuses(world) == [JobStatus.PROCESSING] * 6
    world.assert_books_balance()


def test_a_probe_that_fails_blocks_all_jobs_for_another_quarter_of_an_hour(world: World) -> None:
    shut(world, others=4)
    world.provider.refusals = [NO_KEY]
    world.clock.advance(QUARTER)
    world.sweep_and_deliver()
    world.clock.advance(QUARTER - MINUTE)
    world.sweep_and_deliver()
    assert (world.provider.processes, reserved(world)) == ({}, 0)
    world.clock.advance(MINUTE)
    world.sweep_and_deliver()
    assert len(world.provider.processes) == 1


def test_a_probe_whose_worker_died_is_followed_by_another_after_the_window(world: World) -> None:
    first, rest = shut(world)
    world.clock.advance(QUARTER)
    submit_and_die(world, first, "provider", submit=die)
    world.submit(rest[0])
    assert world.provider.processes == {}
    world.clock.advance(PROBE_WINDOW)
    world.submit(rest[0])
    assert job_of(world, rest[0]).status is JobStatus.PROCESSING
    world.submit(uploads(world, 1, "fresh/")[0])
    assert len(world.provider.processes) == 2


def test_a_probe_the_provider_refuses_for_its_own_sake_shows_that_the_account_was_mended(world: World) -> None:
    first, rest = shut(world)
    world.clock.advance(QUARTER)
    world.provider.refusals = [ProviderRejected("HTTP 422: these bytes")]
    world.submit(first)
    world.submit(rest[0])
    assert job_of(world, first).status is JobStatus.REJECTED
    assert job_of(world, rest[0]).status is JobStatus.PROCESSING


@pytest.mark.parametrize("answer", UNDECIDED, ids=str)
def test_a_probe_that_learns_nothing_of_the_account_leaves_it_closed_for_the_window(
    world: World, answer: DarkroomError
) -> None:
    first, rest = shut(world)
    world.clock.advance(QUARTER)
    world.provider.refusals = [answer]
    world.submit(first)
    world.submit(rest[0])
    assert (world.provider.processes, job_of(world, rest[0]).status) == ({}, JobStatus.CLAIMED)
    world.clock.advance(PROBE_WINDOW)
    world.submit(rest[1])
    assert job_of(world, rest[1]).status is JobStatus.PROCESSING
    world.assert_books_balance()


def test_a_pause_by_hand_stops_every_submit(world: World) -> None:
    world.operate.pause("topaz", "checking a bill")
    for upload in uploads(world, 3):
        world.submit(upload)
    for _ in range(5):
        world.clock.advance(timedelta(hours=1))
        world.sweep_and_deliver()
    assert (world.provider.processes, reserved(world)) == ({}, 0)
    assert "checking a bill" in (world.cloud.jobs()[0].error or "")


def test_a_pause_is_no_alarm(world: World) -> None:
    world.operate.pause("topaz", "checking a bill")
    world.submit(uploads(world, 1)[0])
    world.sweep()
    assert world.bell.rung == []


def test_resume_lets_what_waited_go(world: World) -> None:
    world.operate.pause("topaz", "checking a bill")
    for upload in uploads(world, 3):
        world.submit(upload)
    world.clock.advance(timedelta(hours=2))
    world.sweep_and_deliver()
    world.operate.resume("topaz")
    world.clock.advance(timedelta(hours=1))
    world.sweep_and_deliver()
    assert statuses(world) == [JobStatus.PROCESSING] * 3
    world.assert_books_balance()


@pytest.mark.parametrize("shut_before", [False, True], ids=["open", "after a fault"])
def test_a_submit_that_was_under_way_does_not_end_a_pause(world: World, shut_before: bool) -> None:
    first, rest = shut(world) if shut_before else (uploads(world, 1)[0], uploads(world, 2, "more/"))
    world.clock.advance(QUARTER)
    submit = world.provider.submit

    def slow(*args: object) -> object:
        world.operate.pause("topaz", "stop")
        return submit(*args)  # type: ignore[arg-type]

    world.provider.submit = slow  # type: ignore[assignment, method-assign]
    world.submit(first)
    world.provider.submit = submit  # type: ignore[method-assign]
    assert job_of(world, first).status is JobStatus.PROCESSING
    world.submit(rest[0])
    world.clock.advance(QUARTER)
    world.sweep_and_deliver()
    assert len(world.provider.processes) == 1


def test_a_fault_that_ends_during_a_pause_does_not_end_the_pause(world: World) -> None:
    shut(world)
    world.operate.pause("topaz", "stop")
    world.clock.advance(timedelta(hours=2))
    world.sweep_and_deliver()
    assert world.provider.processes == {}


def test_resume_also_ends_what_a_fault_closed(world: World) -> None:
    shut(world)
    world.operate.resume("topaz")
    world.submit(uploads(world, 1, "fresh/")[0])
    assert len(world.provider.processes) == 1


def test_a_paused_job_fails_at_its_deadline_as_timed_out(world: World) -> None:
    world.operate.pause("topaz", "stop")
    world.submit(uploads(world, 1)[0])
    world.clock.advance(DEADLINE)
    world.sweep_and_deliver()
    report = world.cloud.report("000.jpg")
    assert (world.job().status, world.job().error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)
    assert report is not None
    assert (report["code"], world.bus.kinds, world.provider.processes) == ("TimedOut", ["Job Failed"], {})
    world.assert_books_balance()


def test_a_job_behind_a_fault_fails_at_its_deadline_with_the_faults_code(world: World) -> None:
    shut(world)
    world.provider.refusals = [NO_KEY] * 1000
    while world.clock() < START + DEADLINE:
        world.clock.advance(timedelta(hours=1))
        world.sweep_and_deliver()
        assert reserved(world) == 0
    assert {(job.status, job.error_code) for job in world.cloud.jobs()} == {(JobStatus.FAILED, ErrorCode.AUTH_FAILED)}
    assert world.provider.processes == {}
    world.assert_books_balance()
