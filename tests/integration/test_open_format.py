"""A provider that does not say its result's format: every possible output key is claimed, and the result gets the
right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, RETENTION, World, picture
from tests.fakes.aws_account import OUTPUT
from tests.integration.ledger_support import claimed, source
from tests.integration.worker_death_support import (
    LEAVES,
    WHEN,
    WorkerDied,
    deaths_happened,
    deliver_until_done,
    finalize_until_done,
    ids,
    kill,
)

from darkroom import output_keys
from darkroom.model import ANY_FORMAT, Job, JobStatus, ProcessState

FACTS = 'output_formats = ["jpeg", "png"]\nformat_is_open = true\ncredits = 1'
FORMS = pytest.mark.parametrize(
    ("form", "key"), [("png", "a.png"), ("jpeg", "a.jpg"), ("tiff", "a.tiff")], ids=["png", "jpeg", "tiff"]
)
TWO_FORMS = pytest.mark.parametrize(("form", "key"), [("png", "a.png"), ("jpeg", "a.jpg")], ids=["png", "jpeg"])
FINALIZE_STEPS = [
    ("ledger", "lock_output"), ("outputs", "receipt"), ("outputs", "write"), ("outputs", "remove_report"),
    ("ledger", "settle"), ("events", "publish"), ("ledger", "mark_published"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def every_planned_death_happens() -> Iterator[None]:
    yield
    assert deaths_happened()


@pytest.fixture(autouse=True)
def open_format(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(FACTS))


def gives(world: World, form: str) -> bytes:
    body = picture(form=form)
    world.provider.draw = lambda plan: body
    return body


def sent(world: World, key: str = "a.jpg", noise: int = 0) -> Job:
    """Return the newest version's job, at the provider."""
    upload = world.cloud.put(key, picture(noise=noise))
    world.deliver(replace(upload, sequencer=f"{len(world.cloud.jobs()):02}"))
    return next(job for job in world.cloud.jobs() if job.source_version == upload.version_id)


def finished(world: World, job: Job) -> Job:
    world.provider.become(ProcessState.COMPLETED, job.process.process_id)
    world.finalize(job)
    ended = world.ledger.get(job.job_id)
    assert ended is not None
    return ended


# --- keys


def test_the_ledger_says_that_any_format_may_come(world: World) -> None:
    job = sent(world)
    assert (job.dispatch.output_format, job.dispatch.output_key) == (ANY_FORMAT, "a.jpg")


@pytest.mark.parametrize("taken", ["a.jpg", "a.png", "a.tiff"])
def test_a_collision_with_any_possible_key_is_refused_before_anything_is_reserved(world: World, taken: str) -> None:
    other = claimed(world.ledger, source("other.jpg"))
    world.ledger.claim_output(other, OUTPUT, taken)
    world.submit(world.cloud.put("a.jpg", picture()))
    refused = next(job for job in world.cloud.jobs() if job.source_key == "a.jpg")
    assert (refused.status, refused.error_code) == (JobStatus.REJECTED, "OutputCollision")
    assert (world.provider.processes, world.cloud.budget("topaz", MONTH)) == ({}, {})


def test_two_uploads_that_may_meet_under_one_key_are_not_both_sent(world: World) -> None:
    world.submit(world.cloud.put("a.png", picture(form="png")))
    world.submit(world.cloud.put("a.jpg", picture()))
    assert sorted(job.status for job in world.cloud.jobs()) == [JobStatus.PROCESSING, JobStatus.REJECTED]


@FORMS
def test_a_key_without_a_suffix_stays_whatever_comes(world: World, form: str, key: str) -> None:
    gives(world, form)
    assert finished(world, sent(world, "folder/a")).dispatch.output_key == "folder/a"


@pytest.mark.parametrize("form", ["png", "jpeg", "tiff"])
def test_a_key_too_long_for_another_formats_suffix_is_no_reason_to_refuse(world: World, form: str) -> None:
    gives(world, form)
    key = "k" * 1020 + ".jpg"
    job = finished(world, sent(world, key))
    named = {"png": "k" * 1020 + ".png"}.get(form, key)
    assert (job.status, job.dispatch.output_key, world.cloud.keys()) == (JobStatus.COMPLETED, named, {named})
    assert world.cloud.head(named)["ContentType"] == f"image/{form}"


def test_a_key_too_long_for_the_likeliest_format_is_refused_unpaid(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(FACTS.replace('"jpeg", "png"', '"tiff", "png"')))
    world.deliver(world.cloud.put("k" * 1020 + ".jpg", picture()))
    assert (world.job().status, world.job().error_code) == (JobStatus.REJECTED, "InvalidSetting")
    assert world.provider.processes == {}


# --- results


@FORMS
def test_a_result_goes_under_the_key_of_its_own_format(world: World, form: str, key: str) -> None:
    body = gives(world, form)
    job = finished(world, sent(world))
    assert (world.cloud.keys(), world.cloud.body(key)) == ({key}, body)
    assert (job.status, job.dispatch.output_key, job.superseded) == (JobStatus.COMPLETED, key, False)


