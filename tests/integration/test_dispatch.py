"""Tests what a job claims before it is sent, if its result may have several formats, and under which name it is sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import Replaced

from darkroom.model import ANY_FORMAT, JobStatus, Plan, Submission
from darkroom.ports import ImageStream

OPEN = 'output_formats = ["jpeg", "png"]\nformat_is_open = true\ncredits = 1'


@pytest.fixture
def open_format(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(OPEN))


@pytest.mark.usefixtures("open_format")
def test_a_job_is_sent_for_the_key_of_the_likeliest_format(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.jpg", picture()))
    dispatch = application.job().require_dispatch()
    assert (dispatch.output_format, dispatch.output_key) == (ANY_FORMAT, "a.jpg")


@pytest.mark.usefixtures("open_format")
def test_two_uploads_that_may_meet_under_one_key_are_not_both_sent(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.png", picture(form="png")))
    application.submit(application.cloud.put("a.jpg", picture()))
    assert sorted(job.status for job in application.cloud.jobs()) == [JobStatus.PROCESSING, JobStatus.REJECTED]


@pytest.mark.usefixtures("open_format")
@pytest.mark.parametrize(("key", "status"), [("a.jpg", JobStatus.REJECTED), ("a.tiff", JobStatus.PROCESSING)])
def test_a_foreign_object_keeps_a_job_from_being_sent_only_at_the_key_of_the_likeliest_format(
    application: ApplicationUnderTest, key: str, status: JobStatus
) -> None:
    application.cloud.put(key, b"somebody else's picture", bucket=OUTPUT)
    application.submit(application.cloud.put("a.jpg", picture()))
    assert application.job().status is status


def test_a_vendor_gets_the_usual_suffix_of_the_pictures_format(application: ApplicationUnderTest) -> None:
    sent: list[str] = []
    submit = application.provider.submit

    def named(plan: Plan, image: ImageStream, *more: Any) -> Submission:
        sent.append(image.filename_suffix)
        return submit(plan, image, *more)

    application.ports["provider"] = Replaced(application.provider, submit=named)
    application.submit(application.cloud.put("a.jfif", picture()))
    assert sent == [".jpeg"]
