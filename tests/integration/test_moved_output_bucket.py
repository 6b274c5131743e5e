"""Tests that a job whose stack got another output bucket while it was at the provider says where its result is."""

from __future__ import annotations

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import REGION

from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.model import Job, JobStatus, ProcessState

ELSEWHERE = "darkroom-elsewhere"


@pytest.fixture
def under_way(application: ApplicationUnderTest) -> Job:
    """Return a job at the provider whose stack has the bucket ELSEWHERE for results since it was sent."""
    application.deliver(application.cloud.put("a.jpeg", picture()))
    application.cloud.s3.create_bucket(Bucket=ELSEWHERE, CreateBucketConfiguration={"LocationConstraint": REGION})
    application.ports["outputs"] = S3OutputBucket(application.cloud.s3, ELSEWHERE)
    return application.job()


def finish(application: ApplicationUnderTest, job: Job) -> Job:
    application.provider.become(ProcessState.COMPLETED, job.process.process_id)
    application.finalize(job)
    ended = application.ledger.get(job.job_id)
    assert ended is not None
    return ended


def test_the_row_and_the_event_name_the_bucket_that_has_the_result(
    application: ApplicationUnderTest, under_way: Job
) -> None:
    ended = finish(application, under_way)
    assert (ended.status, ended.dispatch.output_bucket) == (JobStatus.COMPLETED, ELSEWHERE)
    assert application.bus.sent[-1][1]["output_bucket"] == ELSEWHERE
    assert application.cloud.keys(ELSEWHERE) == {ended.dispatch.output_key} == {"a.jpeg"}
    assert application.ledger.has_result(ELSEWHERE, "a.jpeg")


def test_a_key_that_another_source_has_there_is_left_alone(application: ApplicationUnderTest, under_way: Job) -> None:
    other = application.complete(application.cloud.put("a.png", picture(form="png"), tags="output_format=jpeg"))
    assert (other.status, other.dispatch.output_key) == (JobStatus.COMPLETED, "a.jpeg")
    ended = finish(application, under_way)
    head = application.cloud.s3.head_object(Bucket=ELSEWHERE, Key="a.jpeg")
    assert head["Metadata"]["darkroom-job"] == other.job_id
    assert (ended.status, ended.superseded) == (JobStatus.COMPLETED, True)
    assert application.cloud.keys(ELSEWHERE) == {"a.jpeg", ended.dispatch.output_key}
