"""Tests which key a job is sent for if its result may have several formats."""

from __future__ import annotations

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT

from darkroom.model import JobStatus

OPEN = 'output_formats = ["jpeg", "png"]\nformat_is_open = true\ncredits = 1'


@pytest.fixture
def open_format(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(OPEN))


@pytest.mark.usefixtures("open_format")
def test_a_job_is_sent_for_the_key_of_the_likeliest_format(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.jpg", picture()))
    assert application.job().require_dispatch().output_key == "a.jpg"


@pytest.mark.usefixtures("open_format")
@pytest.mark.parametrize(("key", "status"), [("a.jpg", JobStatus.REJECTED), ("a.tiff", JobStatus.PROCESSING)])
def test_a_foreign_object_keeps_a_job_from_being_sent_only_at_the_key_of_the_likeliest_format(
    application: ApplicationUnderTest, key: str, status: JobStatus
) -> None:
    application.cloud.put(key, b"somebody else's picture", bucket=OUTPUT)
    application.submit(application.cloud.put("a.jpg", picture()))
    assert application.job().status is status
