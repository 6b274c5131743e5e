"""Tests models whose result may have any format. Every possible output key is claimed, and the result gets the key of its
own format.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from PIL import Image
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, RETENTION, ApplicationUnderTest, picture
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
from darkroom.model import Job, JobStatus, Plan, ProcessState

FACTS = 'output_formats = ["jpeg", "png"]\nformat_is_open = true\ncredits = 1'
FORMS = pytest.mark.parametrize(
    ("form", "key"), [("png", "a.png"), ("jpeg", "a.jpg"), ("tiff", "a.tiff")], ids=["png", "jpeg", "tiff"]
)
TWO_FORMS = pytest.mark.parametrize(("form", "key"), [("png", "a.png"), ("jpeg", "a.jpg")], ids=["png", "jpeg"])
FINALIZE_STEPS = [
    ("ledger", "lock_output"), ("outputs", "find"), ("outputs", "write"), ("outputs", "remove_report"),
    ("ledger", "settle"), ("events", "publish"), ("ledger", "mark_published"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def every_planned_death_happens() -> Iterator[None]:
    yield
    assert deaths_happened()


@pytest.fixture(autouse=True)
def open_format(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(FACTS))


def gives(application: ApplicationUnderTest, form: str) -> bytes:
    body = picture(form=form)
    application.provider.draw = lambda plan: body
    return body


def sent(application: ApplicationUnderTest, key: str = "a.jpg", noise: int = 0) -> Job:
    """Upload a new version of `key` and return its job, which is running at the provider."""
    upload = application.cloud.put(key, picture(noise=noise))
    application.deliver(replace(upload, sequencer=f"{len(application.cloud.jobs()):02}"))
    return next(job for job in application.cloud.jobs() if job.source_version == upload.version_id)


def finished(application: ApplicationUnderTest, job: Job) -> Job:
    application.provider.become(ProcessState.COMPLETED, job.process.process_id)
    application.finalize(job)
    ended = application.ledger.get(job.job_id)
    assert ended is not None
    return ended


# --- output keys


@pytest.mark.parametrize("taken", ["a.jpg", "a.png", "a.tiff"])
def test_a_collision_with_any_possible_key_is_refused_before_anything_is_reserved(
    application: ApplicationUnderTest, taken: str
) -> None:
    other = claimed(application.ledger, source("other.jpg"))
    application.ledger.claim_output(other, OUTPUT, taken)
    application.submit(application.cloud.put("a.jpg", picture()))
    refused = next(job for job in application.cloud.jobs() if job.source_key == "a.jpg")
    assert (refused.status, refused.error_code) == (JobStatus.REJECTED, "OutputCollision")
    assert (application.provider.processes, application.cloud.budget("topaz", MONTH)) == ({}, {})


@FORMS
def test_a_key_without_a_suffix_stays_whatever_comes(application: ApplicationUnderTest, form: str, key: str) -> None:
    gives(application, form)
    assert finished(application, sent(application, "folder/a")).dispatch.output_key == "folder/a"


@pytest.mark.parametrize("form", ["png", "jpeg", "tiff"])
def test_a_key_too_long_for_another_formats_suffix_is_no_reason_to_refuse(
    application: ApplicationUnderTest, form: str
) -> None:
    gives(application, form)
    key = "k" * 1020 + ".jpg"
    job = finished(application, sent(application, key))
    named = {"png": "k" * 1020 + ".png"}.get(form, key)
    assert (job.status, job.dispatch.output_key, application.cloud.keys()) == (JobStatus.COMPLETED, named, {named})
    assert application.cloud.head(named)["ContentType"] == f"image/{form}"


def test_a_key_too_long_for_the_likeliest_format_is_refused_unpaid(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(FACTS.replace('"jpeg", "png"', '"tiff", "png"')))
    application.deliver(application.cloud.put("k" * 1020 + ".jpg", picture()))
    assert (application.job().status, application.job().error_code) == (JobStatus.REJECTED, "InvalidSetting")
    assert application.provider.processes == {}


# --- results


@FORMS
def test_a_result_goes_under_the_key_of_its_own_format(application: ApplicationUnderTest, form: str, key: str) -> None:
    body = gives(application, form)
    job = finished(application, sent(application))
    assert (application.cloud.keys(), application.cloud.body(key)) == ({key}, body)
    assert (job.status, job.dispatch.output_key, job.superseded) == (JobStatus.COMPLETED, key, False)


@FORMS
def test_the_content_type_is_that_of_the_real_format(application: ApplicationUnderTest, form: str, key: str) -> None:
    gives(application, form)
    finished(application, sent(application))
    assert application.cloud.head(key)["ContentType"] == f"image/{form}"


@FORMS
def test_the_receipt_names_job_and_process(application: ApplicationUnderTest, form: str, key: str) -> None:
    gives(application, form)
    job = finished(application, sent(application))
    receipt = application.cloud.head(key)["Metadata"]
    assert (receipt["darkroom-job"], receipt["darkroom-process-id"]) == (job.job_id, "process-1")


@FORMS
def test_the_event_names_the_key_where_it_stands(application: ApplicationUnderTest, form: str, key: str) -> None:
    gives(application, form)
    finished(application, sent(application))
    ((kind, detail),) = application.bus.sent
    assert (kind, detail["output_key"]) == ("Job Completed", key)


def still_gif(plan: Plan) -> bytes:
    out = io.BytesIO()
    Image.new("L", (plan.output_width, plan.output_height)).save(out, "GIF")
    return out.getvalue()


@pytest.mark.parametrize("draw", [lambda plan: b"GIF89a", still_gif], ids=["broken", "gif"])
def test_a_result_that_is_no_picture_of_a_result_s_format_is_never_published(
    application: ApplicationUnderTest, draw: Callable[[Plan], bytes]
) -> None:
    application.provider.draw = draw
    job = sent(application)
    application.provider.become(ProcessState.COMPLETED)
    application.clock.advance(3600 * (24 + 168))
    application.finalize(job)
    assert (application.job().status, application.job().error_code) == (JobStatus.FAILED, "ResultLost")


# --- several versions of one key


@FORMS
def test_the_newer_versions_result_takes_the_older_ones_place(
    application: ApplicationUnderTest, form: str, key: str
) -> None:
    gives(application, form)
    older, newer = sent(application), sent(application, noise=10)
    finished(application, older)
    finished(application, newer)
    assert application.cloud.keys() == {key}
    assert application.cloud.head(key)["Metadata"]["darkroom-job"] == newer.job_id


@FORMS
def test_an_older_versions_late_result_is_put_beside_it(application: ApplicationUnderTest, form: str, key: str) -> None:
    gives(application, form)
    older, newer = sent(application), sent(application, noise=10)
    finished(application, newer)
    late = finished(application, older)
    beside = f"a.superseded-{older.job_id[:12]}.{key.rpartition('.')[2]}"
    assert (late.dispatch.output_key, late.superseded) == (beside, True)
    assert application.cloud.keys() == {key, beside}
    assert application.cloud.head(key)["Metadata"]["darkroom-job"] == newer.job_id


def test_the_next_version_may_come_in_another_format(application: ApplicationUnderTest) -> None:
    gives(application, "png")
    finished(application, sent(application))
    gives(application, "jpeg")
    assert finished(application, sent(application, noise=10)).dispatch.output_key == "a.jpg"
    assert application.cloud.keys() == {"a.png", "a.jpg"}


def test_an_older_late_superseded_result_may_die_before_it_is_settled(application: ApplicationUnderTest) -> None:
    gives(application, "png")
    older, newer = sent(application), sent(application, noise=10)
    finished(application, newer)
    application.provider.become(ProcessState.COMPLETED, older.process.process_id)
    kill(application, "ledger", "settle", after=False)
    with pytest.raises(WorkerDied):
        application.finalize(older)
    application.clock.advance(RETENTION)
    application.provider.processes["process-1"].result = b""
    late = finished(application, older)
    assert (late.status, late.superseded) == (JobStatus.COMPLETED, True)
    assert application.cloud.keys() == {"a.png", f"a.superseded-{older.job_id[:12]}.png"}


# --- workers that die


@TWO_FORMS
@pytest.mark.parametrize("step", FINALIZE_STEPS, ids=ids)
@WHEN
def test_finalize_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool, form: str, key: str
) -> None:
    gives(application, form)
    sent(application)
    application.provider.become(ProcessState.COMPLETED)
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert (application.job().status, application.job().dispatch.output_key) == (JobStatus.COMPLETED, key)
    assert (application.cloud.keys(), application.cloud.versions(key)) == ({key}, 1)
    assert application.cloud.budget("topaz", MONTH)["spent"] == 1
    application.assert_books_balance()


@TWO_FORMS
@pytest.mark.parametrize("step", [*FINALIZE_STEPS, ("staging", "drop")], ids=ids)
@WHEN
def test_a_staged_results_finalize_may_die_at_any_step(
    application: ApplicationUnderTest,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[str, str],
    after: bool,
    form: str,
    key: str,
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("format_is_open = true\nis_synchronous = true\ncredits = 1"))
    gives(application, form)
    deliver_until_done(application, application.cloud.put("a.jpg", picture()))
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert (application.job().status, application.job().dispatch.output_key) == (JobStatus.COMPLETED, key)
    left = {output_keys.incoming_key(application.job().job_id)} if (*step, after) in LEAVES else set()
    assert (application.cloud.keys(), application.cloud.versions(key)) == ({key, *left}, 1)


@FORMS
def test_a_published_result_that_cannot_be_fetched_again_is_no_loss(
    application: ApplicationUnderTest, form: str, key: str
) -> None:
    gives(application, form)
    sent(application)
    application.provider.become(ProcessState.COMPLETED)
    kill(application, "ledger", "settle", after=False)
    with pytest.raises(WorkerDied):
        application.finalize(application.job())
    application.clock.advance(RETENTION)
    application.provider.processes["process-1"].result = b""
    application.finalize(application.job())
    assert (application.job().status, application.job().dispatch.output_key) == (JobStatus.COMPLETED, key)
