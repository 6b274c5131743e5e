"""A staged result that is wrong, or that is no longer wanted: it is charged, and never published wrongly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import DEADLINE, MONTH, RETENTION, World, picture
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import all_runs, assert_every_run_is_in_the_books

from darkroom.errors import (
    ProcessUnknown,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
)
from darkroom.model import Job, JobStatus, ProcessState, Upload
from darkroom.pipeline.outcomes import Done

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


def test_a_staged_result_that_is_gone_is_given_up_only_when_the_provider_keeps_none(
    world: World, upload: Upload
) -> None:
    job = submitted(world, upload)
    world.ports["staging"].drop(job.job_id, job.process.process_id)
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.clock.advance(DEADLINE + RETENTION)
    world.finalize(job)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", CHARGE)
    assert booked(world) == (0, CHARGE)


def test_a_staged_result_that_is_gone_is_fetched_from_a_provider_that_keeps_it_too(
    world: World, upload: Upload
) -> None:
    world.provider.ends_as = ProcessState.COMPLETED
    job = submitted(world, upload)
    world.ports["staging"].drop(job.job_id, job.process.process_id)
    world.finalize(job)
    assert ended_as(world) == (JobStatus.COMPLETED, None, CHARGE)
    assert world.cloud.body("a.jpg") == world.provider.processes["process-1"].result


def test_what_a_provider_gives_in_its_place_may_still_become_whole(world: World, upload: Upload) -> None:
    world.provider.ends_as = ProcessState.COMPLETED
    job = submitted(world, upload)
    world.ports["staging"].drop(job.job_id, job.process.process_id)
    whole, world.provider.processes["process-1"].result = world.provider.processes["process-1"].result, b"not yet"
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.provider.processes["process-1"].result = whole
    world.finalize(job)
    assert world.job().status is JobStatus.COMPLETED


@pytest.mark.parametrize("broken", [b"", b"no picture", picture()[:-50]], ids=["empty", "text", "cut"])
def test_a_staged_result_that_is_no_whole_picture_is_lost_at_once(world: World, upload: Upload, broken: bytes) -> None:
    world.provider.draw = lambda plan: broken
    world.finalize(submitted(world, upload))
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", CHARGE)
    assert world.cloud.body("a.jpg") is None
    world.assert_books_balance()


@pytest.mark.parametrize("broken", [b"no picture", picture()[:-50], picture(form="png")], ids=["text", "cut", "format"])
def test_a_broken_staged_result_is_fetched_from_a_provider_that_keeps_it_too(
    world: World, upload: Upload, broken: bytes
) -> None:
    world.provider.ends_as, world.provider.draw = ProcessState.COMPLETED, lambda plan: broken
    job = submitted(world, upload)
    world.provider.processes["process-1"].result = picture()
    world.finalize(job)
    assert ended_as(world) == (JobStatus.COMPLETED, None, CHARGE)
    assert world.cloud.body("a.jpg") == picture()
    world.assert_books_balance()


def test_a_result_broken_on_both_ways_is_tried_again_until_it_is_no_longer_kept(world: World, upload: Upload) -> None:
    world.provider.ends_as, world.provider.draw = ProcessState.COMPLETED, lambda plan: b"no picture"
    job = submitted(world, upload)
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.clock.advance(DEADLINE + RETENTION)
    world.finalize(job)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", CHARGE)


def test_whether_a_provider_keeps_it_too_is_asked_again_while_it_is_silent(world: World, upload: Upload) -> None:
    world.provider.draw = lambda plan: b"no picture"
    job = submitted(world, upload)
    world.provider.faults["progress"] = [ProviderUnavailable("503")]
    with pytest.raises(ProviderUnavailable):
        world.finalize(job)
    world.provider.faults["progress"] = [ProcessUnknown("404")]
    world.finalize(job)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", CHARGE)


def test_a_staged_result_of_another_format_is_lost_at_once(world: World, upload: Upload) -> None:
    world.provider.draw = lambda plan: picture(form="png")
    world.finalize(submitted(world, upload))
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", CHARGE)


def test_somebody_elses_object_in_its_place_is_never_published(world: World, upload: Upload) -> None:
    job = submitted(world, upload)
    world.cloud.put(staged_key(world), picture(noise=30), bucket=OUTPUT)
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    assert world.cloud.body("a.jpg") is None


# --- people


def test_a_job_cancelled_after_its_result_was_staged_is_charged_and_not_published(world: World, upload: Upload) -> None:
    submitted(world, upload)
    world.operate.cancel("a.jpg")
    assert ended_as(world) == (JobStatus.CANCELLED, None, CHARGE)
    assert (world.cloud.body("a.jpg"), booked(world)) == (None, (0, CHARGE))
    world.assert_books_balance()


def test_a_rerun_stages_and_publishes_a_result_of_its_own(world: World, upload: Upload) -> None:
    world.finalize(submitted(world, upload))
    anew = picture(noise=20)
    world.provider.draw = lambda plan: anew
    world.operate.rerun("a.jpg", completed=True)
    world.submit(world.queue.sent[-1][0])
    world.finalize(world.job())
    assert (world.job().run, len(world.provider.processes)) == (2, 2)
    assert world.cloud.body("a.jpg") == anew
    assert sum(run.credits or 0 for run in all_runs(world.cloud)) == 2 * CHARGE
    assert_every_run_is_in_the_books(world.cloud)


def test_a_rerun_does_not_take_what_the_run_before_left_behind(world: World, upload: Upload) -> None:
    submitted(world, upload)
    world.operate.cancel("a.jpg")
    world.operate.rerun("a.jpg")
    world.provider.keeps, world.provider.losses = False, [LOST]
    world.submit(world.queue.sent[-1][0])
    world.deliver(upload)
    assert ended_as(world) == (JobStatus.FAILED, "ResultLost", PRICE)
