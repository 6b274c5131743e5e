"""The one job that a person means by the beginning of an id, or by the address of a result."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT

from darkroom.errors import NoSuchJob
from darkroom.model import Job, SourceObject
from darkroom.pipeline.job_lookup import JOB_ID_DIGITS, LOOK_BACK, SHORT_ID_DIGITS


def ended(application: ApplicationUnderTest, key: str) -> Job:
    return application.complete(application.cloud.put(key, picture()))


@pytest.mark.parametrize("digits", [SHORT_ID_DIGITS, 20, JOB_ID_DIGITS - 1])
def test_the_beginning_of_an_id_names_its_job(application: ApplicationUnderTest, digits: int) -> None:
    job = ended(application, "a.jpg")
    ended(application, "b.jpg")
    assert application.operate.find(job.job_id[:digits]) == job


def test_too_few_digits_are_taken_for_a_key(application: ApplicationUnderTest) -> None:
    job = ended(application, "a.jpg")
    with pytest.raises(NoSuchJob, match="there is no job"):
        application.operate.find(job.job_id[: SHORT_ID_DIGITS - 1])


def test_a_beginning_that_two_ids_share_names_no_job(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command must not cancel another job than the one that its user means."""
    monkeypatch.setattr(SourceObject, "job_id", property(lambda it: "ab" * 12 + it.key[0] * 8))
    first, second = ended(application, "a.jpg"), ended(application, "b.jpg")
    with pytest.raises(NoSuchJob) as told:
        application.operate.find("abababab")
    assert all(f"{job.job_id} ({job.source_key})" in str(told.value) for job in (first, second))
    assert told.value.advice == "give more digits"


def test_a_job_that_ended_long_ago_is_found_by_its_whole_id_only(application: ApplicationUnderTest) -> None:
    job = ended(application, "a.jpg")
    application.clock.advance(LOOK_BACK - timedelta(days=1))
    assert application.operate.find(job.job_id[:SHORT_ID_DIGITS]) == job
    application.clock.advance(timedelta(days=2))
    with pytest.raises(NoSuchJob, match="none of the last 31 days, whose id begins with"):
        application.operate.find(job.job_id[:SHORT_ID_DIGITS])
    assert application.operate.find(job.job_id) == job


def test_the_address_of_a_result_names_the_job_that_made_it(application: ApplicationUnderTest) -> None:
    """A newer version of the upload is sent already, but its result is not there yet."""
    job = ended(application, "a.jpg")
    newer = application.cloud.put("a.jpg", picture(noise=3))
    application.deliver(newer)
    assert application.operate.find(f"s3://{OUTPUT}/a.jpg") == job
    assert application.operate.find(f"s3://{INPUT}/a.jpg").source_version == newer.version_id


def test_the_address_of_a_coming_result_names_the_newest_job_of_its_upload(application: ApplicationUnderTest) -> None:
    for noise in (3, 4):
        newest = application.cloud.put("a.jpg", picture(noise=noise))
        application.deliver(newest)
        application.clock.advance(1)
    assert application.operate.find(f"s3://{OUTPUT}/a.jpg").source_version == newest.version_id


def test_an_address_where_no_result_comes_names_no_job(application: ApplicationUnderTest) -> None:
    ended(application, "a.jpg")
    with pytest.raises(NoSuchJob, match="there is no job"):
        application.operate.find(f"s3://{OUTPUT}/b.jpg")
