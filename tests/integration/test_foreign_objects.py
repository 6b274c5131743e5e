"""Objects in the output bucket that Darkroom did not write: they stay whole, and no paid result is lost to them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT, TABLE, Cloud
from tests.integration.time_support import Replaced

from darkroom import output_keys
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.errors import ErrorCode, ResultNotReady
from darkroom.model import Job, JobStatus, ProcessState

FOREIGN = b"somebody else's picture"


def put_foreign(account: Cloud, key: str = "a.jpg") -> None:
    account.put(key, FOREIGN, bucket=OUTPUT)


def completed(application: ApplicationUnderTest) -> Job:
    """Return a job whose result is ready at the provider."""
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.provider.become(ProcessState.COMPLETED)
    return application.job()


def test_an_upload_whose_result_would_overwrite_a_foreign_object_costs_nothing(
    application: ApplicationUnderTest,
) -> None:
    put_foreign(application.cloud)
    application.deliver(application.cloud.put("a.jpg", picture()))
    job, report = application.job(), application.cloud.report("a.jpg")
    assert (job.status, job.error_code) == (JobStatus.REJECTED, ErrorCode.OUTPUT_COLLISION)
    assert report is not None
    assert "holds an object at 'a.jpg' that Darkroom did not write" in report["message"]
    assert "move that object away" in report["cure"]
    assert (application.provider.processes, application.cloud.body("a.jpg")) == ({}, FOREIGN)


def test_after_the_foreign_object_is_gone_a_rerun_is_sent(application: ApplicationUnderTest) -> None:
    put_foreign(application.cloud)
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.cloud.s3.delete_object(Bucket=OUTPUT, Key="a.jpg")
    application.operate.rerun(application.job().job_id)
    application.sweep_and_deliver()
    assert application.job().status is JobStatus.PROCESSING


def test_an_earlier_result_is_replaced(application: ApplicationUnderTest) -> None:
    first = application.complete(application.cloud.put("a.jpg", picture()))
    second = application.complete(application.cloud.put("a.jpg", picture(noise=9)))
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-job"] == second.job_id != first.job_id
    assert not second.superseded


def test_a_result_of_another_stack_is_known_by_its_receipt(application: ApplicationUnderTest) -> None:
    application.cloud.put("a.jpg", b"older", bucket=OUTPUT, Metadata={"darkroom-job": "f" * 32})
    assert application.complete(application.cloud.put("a.jpg", picture())).status is JobStatus.COMPLETED


def test_a_result_whose_receipt_was_removed_is_known_by_the_ledger(application: ApplicationUnderTest) -> None:
    application.complete(application.cloud.put("a.jpg", picture()))
    put_foreign(application.cloud)  # its owner retouched it
    second = application.complete(application.cloud.put("a.jpg", picture(noise=9)))
    assert (second.status, second.superseded) == (JobStatus.COMPLETED, False)
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-job"] == second.job_id


def test_a_foreign_object_that_came_after_the_submit_sends_the_result_to_the_versioned_key(
    application: ApplicationUnderTest,
) -> None:
    job = completed(application)
    put_foreign(application.cloud)
    assert [application.finalize(job).status for _ in range(2)] == ["COMPLETED"] * 2
    versioned = output_keys.superseded_key("a.jpg", job.job_id)
    ended = application.job()
    assert (ended.require_dispatch().output_key, ended.superseded) == (versioned, True)
    assert application.cloud.head(versioned)["Metadata"]["darkroom-job"] == job.job_id
    assert (application.cloud.body("a.jpg"), application.cloud.budget("topaz", MONTH)["spent"]) == (FOREIGN, 1)


def test_a_foreign_object_that_comes_during_the_copy_stays_whole(application: ApplicationUnderTest) -> None:
    """It comes after finalize looked and before it writes: S3's condition refuses the write."""
    job, outputs = completed(application), application.ports["outputs"]

    def write_late(*args: Any) -> None:
        put_foreign(application.cloud)
        outputs.write(*args)

    application.ports["outputs"] = Replaced(outputs, write=write_late)
    with pytest.raises(ResultNotReady, match="another object came"):
        application.finalize(job)
    application.ports["outputs"] = outputs
    assert application.finalize(job).status == "COMPLETED"
    assert application.cloud.body("a.jpg") == FOREIGN
    assert application.cloud.body(output_keys.superseded_key("a.jpg", job.job_id)) is not None


def test_an_object_that_may_not_be_read_is_told_by_finalize_and_taken_for_foreign(
    application: ApplicationUnderTest,
) -> None:
    """A policy or a key denies the read: HeadObject answers 403, so that submit cannot tell whether there is an object."""
    denied = Replaced(application.cloud.s3, head_object=_forbidden)
    outputs = application.ports["outputs"]
    application.ports["outputs"] = Replaced(outputs, find=lambda key: S3OutputBucket(denied, OUTPUT).find(key))
    job = completed(application)
    assert (job.status, application.finalize(job).status) == (JobStatus.PROCESSING, "COMPLETED")
    assert application.cloud.keys() == {output_keys.superseded_key("a.jpg", job.job_id)}


def _forbidden(**parameters: Any) -> None:
    raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")


def set_back(application: ApplicationUnderTest) -> None:
    """Set the ledger back to a time before the upload, as point-in-time recovery does."""
    for row in application.cloud.rows():
        application.cloud.dynamodb.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})


def test_an_upload_whose_own_result_is_there_is_not_paid_again_after_the_ledger_was_set_back(
    application: ApplicationUnderTest,
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    job = application.complete(upload)
    set_back(application)
    application.deliver(upload)
    again, report = application.job(), application.cloud.report("a.jpg")
    assert (again.job_id, again.status, again.error_code) == (
        job.job_id,
        JobStatus.REJECTED,
        ErrorCode.OUTPUT_COLLISION,
    )
    assert (application.provider.charged, application.cloud.budget("topaz", MONTH)) == (1, {})
    assert report is not None
    assert "the result of this very upload is in the output bucket" in report["message"]
    assert "you have it" in report["cure"]


def test_a_run_that_a_person_asks_for_replaces_the_upload_s_own_result(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.complete(upload)
    set_back(application)
    application.deliver(upload)
    application.operate.rerun("a.jpg")
    application.sweep_and_deliver()
    assert (application.job().status, application.job().run) == (JobStatus.PROCESSING, 2)
