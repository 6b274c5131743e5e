"""Tests what a user sees of uploads that succeed, and of uploads that must cost nothing."""

from __future__ import annotations

import io
import time
from decimal import Decimal

import pytest
from PIL import Image

from darkroom import catalog
from tests.e2e.deployed_application import Darkroom, picture

AWKWARD_KEYS = [
    "photos/holiday in Wales.jpg",
    "photos/Übergröße – 日本.jpg",
    "photos/a+b=c&d.jpg",
    "photos/2026/11/(1) final.jpg",
    "photos/100% [new]'s~!.jpg",
]

REFUSED = {
    "empty.png": (b"", "", "UnsupportedFormat"),
    "text.png": (b"just some words, not a picture\n" * 20, "", "UnsupportedFormat"),
    "truncated.jpg": (picture(400, 300)[:-2000], "", "UnsupportedFormat"),
    "unknown-model.jpg": (picture(), "model=Standard V9", "UnknownModel"),
    "out-of-range.jpg": (picture(), "sharpen=1.5", "InvalidSetting"),
    "not-a-number.jpg": (picture(), "sharpen=NaN", "InvalidSetting"),
    "typo.jpg": (picture(), "sclae=2", "InvalidSetting"),
    "too-large.jpg": (picture(), "model=Redefine&output_width=30000&output_height=30000", "ImageTooLarge"),
    "wrong-provider.jpg": (picture(), "provider=topas", "InvalidSetting"),
    "too-dear.jpg": (picture(), "max_credits=0.5", "PriceAboveLimit"),
}


@pytest.fixture(scope="module")
def awkward(darkroom: Darkroom) -> dict[str, dict[str, object]]:
    for key in AWKWARD_KEYS:
        darkroom.upload(key, picture(), "scale=2&Project=summer", Metadata={"photographer": "ada"})
    return darkroom.ended(AWKWARD_KEYS)


@pytest.fixture(scope="module")
def refused(darkroom: Darkroom) -> dict[str, dict[str, object]]:
    keys = {f"photos/{name}": what for name, what in REFUSED.items()}
    for key, (body, tags, _) in keys.items():
        darkroom.upload(key, body, tags)
    return darkroom.ended(keys)


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_a_key_of_any_spelling_comes_back_under_the_same_key_enlarged(darkroom, awkward, key) -> None:
    result = darkroom.output(key)
    with Image.open(io.BytesIO(result["Body"])) as image:
        image.load()
        assert image.size == (192, 128)
        assert image.format == "JPEG"
    assert awkward[key]["status"] == "COMPLETED"
    assert result["ContentType"] == "image/jpeg"


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_a_result_carries_its_receipt_and_the_users_tags_and_metadata(darkroom, awkward, key) -> None:
    metadata = darkroom.output(key)["Metadata"]
    tags = darkroom.s3.get_object_tagging(Bucket=darkroom.stack.output_bucket, Key=key)["TagSet"]
    assert metadata["darkroom-job"] == darkroom.job_id(key)
    assert metadata["darkroom-source-version"] == darkroom.versions[key]
    assert metadata["darkroom-model"] == "Standard V2"
    assert metadata["darkroom-credits"] == "1"
    assert metadata["photographer"] == "ada"
    assert {"Key": "Project", "Value": "summer"} in tags


def test_each_upload_was_submitted_once_and_settled(darkroom, awkward) -> None:
    for key in AWKWARD_KEYS:
        assert len(darkroom.submits(key)) == 1
        assert awkward[key]["credits"] == Decimal(1)
        assert awkward[key]["cost_usd"] == Decimal("0.12")


