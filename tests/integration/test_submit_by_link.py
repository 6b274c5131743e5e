"""Providers that fetch the image: each call gets a new link, which carries the job's handle and is stored nowhere."""

from __future__ import annotations

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, World, picture

from darkroom.errors import SubmitInDoubt
from darkroom.model import JobStatus, ProcessState, SendMode

LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")


@pytest.fixture(autouse=True)
def only_by_link(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\ncredits = 1'))


def test_the_link_names_the_file_by_the_handle_and_lives_as_long_as_the_vendor_needs(world: World) -> None:
    world.submit(world.cloud.put("folder/a.jpg", picture()))
    job = world.job()
    assert world.links.minted == [("folder/a.jpg", f"{job.job_id}-1-1.jpeg", 900)]
    assert (job.status, job.dispatch.send_mode) == (JobStatus.PROCESSING, SendMode.LINK)


def test_the_suffix_is_the_images_own_whatever_its_key_says(world: World) -> None:
    world.submit(world.cloud.put("a.jpg", picture(form="png")))
    assert world.links.minted[0][1].endswith("-1-1.png")


def test_the_link_is_written_down_nowhere(world: World) -> None:
    world.submit(world.cloud.put("a.jpg", picture()))
    sent = world.provider.processes["process-1"].sent.decode()
    assert sent.startswith("https://links.example.test/")
    assert "links.example.test" not in str(world.cloud.rows())


def test_a_job_sent_by_link_is_processed_like_any_other(world: World) -> None:
    job = world.complete(world.cloud.put("a.jpg", picture()))
    assert (job.status, job.credits) == (JobStatus.COMPLETED, 1)
    assert world.cloud.keys() == {"a.jpg"}


def test_a_lost_submit_is_adopted_from_the_list(world: World) -> None:
    world.provider.losses = [LOST]
    world.deliver(world.cloud.put("a.jpg", picture()))
    world.provider.become(ProcessState.COMPLETED)
    world.finalize(world.job())
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.COMPLETED, 1)


@pytest.mark.parametrize("key", ["../a.jpg", "folder/./a.jpg", "folder/../a.jpg", "folder/.."])
def test_a_key_that_a_fetcher_would_shorten_is_refused_unpaid(world: World, key: str) -> None:
    world.submit(world.cloud.put(key, picture()))
    assert (world.job().status, world.job().error_code) == (JobStatus.REJECTED, "InvalidSetting")
    assert (world.provider.processes, world.links.minted, world.cloud.budget("topaz", MONTH)) == ({}, [], {})


def test_a_vendor_that_is_sent_the_bytes_takes_any_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("credits = 1"))
    world.submit(world.cloud.put("folder/../a.jpg", picture()))
    assert (world.job().status, world.links.minted) == (JobStatus.PROCESSING, [])


def test_a_synchronous_call_may_be_given_a_link_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\nis_synchronous = true\ncredits = 1'))
    world.deliver(world.cloud.put("a.jpg", picture()))
    world.finalize(world.job())
    assert (world.job().status, world.job().dispatch.send_mode) == (JobStatus.COMPLETED, SendMode.SYNCHRONOUS_LINK)
    assert len(world.links.minted) == 1
