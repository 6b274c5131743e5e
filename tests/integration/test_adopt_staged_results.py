"""Tests decisions about jobs in doubt whose paid result is still staged. It is delivered, and not paid a second time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes import small_catalogs
from tests.fakes.application import DEADLINE, MONTH, RETENTION, ApplicationUnderTest, picture
from tests.fakes.refusing_s3 import RefusingS3
from tests.integration.time_support import Replaced, committed, follow

from darkroom import output_keys
from darkroom.aws.staged_results import S3StagedResults
from darkroom.errors import Inapplicable, ProcessUnknown, SubmitInDoubt
from darkroom.model import Job, JobStatus, ProcessState, Upload

CHARGE = Decimal("1.5")
LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")
GONE = ProcessUnknown("the provider knows no such process")


@pytest.fixture(autouse=True)
def only_synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    application.provider.charges = CHARGE
    return application.cloud.put("a.jpg", picture())


def failing(*_: Any, **__: Any) -> Any:
    raise OSError("AWS refuses")


def refused_in_doubt(application: ApplicationUnderTest, upload: Upload) -> Job:
    """Return a job in doubt whose staged result the output bucket refused for as long as finalize tried. The bucket is mended."""
    application.submit(upload)
    outputs = application.ports["outputs"]
    application.ports["outputs"] = Replaced(outputs, write=failing)
    with pytest.raises(OSError, match="refuses"):
        application.finalize(application.job())
    application.clock.advance(DEADLINE + RETENTION)
    assert application.finalize(application.job()).status == "IN_DOUBT"
    application.ports["outputs"] = outputs
    return application.job()


def unbound_in_doubt(application: ApplicationUnderTest, upload: Upload) -> Job:
    """Return a job in doubt that was never bound. Its result is staged, but could not be looked for until the deadline."""
    application.provider.losses = [LOST]
    application.submit(upload)
    staging = application.ports["staging"]
    application.ports["staging"] = Replaced(staging, find=failing)
    for later in (timedelta(minutes=1), DEADLINE):
        application.clock.advance(later)
        with suppress(OSError):
            application.submit(upload)
    application.ports["staging"] = staging
    assert (application.job().status, application.job().process) == (JobStatus.IN_DOUBT, None)
    return application.job()


def remove_staged(application: ApplicationUnderTest) -> None:
    """Remove the staged result, as the bucket's lifecycle rule does."""
    application.ports["staging"].drop(application.job().job_id, "process-1")


def assert_delivered_and_paid_once(application: ApplicationUnderTest, charge: Decimal) -> None:
    assert follow(application).status is JobStatus.COMPLETED
    assert (len(application.provider.processes), application.job().credits) == (1, charge)
    assert application.cloud.body("a.jpg") == application.provider.processes["process-1"].result
    assert application.cloud.keys() == {"a.jpg"}
    application.assert_books_balance()


@pytest.mark.parametrize("in_doubt", [refused_in_doubt, unbound_in_doubt])
@pytest.mark.parametrize("knows", [True, False], ids=["in the vendor's log", "unknown to the vendor"])
def test_a_staged_result_is_delivered_when_its_process_is_adopted(
    application: ApplicationUnderTest, upload: Upload, in_doubt: Any, knows: bool
) -> None:
    in_doubt(application, upload)
    if not knows:
        application.provider.faults["progress"] = [GONE] * 9
    adopted = application.operate.adopt("a.jpg", "process-1")
    assert (adopted.status, adopted.process.process_id, adopted.process.staged) == (
        JobStatus.PROCESSING,
        "process-1",
        True,
    )
    assert_delivered_and_paid_once(application, CHARGE if in_doubt is refused_in_doubt else Decimal(2))


def test_without_a_staged_result_the_vendor_decides(application: ApplicationUnderTest, upload: Upload) -> None:
    refused_in_doubt(application, upload)
    remove_staged(application)
    application.provider.become(ProcessState.EXPIRED, credits=CHARGE)
    assert application.operate.adopt("a.jpg", "process-1").process.staged is False
    assert (follow(application).error_code, application.job().credits) == ("ResultLost", CHARGE)
    application.assert_books_balance()


def test_without_a_staged_result_an_unknown_process_is_not_adopted(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = refused_in_doubt(application, upload)
    remove_staged(application)
    application.provider.faults["progress"] = [GONE]
    with pytest.raises(Inapplicable, match="knows no process process-1"):
        application.operate.adopt("a.jpg", "process-1")
    assert application.job() == job


def test_another_process_takes_over_neither_the_staged_result_nor_the_charge(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = refused_in_doubt(application, upload)
    assert job.process.credits_charged == CHARGE
    own = application.provider.processes["process-1"]
    application.provider.processes["process-2"] = replace(own, process_id="process-2")
    application.provider.become(ProcessState.FAILED, "process-2")
    adopted = application.operate.adopt("a.jpg", "process-2")
    assert (adopted.process.staged, adopted.process.credits_charged) == (False, None)
    assert (follow(application).error_code, application.job().credits) == ("ProviderFailed", 0)
    application.assert_books_balance()


def test_what_an_earlier_run_staged_is_not_taken_for_this_runs(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.submit(upload)
    application.operate.cancel("a.jpg")
    application.operate.rerun("a.jpg")
    application.provider.keeps, application.provider.lists, application.provider.losses = False, False, [LOST]
    application.deliver(upload)
    assert (application.job().status, application.job().run) == (JobStatus.IN_DOUBT, 2)
    assert application.operate.adopt("a.jpg", "process-1", force=True).process.staged is False


@pytest.mark.parametrize("in_doubt", [refused_in_doubt, unbound_in_doubt])
def test_a_job_whose_result_is_staged_is_not_paid_again(
    application: ApplicationUnderTest, upload: Upload, in_doubt: Any
) -> None:
    job = in_doubt(application, upload)
    application.provider.lists = False
    with pytest.raises(Inapplicable, match=r"process-1.*--adopt"):
        application.operate.resubmit("a.jpg", force=True)
    assert (application.job(), committed(application)) == (job, 2)


@pytest.mark.parametrize("verdict", ["adopt", "resubmit"])
def test_whoever_may_not_look_for_a_staged_result_decides_nothing(
    application: ApplicationUnderTest, upload: Upload, verdict: str
) -> None:
    job = unbound_in_doubt(application, upload)
    s3 = RefusingS3(application.cloud.s3, {output_keys.incoming_key(job.job_id): "denied by a policy"})
    staging = application.ports["staging"]
    application.ports["staging"] = S3StagedResults(s3, staging.bucket)  # type: ignore[arg-type]
    arguments = ["process-1"] if verdict == "adopt" else []
    with pytest.raises(ClientError, match="403"):
        getattr(application.operate, verdict)("a.jpg", *arguments)
    assert (application.job(), application.cloud.budget("topaz", MONTH)["reserved"]) == (job, 2)
