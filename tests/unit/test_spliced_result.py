"""Tests that a result with a new head arrives byte for byte, in one part and in many, from a real socket."""

from __future__ import annotations

import pytest
from tests.fakes.large_result import LargeResult
from tests.fakes.small_s3 import BUCKET, SmallS3
from tests.unit.multipart_support import (
    BODY,
    KEY,
    bucket,
    mebibyte_parts,
    nothing_is_left_behind,
    opened,
    pump_into,
    small_parts,
    source,
    stands,
)

from darkroom.pipeline.spliced_result import SplicedResult

__all__ = [
    "bucket",
    "mebibyte_parts",
    "nothing_is_left_behind",
    "small_parts",
    "source",
]  # pytest must find these fixtures here

HEADS = {
    "none": (b"", 0),
    "shorter": (b"new", 900),
    "longer": (b"head" * 50_000, 900),
    "two parts": (b"x" * 1_500_000, 7),
}


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", HEADS)
def test_the_head_is_new_and_all_other_bytes_are_the_vendors(
    bucket: SmallS3, source: LargeResult, small_parts: None, name: str, ranges: bool
) -> None:
    head, cut = HEADS[name]
    source.ranges = ranges
    with opened(source) as link:
        spliced = SplicedResult(link, head, cut)
        assert (spliced.size_bytes, spliced.has_parts) == (len(head) + len(BODY) - cut, ranges)
        pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, spliced)
    assert stands(bucket) == head + BODY[cut:]


@pytest.mark.parametrize("name", HEADS)
def test_reads_and_streams_give_the_same_bytes(bucket: SmallS3, source: LargeResult, name: str) -> None:
    head, cut = HEADS[name]
    expected = head + BODY[cut:]
    with opened(source) as link:
        spliced = SplicedResult(link, head, cut)
        chunks = list(spliced.stream())
        assert (b"".join(chunks), max(map(len, chunks)) <= 256 * 1024) == (expected, True)
        for offset in (0, 1, len(head) - 1, len(head), len(head) + 5, len(expected) - 3):
            start = max(0, offset)
            assert spliced.read(start, 10) == expected[start : start + 10]


def test_a_part_that_fails_is_read_again_with_its_head(bucket: SmallS3, source: LargeResult) -> None:
    head, cut = HEADS["longer"]
    source.misdeeds = {cut: ["cut"]}
    with opened(source) as link:
        pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, SplicedResult(link, head, cut))
    assert stands(bucket) == head + BODY[cut:]
    assert [one.get("range", "").partition("-")[0] for one in source.seen].count(f"bytes={cut}") == 2
