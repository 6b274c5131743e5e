"""Tests the keys of the output bucket and S3's limits for them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.rows import each_row

from darkroom import output_keys
from darkroom.errors import InvalidSetting
from darkroom.model import (
    RESULT_FORMATS,
    DispatchRecord,
    ImageFormat,
    Job,
    JobStatus,
    ProviderProcess,
    SendMode,
    SourceObject,
    Upload,
)

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
JPEG, PNG, TIFF = ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF

AT = datetime(2026, 11, 30, tzinfo=UTC)


def job(key: str = "a.jpg", bucket: str = "in") -> Job:
    return Job(
        job_id="0" * 32,
        run=1,
        attempt=1,
        status=JobStatus.PROCESSING,
        source_bucket=bucket,
        source_key=key,
        source_version="v1",
        source_order="",
        created_at=NOW,
        deadline_at=NOW,
        provider="topaz",
        model="Standard V2",
        process=ProviderProcess(process_id="p-1", eta=NOW, submitted_at=NOW),
    )


@each_row("key", ["a.jpg", "a", "ä/b c.JPG", ".hidden", "_failedish/a.jpg", "x/_failed/a.jpg", "a.json"])
def test_these_keys_are_uploads(key: str) -> None:
    assert output_keys.is_upload(key)


@each_row("key", ["", "folder/", "/", "_failed/a.jpg.json", "_darkroom/incoming/x"])
def test_these_keys_are_not_uploads(key: str) -> None:
    assert not output_keys.is_upload(key)


@each_row(
    ("key", "source", "target", "expected"),
    [
        ("a.JPG", JPEG, JPEG, "a.JPG"), ("a.png", JPEG, JPEG, "a.png"), ("a", PNG, PNG, "a"),
        ("a.jpg", JPEG, PNG, "a.png"), ("a.JPG", JPEG, TIFF, "a.tiff"), ("d.x/a.tif", TIFF, JPEG, "d.x/a.jpeg"),
        ("a.b.jfif", JPEG, PNG, "a.b.png"), ("a", JPEG, PNG, "a.png"), ("v1.2", PNG, JPEG, "v1.2.jpeg"),
        (".jpg", JPEG, PNG, ".jpg.png"),
    ],
)  # fmt: skip
def test_the_suffix_changes_only_with_the_format(
    key: str, source: ImageFormat, target: ImageFormat, expected: str
) -> None:
    assert output_keys.output_key(key, source, target) == expected


def test_a_new_suffix_that_s3_cannot_hold_is_refused() -> None:
    assert output_keys.output_key("k" * 1019, JPEG, TIFF) == "k" * 1019 + ".tiff"
    with pytest.raises(InvalidSetting, match="output_format=tiff"):
        output_keys.output_key("k" * 1020, JPEG, TIFF)


@each_row("key", ["a.jpg", "a", "ü" * 511 + ".j", "k" * 1024, "k." + "s" * 1022, "ü" * 500 + ".jpeg"])
def test_superseded_and_report_keys_fit_into_s3_and_differ(key: str) -> None:
    names = {
        output_keys.superseded_key(key, "1" * 32),
        output_keys.superseded_key(key, "2" * 32),
        output_keys.report_key(key),
    }
    assert len(names) == 3
    assert all(len(name.encode()) <= 1024 for name in names)
    assert key not in names


def test_superseded_keeps_the_suffix() -> None:
    assert output_keys.superseded_key("d/a.jpg", "abcdef0123456789") == "d/a.superseded-abcdef012345.jpg"


def test_long_keys_that_differ_at_their_end_have_different_reports() -> None:
    assert output_keys.report_key("k" * 1020 + "a") != output_keys.report_key("k" * 1020 + "b")


@each_row("key", ["a.jpg", "ü (1)+&=.jpg", "日本/語.png", "k" * 1024, "語" * 341])
def test_the_receipt_is_ascii_within_two_kilobytes_whatever_the_key(key: str) -> None:
    user = {f"user-{n}": "v" * 90 for n in range(40)} | {"umlaut": "ü", "darkroom-credits": "0", "line": "a\nb"}
    receipt = output_keys.receipt(job(key, "b" * 63), Decimal("2.5"))
    metadata = receipt | output_keys.kept_metadata(receipt, user)
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2048
    assert all((name + value).isascii() for name, value in metadata.items())
    assert (metadata["darkroom-job"], metadata["darkroom-credits"]) == ("0" * 32, "2.5")
    assert {"umlaut", "line"}.isdisjoint(metadata)
    assert sum(name.startswith("user-") for name in metadata) >= 5


def test_user_metadata_is_kept_to_the_last_byte() -> None:
    receipt = output_keys.receipt(job(), Decimal(1))
    left = 2048 - sum(len(name) + len(value) for name, value in receipt.items())
    assert "note" in output_keys.kept_metadata(receipt, {"note": "v" * (left - 4)})
    assert "note" not in output_keys.kept_metadata(receipt, {"note": "v" * (left - 3)})


def test_the_source_is_percent_encoded_or_hashed() -> None:
    assert output_keys.receipt(job("a b/ü.jpg"), Decimal(1))["darkroom-source"] == "in/a%20b/%C3%BC.jpg"
    assert output_keys.receipt(job("ü" * 400), Decimal(1))["darkroom-source"].startswith("sha256:")


def test_a_vanished_version_still_names_its_job() -> None:
    there = SourceObject("in", "a.jpg", "v1", "e", 9, NOW)
    ghost = output_keys.missing_source(Upload("in", "a.jpg", "v1"), NOW)
    assert ghost is not None
    assert ghost.job_id == there.job_id
    assert output_keys.missing_source(Upload("in", "a.jpg", None, "e"), NOW) is None


@each_row(
    ("key", "form", "expected"),
    [
        ("a.jpg", JPEG, "a.jpg"), ("a.JPE", JPEG, "a.JPE"), ("a.jpg", PNG, "a.png"), ("a.png", TIFF, "a.tiff"),
        ("a.tif", TIFF, "a.tif"), ("d.x/a.TIF", JPEG, "d.x/a.jpeg"), ("a", PNG, "a"), ("v1.2", JPEG, "v1.2"),
        ("a.webp", PNG, "a.png"), (".jpg", PNG, ".jpg"), ("a.jpg.png", JPEG, "a.jpg.jpeg"),
    ],
)  # fmt: skip
def test_only_a_suffix_that_would_be_wrong_is_replaced(key: str, form: ImageFormat, expected: str) -> None:
    assert output_keys.key_in_format(key, form) == expected


def test_a_right_suffix_that_s3_cannot_hold_is_refused_while_nothing_is_spent() -> None:
    assert output_keys.exact_key_in_format("k" * 1020 + ".png", PNG) == "k" * 1020 + ".png"
    with pytest.raises(InvalidSetting, match="upload under a shorter key"):
        output_keys.exact_key_in_format("k" * 1020 + ".png", TIFF)


def test_a_paid_result_keeps_the_sources_key_where_s3_cannot_hold_the_right_one() -> None:
    assert output_keys.key_in_format("k" * 1020 + ".png", TIFF) == "k" * 1020 + ".png"


@each_row(
    ("key", "others"),
    [("a.jpg", {"a.jpeg", "a.png", "a.tiff"}), ("a.PNG", {"a.jpeg", "a.png", "a.tiff"}),
     ("v1.2", {"v1.2.jpeg", "v1.2.png", "v1.2.tiff"}),
     ("k" * 1020, {"k" * 1020 + ".png"}), ("a.tiff", {"a.jpeg", "a.png"})],
)  # fmt: skip
def test_the_keys_at_which_a_sources_results_may_stand(key: str, others: set[str]) -> None:
    assert output_keys.result_keys(key)[0] == key
    assert set(output_keys.result_keys(key)) == {key, *others}
    written = {output_keys.output_key(key, JPEG, form) for form in RESULT_FORMATS if len(key) < 1000}
    assert written <= set(output_keys.result_keys(key))


@each_row(
    ("credits", "text"),
    [("210000.0", "210000"), ("1E-7", "0.0000001"), ("2.50", "2.5"), ("0", "0"), ("0E+3", "0"), ("2.1E+5", "210000"), ("7", "7")],
)  # fmt: skip
def test_the_receipt_has_credits_as_plain_decimals(credits: str, text: str) -> None:
    assert output_keys.receipt(job(), Decimal(credits))["darkroom-credits"] == text


@each_row("key", ["a.jpg", "...", "a/.../b", ".a/b", "a./b", "a..b", "a//b", ".hidden", "%2e%2e/a"])
def test_these_keys_can_be_fetched_by_a_link(key: str) -> None:
    output_keys.check_key_fits_a_link(key)


@each_row("key", [".", "..", "./a", "../a", "a/./b", "a/../b", "a/.", "a/.."])
def test_a_folder_named_by_dots_cannot_be_fetched_by_a_link(key: str) -> None:
    with pytest.raises(InvalidSetting, match="upload it under another key"):
        output_keys.check_key_fits_a_link(key)


def test_each_job_has_one_place_for_what_it_stages_which_is_no_upload() -> None:
    places = {output_keys.incoming_key("0" * 32), output_keys.incoming_key("1" * 32)}
    assert places == {"_darkroom/incoming/" + digit * 32 for digit in "01"}
    assert not [place for place in places if output_keys.is_upload(place)]


@each_row(
    ("output_key", "base"),
    [("a/b.jpg", "a/b.jpg"), ("a/b.jpeg", "a/b.jpg"), ("a/b.png", "a/b.jpg"), ("a/b.tiff", "a/b.jpg"),
     ("a/b-cgi.jpg", "a/b-cgi.jpg"), ("b.jpg", "b.jpg")],
)  # fmt: skip
def test_the_keys_of_results_are_made_from_the_sources_key_unless_a_template_gave_another(
    output_key: str, base: str
) -> None:
    dispatch = DispatchRecord(
        output_bucket="out", output_key=output_key, output_format="jpeg", send_mode=SendMode.UPLOAD, reserved_at=AT
    )
    job = Job(
        job_id="0" * 32, run=1, attempt=1, status=JobStatus.PROCESSING, source_bucket="in", source_key="a/b.jpg",
        source_version=None, source_order="1", created_at=AT, deadline_at=AT, dispatch=dispatch,
    )  # fmt: skip
    assert output_keys.result_base(job) == base
