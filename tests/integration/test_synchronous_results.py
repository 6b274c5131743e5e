"""Tests staged results that are wrong or no longer wanted. They are booked as charged, and nothing wrong is published."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import DEADLINE, MONTH, RETENTION, ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import all_runs, assert_every_run_is_in_the_books

from darkroom.errors import (
    ProcessUnknown,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
)
from darkroom.model import Job, JobStatus, ProcessState, Upload
from darkroom.pipeline.message_outcomes import Done

PRICE = Decimal(2)
CHARGE = Decimal("1.5")
LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")


@pytest.fixture(autouse=True)
def only_synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    application.provider.charges = CHARGE
    return application.cloud.put("a.jpg", picture())


def staged_key(application: ApplicationUnderTest) -> str:
    return f"_darkroom/incoming/{application.job().job_id}"


def booked(application: ApplicationUnderTest) -> tuple[object, object]:
    row = application.cloud.budget("topaz", MONTH)
    return row["reserved"], row["spent"]


def submitted(application: ApplicationUnderTest, upload: Upload) -> Job:
    """Submit the upload and return its job, whose result is now staged."""
    verdict = application.submit(upload)
    assert isinstance(verdict, Done)
    assert verdict.job.process.staged
    return application.job()


def ended_as(application: ApplicationUnderTest) -> tuple[JobStatus, str | None, Decimal | None]:
    job = application.job()
    return job.status, job.error_code, job.credits


def test_a_staged_result_that_is_gone_is_given_up_only_when_the_provider_keeps_none(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = submitted(application, upload)
    application.ports["staging"].drop(job.job_id, job.process.process_id)
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.clock.advance(DEADLINE + RETENTION)
    application.finalize(job)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", CHARGE)
    assert booked(application) == (0, CHARGE)


def test_what_a_provider_gives_in_its_place_may_still_become_whole(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.ends_as = ProcessState.COMPLETED
    job = submitted(application, upload)
    application.ports["staging"].drop(job.job_id, job.process.process_id)
    whole, application.provider.processes["process-1"].result = (
        application.provider.processes["process-1"].result,
        b"not yet",
    )
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.provider.processes["process-1"].result = whole
    application.finalize(job)
    assert application.job().status is JobStatus.COMPLETED


@pytest.mark.parametrize("broken", [b"", b"no picture", picture()[:-50]], ids=["empty", "text", "cut"])
def test_a_staged_result_that_is_no_whole_picture_is_lost_at_once(
    application: ApplicationUnderTest, upload: Upload, broken: bytes
) -> None:
    application.provider.draw = lambda plan: broken
    application.finalize(submitted(application, upload))
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", CHARGE)
    assert application.cloud.body("a.jpg") is None
    application.assert_books_balance()


@pytest.mark.parametrize("broken", [b"no picture", picture()[:-50], picture(form="png")], ids=["text", "cut", "format"])
def test_a_broken_staged_result_is_fetched_from_a_provider_that_keeps_it_too(
    application: ApplicationUnderTest, upload: Upload, broken: bytes
) -> None:
    application.provider.ends_as, application.provider.draw = ProcessState.COMPLETED, lambda plan: broken
    job = submitted(application, upload)
    application.provider.processes["process-1"].result = picture()
    application.finalize(job)
    assert ended_as(application) == (JobStatus.COMPLETED, None, CHARGE)
    assert application.cloud.body("a.jpg") == picture()
    application.assert_books_balance()


def test_a_result_broken_on_both_ways_is_tried_again_until_it_is_no_longer_kept(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.ends_as, application.provider.draw = ProcessState.COMPLETED, lambda plan: b"no picture"
    job = submitted(application, upload)
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.clock.advance(DEADLINE + RETENTION)
    application.finalize(job)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", CHARGE)


def test_whether_a_provider_keeps_it_too_is_asked_again_while_it_is_silent(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.draw = lambda plan: b"no picture"
    job = submitted(application, upload)
    application.provider.faults["progress"] = [ProviderUnavailable("503")]
    with pytest.raises(ProviderUnavailable):
        application.finalize(job)
    application.provider.faults["progress"] = [ProcessUnknown("404")]
    application.finalize(job)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", CHARGE)


def test_a_staged_result_of_another_format_is_lost_at_once(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.draw = lambda plan: picture(form="png")
    application.finalize(submitted(application, upload))
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", CHARGE)


def test_somebody_elses_object_in_its_place_is_never_published(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = submitted(application, upload)
    application.cloud.put(staged_key(application), picture(noise=30), bucket=OUTPUT)
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    assert application.cloud.body("a.jpg") is None


# --- operators cancel or rerun the job


def test_a_job_cancelled_after_its_result_was_staged_is_charged_and_not_published(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    submitted(application, upload)
    application.operate.cancel("a.jpg")
    assert ended_as(application) == (JobStatus.CANCELLED, None, CHARGE)
    assert (application.cloud.body("a.jpg"), booked(application)) == (None, (0, CHARGE))
    application.assert_books_balance()


def test_a_rerun_stages_and_publishes_a_result_of_its_own(application: ApplicationUnderTest, upload: Upload) -> None:
    application.finalize(submitted(application, upload))
    anew = picture(noise=20)
    application.provider.draw = lambda plan: anew
    application.operate.rerun("a.jpg", completed=True)
    application.submit(application.queue.sent[-1][0])
    application.finalize(application.job())
    assert (application.job().run, len(application.provider.processes)) == (2, 2)
    assert application.cloud.body("a.jpg") == anew
    assert sum(run.credits or 0 for run in all_runs(application.cloud)) == 2 * CHARGE
    assert_every_run_is_in_the_books(application.cloud)


def test_a_rerun_does_not_take_what_the_run_before_left_behind(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    submitted(application, upload)
    application.operate.cancel("a.jpg")
    application.operate.rerun("a.jpg")
    application.provider.keeps, application.provider.losses = False, [LOST]
    application.submit(application.queue.sent[-1][0])
    application.deliver(upload)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", PRICE)
