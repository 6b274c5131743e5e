"""Tests synchronous calls. The result comes with the answer, is staged, and is published by finalize. It is paid once,
whichever worker dies.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes import application as fakes
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, ApplicationUnderTest, picture

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
from darkroom.pipeline.message_outcomes import Done, RetryLater

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


# --- the usual way


def test_the_result_is_staged_and_the_job_waits_for_finalize(application: ApplicationUnderTest, upload: Upload) -> None:
    job = submitted(application, upload)
    assert (job.status, job.dispatch.send_mode, job.process.credits_charged) == (
        JobStatus.PROCESSING,
        SendMode.SYNCHRONOUS_UPLOAD,
        CHARGE,
    )
    assert application.cloud.keys() == {staged_key(application)}
    assert application.cloud.body(staged_key(application)) == application.provider.processes["process-1"].result
    assert booked(application) == (PRICE, 0)


def test_the_execution_of_a_synchronous_job_never_waits(application: ApplicationUnderTest, upload: Upload) -> None:
    submitted(application, upload)
    (tick,) = application.executions.running.values()
    assert (tick.status, tick.poll_at) == ("running", application.clock())


def test_a_synchronous_job_is_never_polled(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.faults["progress"] = [ProcessUnknown("HTTP 404")]
    assert application.poll(submitted(application, upload)).status == "ended"
    assert len(application.provider.faults["progress"]) == 1


def test_finalize_publishes_it_settles_the_charge_and_clears_the_place(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = submitted(application, upload)
    assert application.finalize(job).status == "COMPLETED"
    assert application.cloud.body("a.jpg") == application.provider.processes["process-1"].result
    assert (application.cloud.keys(), booked(application)) == ({"a.jpg"}, (0, CHARGE))
    assert ended_as(application) == (JobStatus.COMPLETED, None, CHARGE)
    assert application.bus.kinds == ["Job Completed"]
    application.assert_books_balance()


def test_a_finished_job_does_not_mention_staging(application: ApplicationUnderTest, upload: Upload) -> None:
    application.finalize(submitted(application, upload))
    assert (application.job().process.staged, application.job().process.credits_charged) == (False, None)


def test_without_a_charge_in_the_answer_the_reserved_price_is_settled(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.charges = None
    application.finalize(submitted(application, upload))
    assert ended_as(application) == (JobStatus.COMPLETED, None, PRICE)


def test_the_result_is_published_though_the_provider_is_silent_and_the_deadline_has_passed(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = submitted(application, upload)
    application.provider.faults["progress"] = [ProviderUnavailable("503")]
    application.clock.advance(timedelta(hours=30))
    application.finalize(job)
    assert application.job().status is JobStatus.COMPLETED


def test_a_job_sent_twice_by_its_event_is_called_once(application: ApplicationUnderTest, upload: Upload) -> None:
    submitted(application, upload)
    application.submit(upload)
    assert len(application.provider.processes) == 1


# --- the provider refuses, or nothing is sent


def test_a_refused_call_is_no_payment(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.refusals = [ProviderRejected("HTTP 400")]
    application.submit(upload)
    assert ended_as(application) == (JobStatus.REJECTED, "ProviderRejected", 0)
    assert application.cloud.keys() == {"_failed/a.jpg.json"}


@pytest.mark.parametrize(
    "early", [Throttled("429"), OperatorFault(ErrorCode.OUT_OF_CREDITS, "402")], ids=["429", "402"]
)
def test_a_call_that_was_not_accepted_is_sent_again(
    application: ApplicationUnderTest, upload: Upload, early: Exception
) -> None:
    application.provider.refusals = [early]  # type: ignore[list-item]
    application.deliver(upload)
    application.finalize(application.job())
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.COMPLETED, 1)


@pytest.mark.parametrize("seconds", [31, 200, 269])
def test_too_little_time_for_a_synchronous_call_waits_and_says_which_parameter_to_raise(
    application: ApplicationUnderTest, upload: Upload, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(fakes, "INVOCATION", timedelta(seconds=seconds))
    verdict = application.submit(upload)
    assert isinstance(verdict, RetryLater)
    assert "raise it to at least 300 and deploy" in verdict.reason
    assert (application.provider.processes, application.cloud.budget("topaz", MONTH)) == (
        {},
        {},
    )  # no row of the budget exists, because nothing was ever reserved
    assert "raise it to at least 300 and deploy" in (application.job().error or "")
    assert (application.job().status, application.job().dispatch) == (JobStatus.CLAIMED, None)


def test_exactly_enough_time_for_a_synchronous_call_is_enough(
    application: ApplicationUnderTest, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fakes, "INVOCATION", timedelta(seconds=270))
    submitted(application, upload)


# --- the answer is lost


def test_a_charged_call_whose_answer_was_lost_fails_once_and_for_all(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.keeps, application.provider.losses = False, [LOST]
    application.submit(upload)
    application.provider.become(ProcessState.EXPIRED, credits=Decimal("1.75"))
    application.deliver(upload)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", Decimal("1.75"))
    assert (len(application.provider.processes), booked(application)) == (1, (0, Decimal("1.75")))
    assert application.cloud.keys() == {"_failed/a.jpg.json"}
    application.assert_books_balance()


def test_the_message_names_the_process_that_was_charged(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.keeps, application.provider.losses = False, [LOST]
    application.deliver(upload)
    assert "process-1" in (application.job().error or "")


def test_a_list_that_names_no_charge_settles_the_reserved_price(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.keeps, application.provider.losses = False, [LOST]
    application.submit(upload)
    known = application.provider.processes["process-1"]
    known.progress = type(known.progress)(ProcessState.EXPIRED)
    application.deliver(upload)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", PRICE)


def test_a_call_that_the_list_shows_as_failed_was_not_charged(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.keeps, application.provider.losses, application.provider.ends_as = (
        False,
        [LOST],
        ProcessState.FAILED,
    )
    application.deliver(upload)
    assert ended_as(application) == (JobStatus.FAILED, "ProviderFailed", 0)
    assert (len(application.provider.processes), booked(application)) == (1, (0, 0))


def test_a_call_that_the_list_excludes_is_sent_again(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.refusals = [LOST]
    application.deliver(upload)
    application.finalize(application.job())
    assert ended_as(application) == (JobStatus.COMPLETED, None, CHARGE)
    assert (len(application.provider.processes), application.job().run) == (1, 1)
    application.assert_books_balance()


def test_without_a_list_a_person_decides(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.keeps, application.provider.losses, application.provider.lists = False, [LOST], False
    application.deliver(upload)
    assert (application.job().status, booked(application)) == (JobStatus.IN_DOUBT, (PRICE, 0))


def test_a_result_that_breaks_off_is_not_staged_but_looked_up(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.cuts = [100]
    application.deliver(upload)
    assert ended_as(application) == (JobStatus.FAILED, "ResultLost", PRICE)
    assert (application.cloud.keys(), application.cloud.unfinished_uploads()) == ({"_failed/a.jpg.json"}, [])


def test_a_result_that_was_staged_before_the_answer_was_lost_is_used(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses = [LOST]
    application.deliver(upload)
    application.finalize(application.job())
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.COMPLETED, 1)
    assert application.cloud.body("a.jpg") == application.provider.processes["process-1"].result


def test_a_staged_result_is_adopted_though_the_provider_cannot_be_asked(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses, application.provider.lists = [LOST], False
    application.deliver(upload)
    assert (application.job().status, application.job().process.staged) == (JobStatus.PROCESSING, True)
