"""Tests the multipart copy when links expire, hosts fail and S3 refuses. The same bytes arrive by a new link, or
nothing at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.large_result import LargeResult, large_result
from tests.fakes.small_s3 import BUCKET, SmallS3
from tests.unit.multipart_support import (
    BODY,
    KEY,
    SECOND,
    SIZE,
    bucket,
    carry,
    mebibyte_parts,
    nothing_is_left_behind,
    opened,
    pump_into,
    small_parts,
    source,
    stands,
)

from darkroom.aws.multipart_put import ATTEMPTS, WORKERS, MultipartPut
from darkroom.aws.upload_part import Part
from darkroom.errors import ResultNotReady, Throttled

__all__ = [
    "bucket",
    "mebibyte_parts",
    "nothing_is_left_behind",
    "small_parts",
    "source",
]  # pytest must find these fixtures here


# --- links that expire ----------------------------------------------------------------------------------------------


def test_a_link_that_has_ended_is_minted_anew_once_for_all_workers(bucket: SmallS3, source: LargeResult) -> None:
    all_asked = threading.Barrier(WORKERS, timeout=30)
    source.before_403 = all_asked.wait
    with opened(source) as link:
        source.end_all_links()
        pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) == BODY
    assert source.minted == 2


def test_a_link_that_ends_midway_is_followed_by_another_to_the_same_bytes(
    bucket: SmallS3, source: LargeResult, small_parts: None
) -> None:
    source.after_part = lambda: source.end_all_links() if source.minted == 1 else None
    carry(source, bucket, workers=1)
    assert source.minted == 2
    assert {one["if-match"] for one in source.seen if one["path"].endswith("link=2")} == {'"v1"'}
    assert stands(bucket) == BODY


def test_a_fresh_link_to_other_bytes_is_refused(bucket: SmallS3, source: LargeResult) -> None:
    def fresh() -> str:
        source.etag, source.body = '"v2"', BODY[::-1]
        return source.link()

    source.before_403 = lambda: None
    with opened(source, fresh) as link:
        source.end_all_links()
        with pytest.raises(ResultNotReady):
            pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None


@pytest.mark.usefixtures("mebibyte_parts")
def test_a_fresh_link_to_another_length_is_refused_where_the_host_names_no_version(bucket: SmallS3) -> None:
    with large_result(BODY, etag=None) as source:

        def fresh() -> str:
            source.body = BODY + b"more"
            return source.link()

        with opened(source, fresh) as link:
            source.end_all_links()
            with pytest.raises(ResultNotReady, match="could not be copied"):
                pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None


def test_a_result_that_changes_while_it_is_read_is_refused(bucket: SmallS3, source: LargeResult) -> None:
    with opened(source) as link:
        source.etag = '"v2"'
        with pytest.raises(ResultNotReady, match="412"):
            pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None


# --- failures: nothing published, nothing left open -----------------------------------------------------------------


def for_ever(source: LargeResult, bucket: SmallS3) -> None:
    source.misdeeds = {SECOND: ["cut"] * 99}


def grown(source: LargeResult, bucket: SmallS3) -> None:
    source.misdeeds = {SECOND: ["grown"] * 99}


def refused(source: LargeResult, bucket: SmallS3) -> None:
    bucket.misdeeds = {2: ["SlowDown"] * 99}


def hung_up(source: LargeResult, bucket: SmallS3) -> None:
    bucket.misdeeds = {number: ["hang up"] * 99 for number in range(1, 5)}


@pytest.mark.parametrize("failing", [for_ever, grown, refused, hung_up])
def test_a_part_that_never_arrives_fails_the_whole(
    bucket: SmallS3, source: LargeResult, failing: Callable[[LargeResult, SmallS3], None]
) -> None:
    failing(source, bucket)
    with pytest.raises(ResultNotReady, match=f"could not be copied in {ATTEMPTS} tries"):
        carry(source, bucket)
    assert stands(bucket) is None
    assert len(bucket.requests("DELETE")) == 1


def test_no_part_is_begun_after_one_has_failed(bucket: SmallS3, source: LargeResult, small_parts: None) -> None:
    source.misdeeds = {0: ["500"] * 99}
    with pytest.raises(ResultNotReady):
        carry(source, bucket, workers=1)
    assert len(source.parts_asked) == ATTEMPTS


@pytest.mark.parametrize("wrong", [ResultNotReady("no link"), Throttled("later", 30.0), RuntimeError("a bug")])
def test_a_link_that_cannot_be_minted_anew_ends_it_with_what_the_minting_said(
    bucket: SmallS3, source: LargeResult, wrong: Exception
) -> None:
    def fresh() -> str:
        raise wrong

    with opened(source, fresh) as link:
        source.end_all_links()
        with pytest.raises(type(wrong), match=str(wrong)):
            pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert len(bucket.requests("DELETE")) == 1


@pytest.mark.parametrize(
    "mistaken",
    [lambda parts: parts[:-1], lambda parts: [replace(parts[0], crc=parts[0].crc ^ 1), *parts[1:]]],
    ids=["one is missing", "one was read otherwise than it was sent"],
)
def test_an_upload_that_s3_does_not_complete_is_aborted(
    bucket: SmallS3, source: LargeResult, mistaken: Callable[[list[Part]], list[Part]]
) -> None:
    class Mistaken(MultipartPut):
        def _complete(self, target: dict[str, Any], parts: list[Part]) -> None:
            super()._complete(target, mistaken(parts))

    whole = pump_into(bucket)
    with opened(source) as link, pytest.raises(ClientError, match="InvalidPart"):
        Mistaken(whole.client, whole.credentials, whole.context).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None
    assert len(bucket.requests("DELETE")) == 1


def test_an_abort_that_fails_does_not_hide_why(bucket: SmallS3, source: LargeResult) -> None:
    source.misdeeds = {SECOND: ["cut"] * 99}
    pump = pump_into(bucket)
    pump.client.meta.events.register("before-call.s3.AbortMultipartUpload", denied)
    with opened(source) as link, pytest.raises(ResultNotReady):
        pump.write({"Bucket": BUCKET, "Key": KEY}, link)
    assert len(bucket.open_uploads) == 1  # the sweep finds it and aborts it
    bucket.open_uploads.clear()


def denied(**call: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AbortMultipartUpload")


def test_nothing_that_stands_is_called_broken_since_the_next_try_would_take_it_for_delivered(
    bucket: SmallS3, source: LargeResult
) -> None:
    bucket.whole_checksum = "AAAAAA=="
    carry(source, bucket)
    assert stands(bucket) == BODY


# --- sources without ranges ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mebibyte_parts")
@pytest.mark.parametrize("misdeed", ["cut", "longer", "500"])
def test_one_download_that_breaks_is_not_ready_and_leaves_nothing(bucket: SmallS3, misdeed: str) -> None:
    with large_result(BODY, ranges=False) as source, opened(source) as link:
        source.misdeeds = {0: [misdeed]}
        with pytest.raises(ResultNotReady):
            pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None
    assert len(bucket.requests("DELETE")) == 1


@pytest.mark.usefixtures("mebibyte_parts")
def test_one_download_that_the_bucket_does_not_take_is_not_ready(bucket: SmallS3) -> None:
    bucket.misdeeds = {1: ["SlowDown"]}
    with large_result(BODY, ranges=False) as source, pytest.raises(ResultNotReady, match="SlowDown"):
        carry(source, bucket)
    assert stands(bucket) is None


@pytest.mark.usefixtures("mebibyte_parts")
def test_a_download_left_early_is_closed(bucket: SmallS3) -> None:
    ended: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(100_000)
        finally:
            ended.append(True)

    class Endless:
        size_bytes, has_parts = SIZE, False

        def stream(self) -> Iterator[bytes]:
            return pieces()

    with pytest.raises(ResultNotReady, match="more bytes"):
        pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, Endless())  # type: ignore[arg-type]
    assert ended == [True]