@FORMS
def test_the_content_type_is_that_of_the_real_format(world: World, form: str, key: str) -> None:
    gives(world, form)
    finished(world, sent(world))
    assert world.cloud.head(key)["ContentType"] == f"image/{form}"


@FORMS
def test_the_receipt_names_job_and_process(world: World, form: str, key: str) -> None:
    gives(world, form)
    job = finished(world, sent(world))
    receipt = world.cloud.head(key)["Metadata"]
    assert (receipt["darkroom-job"], receipt["darkroom-process-id"]) == (job.job_id, "process-1")


@FORMS
def test_the_event_names_the_key_where_it_stands(world: World, form: str, key: str) -> None:
    gives(world, form)
    finished(world, sent(world))
    ((kind, detail),) = world.bus.sent
    assert (kind, detail["output_key"]) == ("Job Completed", key)


def test_a_result_that_is_no_picture_is_never_published(world: World) -> None:
    world.provider.draw = lambda plan: b"GIF89a"
    job = sent(world)
    world.provider.become(ProcessState.COMPLETED)
    world.clock.advance(3600 * (24 + 168))
    world.finalize(job)
    assert (world.job().status, world.job().error_code) == (JobStatus.FAILED, "ResultLost")


# --- versions


@FORMS
def test_the_newer_versions_result_takes_the_older_ones_place(world: World, form: str, key: str) -> None:
    gives(world, form)
    older, newer = sent(world), sent(world, noise=10)
    finished(world, older)
    finished(world, newer)
    assert world.cloud.keys() == {key}
    assert world.cloud.head(key)["Metadata"]["darkroom-job"] == newer.job_id


@FORMS
def test_an_older_versions_late_result_is_put_beside_it(world: World, form: str, key: str) -> None:
    gives(world, form)
    older, newer = sent(world), sent(world, noise=10)
    finished(world, newer)
    late = finished(world, older)
    beside = f"a.superseded-{older.job_id[:12]}.{key.rpartition('.')[2]}"
    assert (late.dispatch.output_key, late.superseded) == (beside, True)
    assert world.cloud.keys() == {key, beside}
    assert world.cloud.head(key)["Metadata"]["darkroom-job"] == newer.job_id


def test_the_next_version_may_come_in_another_format(world: World) -> None:
    gives(world, "png")
    finished(world, sent(world))
    gives(world, "jpeg")
    assert finished(world, sent(world, noise=10)).dispatch.output_key == "a.jpg"
    assert world.cloud.keys() == {"a.png", "a.jpg"}


def test_an_older_late_superseded_result_may_die_before_it_is_settled(world: World) -> None:
    gives(world, "png")
    older, newer = sent(world), sent(world, noise=10)
    finished(world, newer)
    world.provider.become(ProcessState.COMPLETED, older.process.process_id)
    kill(world, "ledger", "settle", after=False)
    with pytest.raises(WorkerDied):
        world.finalize(older)
    world.clock.advance(RETENTION)
    world.provider.processes["process-1"].result = b""
    late = finished(world, older)
    assert (late.status, late.superseded) == (JobStatus.COMPLETED, True)
    assert world.cloud.keys() == {"a.png", f"a.superseded-{older.job_id[:12]}.png"}


# --- deaths


@TWO_FORMS
@pytest.mark.parametrize("step", FINALIZE_STEPS, ids=ids)
@WHEN
def test_finalize_may_die_at_any_step(world: World, step: tuple[str, str], after: bool, form: str, key: str) -> None:
    gives(world, form)
    sent(world)
    world.provider.become(ProcessState.COMPLETED)
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert (world.job().status, world.job().dispatch.output_key) == (JobStatus.COMPLETED, key)
    assert (world.cloud.keys(), world.cloud.versions(key)) == ({key}, 1)
    assert world.cloud.budget("topaz", MONTH)["spent"] == 1
    world.assert_books_balance()


@TWO_FORMS
@pytest.mark.parametrize("step", [*FINALIZE_STEPS, ("staging", "drop")], ids=ids)
@WHEN
def test_a_staged_results_finalize_may_die_at_any_step(
    world: World, monkeypatch: pytest.MonkeyPatch, step: tuple[str, str], after: bool, form: str, key: str
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("format_is_open = true\nis_synchronous = true\ncredits = 1"))
    gives(world, form)
    deliver_until_done(world, world.cloud.put("a.jpg", picture()))
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert (world.job().status, world.job().dispatch.output_key) == (JobStatus.COMPLETED, key)
    left = {output_keys.incoming_key(world.job().job_id)} if (*step, after) in LEAVES else set()
    assert (world.cloud.keys(), world.cloud.versions(key)) == ({key, *left}, 1)


@FORMS
def test_a_published_result_that_cannot_be_fetched_again_is_no_loss(world: World, form: str, key: str) -> None:
    gives(world, form)
    sent(world)
    world.provider.become(ProcessState.COMPLETED)
    kill(world, "ledger", "settle", after=False)
    with pytest.raises(WorkerDied):
        world.finalize(world.job())
    world.clock.advance(RETENTION)
    world.provider.processes["process-1"].result = b""
    world.finalize(world.job())
    assert (world.job().status, world.job().dispatch.output_key) == (JobStatus.COMPLETED, key)