def test_formats_keep_their_format_unless_asked_otherwise(darkroom: Darkroom) -> None:
    asked = {
        "photos/a.png": ("PNG", "", "photos/a.png", "PNG"),
        "photos/a.tif": ("TIFF", "", "photos/a.tif", "TIFF"),
        "photos/b.jpg": ("JPEG", "output_format=png", "photos/b.png", "PNG"),
        "photos/gen.jpg": ("JPEG", "model=Redefine&creativity=2", "photos/gen.jpg", "JPEG"),
        "photos/blurred.jpg": ("JPEG", "model=Lens Blur V2&strength=0.5", "photos/blurred.jpg", "JPEG"),
    }
    for key, (format, tags, _, _) in asked.items():
        darkroom.upload(key, picture(format=format), tags)
    jobs = darkroom.ended(asked)
    for key, (_, _, output_key, format) in asked.items():
        assert jobs[key]["output_key"] == output_key
        with Image.open(io.BytesIO(darkroom.output(output_key)["Body"])) as image:
            image.load()
            assert image.format == format
    endpoints = {s["endpoint"] for key in asked for s in darkroom.submits(key)}
    assert len(endpoints) == 3


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_upload_is_rejected_before_any_call_with_code_and_cure(darkroom, refused, name) -> None:
    key, code = f"photos/{name}", REFUSED[name][2]
    report = darkroom.report(key)
    assert refused[key]["status"] == "REJECTED"
    assert refused[key]["error_code"] == report["code"] == code
    assert report["message"]
    assert report["cure"]
    assert darkroom.submits(key) == []
    assert "credits" not in refused[key]


def test_a_typo_is_answered_with_the_right_word(darkroom, refused) -> None:
    assert "scale" in darkroom.report("photos/typo.jpg")["message"]
    assert "topaz" in darkroom.report("photos/wrong-provider.jpg")["message"]
    assert "Standard V2" in darkroom.report("photos/unknown-model.jpg")["message"]


def test_a_later_success_removes_the_report(darkroom, refused) -> None:
    key = "photos/typo.jpg"
    darkroom.upload(key, picture(), "scale=2")
    assert darkroom.ended([key])[key]["status"] == "COMPLETED"
    assert f"_failed/{key}.json" not in darkroom.output_keys()


def test_a_skipped_upload_is_left_alone(darkroom: Darkroom) -> None:
    darkroom.upload("photos/skip.jpg", picture(), "skip=true")
    assert darkroom.ended(["photos/skip.jpg"])["photos/skip.jpg"]["status"] == "SKIPPED"
    assert darkroom.submits("photos/skip.jpg") == []


def test_folder_markers_make_no_job_and_results_are_skipped(darkroom: Darkroom) -> None:
    darkroom.upload("photos/folder/", b"")
    darkroom.upload("photos/copied-back.jpg", picture(), Metadata={"darkroom-job": "0" * 32})
    darkroom.upload("photos/after.jpg", picture())
    jobs = darkroom.ended(["photos/after.jpg", "photos/copied-back.jpg"])
    assert darkroom.job("photos/folder/") == {}
    assert jobs["photos/copied-back.jpg"]["status"] == "SKIPPED"
    assert darkroom.submits("photos/copied-back.jpg") == []


def test_every_end_is_told_as_an_event(darkroom, awkward, refused) -> None:
    seen = {(event["detail-type"], event["detail"]["job_id"]) for event in darkroom.events()}
    assert ("Job Completed", awkward[AWKWARD_KEYS[0]]["job_id"]) in seen
    assert ("Job Rejected", refused["photos/text.png"]["job_id"]) in seen


def test_the_months_rows_hold_what_the_jobs_cost(darkroom, awkward, refused) -> None:
    month = awkward[AWKWARD_KEYS[0]]["budget_month"]
    topaz, usd = darkroom.row("BUDGET#topaz", month), darkroom.row("BUDGET#usd", month)
    assert topaz["committed"] == topaz["spent"] + topaz["reserved"]
    spent = {name: darkroom.row(f"BUDGET#{name}", month).get("spent", Decimal(0)) for name in catalog.providers()}
    assert usd["spent"] == sum(spent[name] * catalog.load(name).credit_price_usd for name in spent)
    assert topaz["spent"] >= len(AWKWARD_KEYS)


def test_the_sweep_runs_by_its_schedule(darkroom: Darkroom) -> None:
    """This test waits for the schedule. Other tests run the sweep themselves, so as not to wait for a minute."""
    ends = time.monotonic() + 600
    while darkroom.scheduled_sweeps() < 1:
        assert time.monotonic() < ends
        time.sleep(2)
