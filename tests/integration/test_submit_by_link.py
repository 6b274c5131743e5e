"""Tests providers that fetch the image by a link. Each submit has a new link. The file name in it is the submit's handle, and
the link is stored nowhere.
"""

from __future__ import annotations

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, ApplicationUnderTest, picture

from darkroom.errors import SubmitInDoubt
from darkroom.model import JobStatus, ProcessState, SendMode

LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")


@pytest.fixture(autouse=True)
def only_by_link(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\ncredits = 1'))


def test_the_link_names_the_file_by_the_handle_and_lives_as_long_as_the_vendor_needs(
    application: ApplicationUnderTest,
) -> None:
    application.submit(application.cloud.put("folder/a.jpg", picture()))
    job = application.job()
    assert application.links.minted == [("folder/a.jpg", f"{job.job_id}-1-1.jpeg", 900)]
    assert (job.status, job.dispatch.send_mode) == (JobStatus.PROCESSING, SendMode.LINK)


def test_the_suffix_is_the_images_own_whatever_its_key_says(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.jpg", picture(form="png")))
    assert application.links.minted[0][1].endswith("-1-1.png")


def test_the_link_is_written_down_nowhere(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.jpg", picture()))
    sent = application.provider.processes["process-1"].sent.decode()
    assert sent.startswith("https://links.example.test/")
    assert "links.example.test" not in str(application.cloud.rows())


def test_a_job_sent_by_link_is_processed_like_any_other(application: ApplicationUnderTest) -> None:
    job = application.complete(application.cloud.put("a.jpg", picture()))
    assert (job.status, job.credits) == (JobStatus.COMPLETED, 1)
    assert application.cloud.keys() == {"a.jpg"}


def test_a_lost_submit_is_adopted_from_the_list(application: ApplicationUnderTest) -> None:
    application.provider.losses = [LOST]
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.provider.become(ProcessState.COMPLETED)
    application.finalize(application.job())
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.COMPLETED, 1)


@pytest.mark.parametrize("key", ["../a.jpg", "folder/./a.jpg", "folder/../a.jpg", "folder/.."])
def test_a_key_that_a_fetcher_would_shorten_is_refused_unpaid(application: ApplicationUnderTest, key: str) -> None:
    application.submit(application.cloud.put(key, picture()))
    assert (application.job().status, application.job().error_code) == (JobStatus.REJECTED, "InvalidSetting")
    assert (application.provider.processes, application.links.minted, application.cloud.budget("topaz", MONTH)) == (
        {},
        [],
        {},
    )


def test_a_vendor_that_is_sent_the_bytes_takes_any_key(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1"))
    application.submit(application.cloud.put("folder/../a.jpg", picture()))
    assert (application.job().status, application.links.minted) == (JobStatus.PROCESSING, [])


def test_a_synchronous_call_may_be_given_a_link_too(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\nis_synchronous = true\ncredits = 1'))
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.finalize(application.job())
    assert (application.job().status, application.job().dispatch.send_mode) == (
        JobStatus.COMPLETED,
        SendMode.SYNCHRONOUS_LINK,
    )
    assert len(application.links.minted) == 1
