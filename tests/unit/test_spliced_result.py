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

# The head, the number of the first bytes that it replaces, the end, and the number of the last bytes that it replaces
HEADS: dict[str, tuple[bytes, int, bytes, int]] = {
    "none": (b"", 0, b"", 0),
    "shorter": (b"new", 900, b"", 0),
    "longer": (b"head" * 50_000, 900, b"end", 12),
    "two parts": (b"x" * 1_500_000, 7, b"", 1_200_000),
    "nothing of the vendor": (b"x" * 2_000_000, 900, b"y", len(BODY) - 900),
}


def joined(name: str) -> bytes:
    head, cut, end, end_cut = HEADS[name]
    return head + BODY[cut : len(BODY) - end_cut] + end


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("name", HEADS)
def test_the_head_is_new_and_all_other_bytes_are_the_vendors(
    bucket: SmallS3, source: LargeResult, small_parts: None, name: str, ranges: bool
) -> None:
    source.ranges = ranges
    with opened(source) as link:
        spliced = SplicedResult(link, *HEADS[name])
        assert (spliced.size_bytes, spliced.has_parts) == (len(joined(name)), ranges)
        pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, spliced)
    assert stands(bucket) == joined(name)


@pytest.mark.parametrize("name", HEADS)
def test_reads_and_streams_give_the_same_bytes(bucket: SmallS3, source: LargeResult, name: str) -> None:
    expected, (head, *_) = joined(name), HEADS[name]
    with opened(source) as link:
        spliced = SplicedResult(link, *HEADS[name])
        chunks = list(spliced.stream())
        assert (b"".join(chunks), max(map(len, chunks)) <= 256 * 1024) == (expected, True)
        for offset in (0, 1, len(head) - 1, len(head), len(head) + 5, len(expected) - 3):
            start = max(0, offset)
            assert spliced.read(start, 10) == expected[start : start + 10]


def test_a_part_that_fails_is_read_again_with_its_head(bucket: SmallS3, source: LargeResult) -> None:
    cut = HEADS["longer"][1]
    source.misdeeds = {cut: ["cut"]}
    with opened(source) as link:
        pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, SplicedResult(link, *HEADS["longer"]))
    assert stands(bucket) == joined("longer")
    assert [one.get("range", "").partition("-")[0] for one in source.seen].count(f"bytes={cut}") == 2
