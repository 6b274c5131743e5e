"""Tests what finalize leaves behind when it fails or is overtaken: a paid result is settled once, and the row says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, ApplicationUnderTest, picture
from tests.integration.time_support import LEASE, Replaced, WorkerDied, die, refusing, writing

from darkroom.errors import DarkroomError, LostClaim, ProviderUnavailable
from darkroom.model import LEASE_MARGIN, Job, JobStatus, ProcessState

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def job(application: ApplicationUnderTest) -> Job:
    """Return a job whose result is ready at the provider."""
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.provider.become(ProcessState.COMPLETED)
    return application.job()


def test_a_result_in_place_is_settled_though_the_provider_does_not_answer_any_more(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.ports["ledger"] = Replaced(application.ledger, settle=die)
    with pytest.raises(WorkerDied):
        application.finalize(job)
    application.ports["ledger"] = application.ledger
    application.clock.advance(LEASE)
    application.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")] * 9
    assert application.finalize(job).status == "COMPLETED"
    assert (application.cloud.versions("a.jpg"), application.cloud.budget("topaz", MONTH)["spent"]) == (1, 1)


def test_a_request_to_cancel_that_comes_when_the_result_is_in_place_is_too_late(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.ports["ledger"] = Replaced(application.ledger, settle=die)
    with pytest.raises(WorkerDied):
        application.finalize(job)
    application.ports["ledger"] = application.ledger
    application.operate.cancel(job.job_id)
    application.clock.advance(LEASE)
    assert application.finalize(job).status == "COMPLETED"
    assert (application.cloud.versions("a.jpg"), application.cloud.budget("topaz", MONTH)["spent"]) == (1, 1)


def test_a_worker_whose_job_was_ended_and_run_again_meanwhile_reports_nothing(
    application: ApplicationUnderTest, job: Job
) -> None:
    def rerun_meanwhile(*args: Any) -> None:
        application.ledger.settle(
            application.job(), JobStatus.FAILED, Decimal(0), START, error_code="ProviderFailed", error="x"
        )
        application.operate.rerun(job.job_id)

    writing(application, rerun_meanwhile)
    with pytest.raises(LostClaim):
        application.finalize(job)
    assert (application.job().run, application.job().status, application.bus.kinds) == (
        2,
        JobStatus.CLAIMED,
        ["Job Failed"],
    )


def test_no_other_worker_may_begin_while_this_one_can_still_write(application: ApplicationUnderTest, job: Job) -> None:
    outputs, leases = application.ports["outputs"], []

    def write(*args: Any) -> None:
        leases.append(application.job().lease_until)
        outputs.write(*args)

    writing(application, write)
    application.finalize(job)
    assert leases == [application.ends + LEASE_MARGIN]


@pytest.mark.parametrize(
    ("reason", "said"), [("no face found", ": no face found; it was"), ("", " and gives no reason; it was")]
)
def test_a_failed_job_says_what_the_provider_said(
    application: ApplicationUnderTest, job: Job, reason: str, said: str
) -> None:
    process = application.provider.processes["process-1"]
    process.progress = replace(process.progress, state=ProcessState.FAILED, vendor_word="Failed", reason=reason)
    application.finalize(job)
    assert application.job().error == f"the provider says `Failed`{said} not charged"


@pytest.mark.parametrize(
    ("error", "why"), [(ProviderUnavailable("HTTP 503"), "HTTP 503"), (OSError("a secret link"), "OSError")]
)
def test_a_job_that_is_tried_again_says_why_and_quotes_only_darkrooms_own_errors(
    application: ApplicationUnderTest, job: Job, error: Exception, why: str
) -> None:
    if isinstance(error, DarkroomError):
        application.provider.faults["progress"] = [error]
    else:
        writing(application, refusing(error))
    with pytest.raises(type(error)):
        application.finalize(job)
    assert (application.job().status, application.job().error) == (JobStatus.PROCESSING, why)


def test_a_result_that_is_kept_for_minutes_is_tried_for_an_hour_past_the_deadline(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.retention = timedelta(minutes=5)
    writing(application, refusing(OSError("the bucket does not answer")))
    application.clock.advance(DEADLINE + HOUR - SECOND)
    with pytest.raises(OSError, match="the bucket does not answer"):
        application.finalize(job)
    application.clock.advance(SECOND)
    assert application.finalize(job).status == "IN_DOUBT"
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1
