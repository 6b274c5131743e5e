"""Tests that finalize publishes a result with its source's metadata, upright, and that nothing about them costs a picture."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageOps
from tests.fakes import tagged_pictures as pictures
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT
from tests.fakes.tagged_pictures import AUTHOR, ORIENTATION

from darkroom import images
from darkroom.errors import ResultNotReady, SourceDenied, SourceGone
from darkroom.model import Job, JobStatus, ProcessState

SOURCE = pictures.tagged_jpeg(6, profile=pictures.wide_gamut())  # stored 60×40, displayed 40×60


def completed(application: ApplicationUnderTest, source: bytes = SOURCE, **put: object) -> Job:
    """Return a job whose result is ready at the provider: a picture without metadata, whose pixels are turned."""
    application.deliver(application.cloud.put("a.jpg", source, **put))  # type: ignore[arg-type]
    application.provider.become(ProcessState.COMPLETED)
    return application.job()


def published(application: ApplicationUnderTest, key: str = "a.jpg") -> Image.Image:
    body = application.cloud.body(key)
    assert body is not None
    return Image.open(io.BytesIO(body))


def test_a_result_has_the_metadata_of_its_source(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application))
    result = published(application)
    assert (result.size, result.getexif()[ORIENTATION], result.getexif()[0x013B]) == ((40, 60), 1, AUTHOR)
    assert result.tobytes() == Image.open(io.BytesIO(vendor_file(application))).tobytes()


def vendor_file(application: ApplicationUnderTest) -> bytes:
    return application.provider.processes["process-1"].result


def test_what_was_lost_is_said_in_receipt_row_and_event(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application))
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-notes"] == "icc=lost"
    assert application.job().result_notes == "icc=lost"
    assert application.bus.sent[0][1]["result_notes"] == "icc=lost"


@pytest.mark.parametrize(
    ("tags", "author", "profile", "place"),
    [
        ("keep_metadata=copyright", True, False, False),
        ("keep_metadata=None&icc=keep", False, True, False),
        ("Keep-Metadata=all&icc=KEEP", True, True, True),
    ],
)
def test_the_settings_say_what_is_kept(
    application: ApplicationUnderTest, tags: str, author: bool, profile: bool, place: bool
) -> None:
    application.finalize(completed(application, tags=tags))
    result = published(application)
    assert (0x013B in result.getexif(), "icc_profile" in result.info) == (author, profile)
    assert (pictures.PLACE.encode() in (application.cloud.body("a.jpg") or b"")) == place


def test_a_wrong_value_costs_nothing_and_names_the_right_ones(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", SOURCE, tags="keep_metadata=rights"))
    job = application.job()
    assert (job.status, job.credits) == (JobStatus.REJECTED, None)
    assert job.error == "keep_metadata='rights' from tags is not valid; allowed: all, copyright, none"


@pytest.mark.parametrize("keep", ["all", "none"])
def test_a_vendor_that_ignores_the_orientation_is_corrected(application: ApplicationUnderTest, keep: str) -> None:
    job = completed(application, tags=f"keep_metadata={keep}&icc=keep")
    process = application.provider.processes["process-1"]
    process.result = picture(60, 40)
    application.finalize(job)
    assert ImageOps.exif_transpose(published(application)).size == (40, 60)
    assert application.job().result_notes == "icc=source"


def test_metadata_go_into_a_png(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application, tags="output_format=png"))
    result = published(application, "a.png")
    assert (result.getexif()[0x013B], AUTHOR in result.info["xmp"].decode()) == (AUTHOR, True)


def test_a_tiff_gets_none_and_says_so(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application, tags="output_format=tiff"))
    assert application.cloud.body("a.tiff") == vendor_file(application)
    assert application.job().result_notes == "orientation=assumed, metadata=not-for-tiff"


@pytest.mark.parametrize("fault", [SourceGone, SourceDenied, ValueError])
@pytest.mark.parametrize("method", ["find", "reader"])
def test_a_source_that_cannot_be_read_any_more_costs_no_picture(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], method: str
) -> None:
    job = completed(application)

    def refuse(*given: object) -> Any:
        raise fault("gone")

    monkeypatch.setattr(type(application.ports["sources"]), method, refuse)
    application.finalize(job)
    assert (application.job().status, application.cloud.body("a.jpg")) == (
        JobStatus.COMPLETED,
        vendor_file(application),
    )
    assert (application.job().result_notes or "").startswith("metadata=")


def test_an_overwritten_source_gives_nothing(application: ApplicationUnderTest) -> None:
    job = completed(application)
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=job.source_version)
    application.finalize(job)
    assert (application.cloud.body("a.jpg"), application.job().result_notes) == (
        vendor_file(application),
        "metadata=source-gone",
    )


def test_a_cut_download_of_a_result_with_metadata_is_fetched_again(application: ApplicationUnderTest) -> None:
    job = completed(application)
    application.provider.cuts = [len(vendor_file(application)) - 10]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    assert application.cloud.keys() == set()
    application.finalize(job)
    assert published(application).getexif()[0x013B] == AUTHOR


def test_a_large_result_gets_its_head_with_its_first_part(application: ApplicationUnderTest) -> None:
    job = completed(application, tags="output_format=png")
    process = application.provider.processes["process-1"]
    process.result = picture(1800, 1600, "png", noise=64)
    process.progress = replace(process.progress, output_width=1800, output_height=1600)
    application.finalize(job)
    body = application.cloud.body("a.png") or b""
    assert body.endswith(process.result[33:])
    assert len(body) > len(process.result) > 8 * 1024 * 1024
    assert images.inspect(lambda offset, length: body[offset : offset + length], len(body)).width == 1800
    assert published(application, "a.png").getexif()[0x013B] == AUTHOR


def test_a_synchronous_result_gets_its_metadata_too(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", SOURCE, tags="synchronous=true"))
    application.finalize(application.job())
    assert (application.job().status, published(application).getexif()[0x013B]) == (JobStatus.COMPLETED, AUTHOR)
