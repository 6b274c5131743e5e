"""Synchronous calls: the result comes with the answer, is staged, is published by finalize, and is paid once whatever
dies.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes import application as fakes
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, World, picture

from darkroom.errors import (
    ErrorCode,
    OperatorFault,
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import Job, JobStatus, ProcessState, SendMode, Upload
from darkroom.pipeline.outcomes import Done, RetryLater

PRICE = Decimal(2)
CHARGE = Decimal("1.5")
LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")


@pytest.fixture(autouse=True)
def only_synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))


@pytest.fixture
def upload(world: World) -> Upload:
    world.provider.charges = CHARGE
    return world.cloud.put("a.jpg", picture())


def staged_key(world: World) -> str:
    return f"_darkroom/incoming/{world.job().job_id}"


def booked(world: World) -> tuple[object, object]:
    row = world.cloud.budget("topaz", MONTH)
    return row["reserved"], row["spent"]


def submitted(world: World, upload: Upload) -> Job:
    """Return a job whose result is staged."""
    verdict = world.submit(upload)
    assert isinstance(verdict, Done)
    assert verdict.job.process.staged
    return world.job()


def ended_as(world: World) -> tuple[JobStatus, str | None, Decimal | None]:
    job = world.job()
    return job.status, job.error_code, job.credits


# --- the usual way


def test_the_result_is_staged_and_the_job_waits_for_finalize(world: World, upload: Upload) -> None:
    job = submitted(world, upload)
    assert (job.status, job.dispatch.send_mode, job.process.credits_charged) == (
        JobStatus.PROCESSING,
        SendMode.SYNCHRONOUS_UPLOAD,
        CHARGE,
    )
    assert world.cloud.keys() == {staged_key(world)}
    assert world.cloud.body(staged_key(world)) == world.provider.processes["process-1"].result
    assert booked(world) == (PRICE, 0)


def test_the_execution_of_a_synchronous_job_never_waits(world: World, upload: Upload) -> None:
    submitted(world, upload)
    (tick,) = world.executions.running.values()
    assert (tick.status, tick.poll_at) == ("running", world.clock())


def test_a_synchronous_job_is_never_polled(world: World, upload: Upload) -> None:
    world.provider.faults["progress"] = [ProcessUnknown("HTTP 404")]
    assert world.poll(submitted(world, upload)).status == "ended"
    assert len(world.provider.faults["progress"]) == 1


def test_finalize_publishes_it_settles_the_charge_and_clears_the_place(world: World, upload: Upload) -> None:
    job = submitted(world, upload)
    assert world.finalize(job).status == "COMPLETED"
    assert world.cloud.body("a.jpg") == world.provider.processes["process-1"].result
    assert (world.cloud.keys(), booked(world)) == ({"a.jpg"}, (0, CHARGE))
    assert ended_as(world) == (JobStatus.COMPLETED, None, CHARGE)
    assert world.bus.kinds == ["Job Completed"]
    world.assert_books_balance()


def test_a_finished_job_does_not_mention_staging(world: World, upload: Upload) -> None:
    world.finalize(submitted(world, upload))
    assert (world.job().process.staged, world.job().process.credits_charged) == (False, None)


def test_without_a_charge_in_the_answer_the_reserved_price_is_settled(world: World, upload: Upload) -> None:
    world.provider.charges = None
    world.finalize(submitted(world, upload))
    assert ended_as(world) == (JobStatus.COMPLETED, None, PRICE)


def test_the_result_is_published_though_the_provider_is_silent_and_the_deadline_has_passed(
    world: World, upload: Upload
) -> None:
    job = submitted(world, upload)
    world.provider.faults["progress"] = [ProviderUnavailable("503")]
    world.clock.advance(timedelta(hours=30))
    world.finalize(job)
    assert world.job().status is JobStatus.COMPLETED


def test_a_job_sent_twice_by_its_event_is_called_once(world: World, upload: Upload) -> None:
    submitted(world, upload)
    world.submit(upload)
    assert len(world.provider.processes) == 1


# --- refusals before anything is accepted


def test_a_refused_call_is_no_payment(world: World, upload: Upload) -> None:
    world.provider.refusals = [ProviderRejected("HTTP 400")]
    world.submit(upload)
    assert ended_as(world) == (JobStatus.REJECTED, "ProviderRejected", 0)
    assert world.cloud.keys() == {"_failed/a.jpg.json"}


@pytest.mark.parametrize(
    "early", [Throttled("429"), OperatorFault(ErrorCode.OUT_OF_CREDITS, "402")], ids=["429", "402"]
)
def test_a_call_that_was_not_accepted_is_sent_again(world: World, upload: Upload, early: Exception) -> None:
    world.provider.refusals = [early]  # type: ignore[list-item]
    world.deliver(upload)
    world.finalize(world.job())
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.COMPLETED, 1)


@pytest.mark.parametrize("seconds", [31, 200, 269])
def test_too_little_time_for_a_synchronous_call_waits_and_says_which_parameter_to_raise(
    world: World, upload: Upload, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(fakes, "INVOCATION", timedelta(seconds=seconds))
    verdict = world.submit(upload)
    assert isinstance(verdict, RetryLater)
    assert "SubmitTimeoutSeconds must be at least 300" in verdict.reason
    assert (world.provider.processes, world.cloud.budget("topaz", MONTH)) == ({}, {})  # nothing was ever reserved
    assert "SubmitTimeoutSeconds must be at least 300" in (world.job().error or "")
    assert (world.job().status, world.job().dispatch) == (JobStatus.CLAIMED, None)


def test_exactly_enough_time_for_a_synchronous_call_is_enough(
    world: World, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes, "INVOCATION", timedelta(seconds=270))
    submitted(world, upload)


# --- the answer is lost


def test_a_charged_call_whose_answer_was_lost_fails_once_and_for_all(world: World, upload: Upload) -> None:
    world.provider.keeps, world.provider.losses = False, [LOST]
    world.submit(upload)
    world.provider.become(ProcessState.EXPIRED, credits=Decimal("1.75"))
    world.deliver(upload)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", Decimal("1.75"))
    assert (len(world.provider.processes), booked(world)) == (1, (0, Decimal("1.75")))
    assert world.cloud.keys() == {"_failed/a.jpg.json"}
    world.assert_books_balance()


def test_the_message_names_the_process_that_was_charged(world: World, upload: Upload) -> None:
    world.provider.keeps, world.provider.losses = False, [LOST]
    world.deliver(upload)
    assert "process-1" in (world.job().error or "")


def test_a_list_that_names_no_charge_settles_the_reserved_price(world: World, upload: Upload) -> None:
    world.provider.keeps, world.provider.losses = False, [LOST]
    world.submit(upload)
    known = world.provider.processes["process-1"]
    known.progress = type(known.progress)(ProcessState.EXPIRED)
    world.deliver(upload)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", PRICE)


def test_a_call_that_the_list_shows_as_failed_was_not_charged(world: World, upload: Upload) -> None:
    world.provider.keeps, world.provider.losses, world.provider.ends_as = False, [LOST], ProcessState.FAILED
    world.deliver(upload)
    assert ended_as(world) == (JobStatus.FAILED, "ProviderFailed", 0)
    assert (len(world.provider.processes), booked(world)) == (1, (0, 0))


def test_a_call_that_the_list_excludes_is_sent_again(world: World, upload: Upload) -> None:
    world.provider.refusals = [LOST]
    world.deliver(upload)
    world.finalize(world.job())
    assert ended_as(world) == (JobStatus.COMPLETED, None, CHARGE)
    assert (len(world.provider.processes), world.job().run) == (1, 1)
    world.assert_books_balance()


def test_without_a_list_a_person_decides(world: World, upload: Upload) -> None:
    world.provider.keeps, world.provider.losses, world.provider.lists = False, [LOST], False
    world.deliver(upload)
    assert (world.job().status, booked(world)) == (JobStatus.IN_DOUBT, (PRICE, 0))


def test_a_result_that_breaks_off_is_not_staged_but_looked_up(world: World, upload: Upload) -> None:
    world.provider.cuts = [100]
    world.deliver(upload)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", PRICE)
    assert (world.cloud.keys(), world.cloud.unfinished_uploads()) == ({"_failed/a.jpg.json"}, [])


def test_a_result_that_was_staged_before_the_answer_was_lost_is_used(world: World, upload: Upload) -> None:
    world.provider.losses = [LOST]
    world.deliver(upload)
    world.finalize(world.job())
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.COMPLETED, 1)
    assert world.cloud.body("a.jpg") == world.provider.processes["process-1"].result


def test_a_staged_result_is_adopted_though_the_provider_cannot_be_asked(world: World, upload: Upload) -> None:
    world.provider.losses, world.provider.lists = [LOST], False
    world.deliver(upload)
    assert (world.job().status, world.job().process.staged) == (JobStatus.PROCESSING, True)
