"""Tests the multipart copy over real sockets: the bytes are right, parts are retried, and no upload or thread is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from tests.fakes.large_result import MIB, LargeResult, content, large_result
from tests.fakes.small_s3 import SmallS3
from tests.rows import each_row
from tests.unit.multipart_support import (
    BODY,
    PART,
    SECOND,
    SIZE,
    bucket,
    carry,
    mebibyte_parts,
    nothing_is_left_behind,
    small_parts,
    source,
    stands,
)

from darkroom.aws.multipart_put import ATTEMPTS, MAX_PART_BYTES, MIN_PART_BYTES, WORKERS, ChunkReader, split_into_parts
from darkroom.errors import ResultNotReady

__all__ = [
    "bucket",
    "mebibyte_parts",
    "nothing_is_left_behind",
    "small_parts",
    "source",
]  # pytest must find these fixtures here

FOUR = 4 * MIN_PART_BYTES  # the smallest size that gives each of four workers a part that S3 allows


def parts_sent(bucket: SmallS3) -> list[int]:
    return sorted(int(seen.query["partNumber"]) for seen in bucket.requests("PUT"))


# --- the plan -------------------------------------------------------------------------------------------------------


@each_row("workers", [1, 3, 4])
@each_row(
    "size",
    [1, MIN_PART_BYTES - 1, MIN_PART_BYTES, MIN_PART_BYTES + 1, FOUR - 1, FOUR, FOUR + 1, 64 * MIB, 100_000_007,
     4 * MAX_PART_BYTES, 4 * MAX_PART_BYTES + 1, 1024 * MIB, 70_000 * MIB],
)  # fmt: skip
def test_the_parts_cover_the_result_and_are_such_as_s3_takes(size: int, workers: int) -> None:
    parts = list(split_into_parts(size, workers))
    assert [number for number, _, _ in parts] == list(range(1, len(parts) + 1))
    assert parts[0][1] == 0
    assert all(offset + length == following for (_, offset, length), (_, following, _) in pairwise(parts))
    assert parts[-1][1] + parts[-1][2] == size
    assert all(MIN_PART_BYTES <= length <= MAX_PART_BYTES for _, _, length in parts[:-1])
    assert 0 < parts[-1][2] <= MAX_PART_BYTES
    assert len(parts) <= 10_000


@each_row("size", [FOUR, FOUR + 1, 40_000_000, 64 * MIB, 300 * MIB + 7, 1024 * MIB, 5_000 * MIB])
def test_every_worker_has_as_many_parts_as_any_other(size: int) -> None:
    lengths = [length for _, _, length in split_into_parts(size, WORKERS)]
    assert len(lengths) % WORKERS == 0
    assert max(lengths) - min(lengths) < len(lengths)


# --- the right bytes ------------------------------------------------------------------------------------------------


def check_the_object_is_the_result(bucket: SmallS3, size: int, ranges: bool) -> None:
    with large_result(content(size), ranges=ranges) as source:
        carry(source, bucket)
        assert bool(source.parts_asked) == ranges
    assert stands(bucket) == source.body
    assert bucket.requests("POST")[-1].headers["x-amz-mp-object-size"] == str(size)


@pytest.mark.usefixtures("mebibyte_parts")
@pytest.mark.parametrize("ranges", [True, False], ids=["by parts", "in a row"])
@pytest.mark.parametrize("size", [PART + 1, 2 * PART - 1, 2 * PART, SIZE + 1], ids=str)
def test_the_object_is_the_result(bucket: SmallS3, size: int, ranges: bool) -> None:
    check_the_object_is_the_result(bucket, size, ranges)


@pytest.mark.parametrize("ranges", [True, False], ids=["by parts", "in a row"])
def test_the_object_is_the_result_by_parts_as_large_as_s3_takes_them(bucket: SmallS3, ranges: bool) -> None:
    check_the_object_is_the_result(bucket, 2 * MIN_PART_BYTES + 1, ranges)
    if ranges:
        assert len(parts_sent(bucket)) == 3


def test_each_part_is_read_by_a_range_of_its_own_and_of_that_version(bucket: SmallS3, source: LargeResult) -> None:
    carry(source, bucket)
    spans = list(split_into_parts(SIZE, WORKERS))
    assert len(spans) == WORKERS
    assert sorted(source.parts_asked) == sorted(f"bytes={offset}-{offset + length - 1}" for _, offset, length in spans)
    assert {one["if-match"] for one in source.seen[1:]} == {'"v1"'}
    assert {one["accept-encoding"] for one in source.seen} == {"identity"}


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_carry_more_parts_than_they_are(
    bucket: SmallS3, source: LargeResult, small_parts: None, workers: int
) -> None:
    carry(source, bucket, workers)
    assert parts_sent(bucket) == [1, 2, 3, 4]
    assert stands(bucket) == BODY


def test_type_receipt_and_tags_go_with_the_upload(bucket: SmallS3, source: LargeResult) -> None:
    carry(source, bucket)
    headers = bucket.requests("POST")[0].headers
    assert (headers["content-type"], headers["x-amz-meta-darkroom-job"]) == ("image/tiff", "j1")
    assert headers["x-amz-tagging"] == "team=a+b"
    assert (headers["x-amz-checksum-algorithm"], headers["x-amz-checksum-type"]) == ("CRC32", "FULL_OBJECT")


def test_a_result_that_fits_into_one_part_goes_by_one_request(bucket: SmallS3) -> None:
    with large_result(content(MIN_PART_BYTES)) as source:
        carry(source, bucket)
    assert [seen.method for seen in bucket.seen] == ["PUT"]
    assert stands(bucket) == content(MIN_PART_BYTES)


# --- parts that are retried -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("misdeed", ["cut", "500", "503", "429", "another", "longer", "200"])
def test_a_part_that_breaks_at_the_source_is_read_again(bucket: SmallS3, source: LargeResult, misdeed: str) -> None:
    source.misdeeds = {SECOND: [misdeed] * (ATTEMPTS - 1)}
    carry(source, bucket)
    assert stands(bucket) == BODY
    assert len(source.parts_asked) == 4 + ATTEMPTS - 1


@pytest.mark.parametrize("misdeed", ["SlowDown", "InternalError", "hang up", "refuse at once"])
def test_a_part_that_the_bucket_does_not_take_is_read_and_sent_again(
    bucket: SmallS3, source: LargeResult, misdeed: str
) -> None:
    bucket.misdeeds = {2: [misdeed] * (ATTEMPTS - 1)}
    carry(source, bucket)
    assert stands(bucket) == BODY
    assert len(source.parts_asked) == 4 + ATTEMPTS - 1


def test_a_part_without_an_announced_length_is_taken_when_it_is_as_long_as_its_range(
    bucket: SmallS3, source: LargeResult
) -> None:
    source.misdeeds = {SECOND: ["unmeasured"]}
    carry(source, bucket)
    assert stands(bucket) == BODY
    assert len(source.parts_asked) == 4


# --- pieces ----------------------------------------------------------------------------------------------------------


@each_row("room", [1, 2, 3, 7, 100])
def test_pieces_fill_any_buffer_in_their_order(room: int) -> None:
    reader, buffer, taken = ChunkReader(iter([b"ab", b"", b"cdefg", b"h"])), bytearray(room), b""
    while count := reader.readinto(memoryview(buffer)):
        taken += buffer[:count]
    assert taken == b"abcdefgh"
    reader.finish()


def test_pieces_that_were_not_read_to_their_end_are_too_many() -> None:
    for given in ([b"ab"], [b"a", b"b"]):
        reader = ChunkReader(iter(given))
        reader.readinto(memoryview(bytearray(1)))
        with pytest.raises(ResultNotReady, match="more bytes"):
            reader.finish()


def test_what_the_pieces_raise_at_their_end_is_raised() -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise ResultNotReady("one byte came, two were announced")

    reader = ChunkReader(broken())
    reader.readinto(memoryview(bytearray(1)))
    with pytest.raises(ResultNotReady, match="two were announced"):
        reader.finish()
