"""The pump over real sockets: right bytes or nothing, parts tried again, no upload and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.large_result import MIB, LargeResult, content, large_result
from tests.fakes.small_s3 import BUCKET, SmallS3, small_s3
from tests.unit.pump_support import KEY, carry, opened, pump_into, stands

from darkroom.aws import pump as pump_module
from darkroom.aws.pump import MAX_PART_BYTES, MIN_PART_BYTES, TRIES, WORKERS, Pieces, Pump, cut
from darkroom.errors import ResultNotReady, Throttled

SIZE = 4 * MIN_PART_BYTES  # four parts, one a worker
BODY = content(SIZE)
SECOND = MIN_PART_BYTES  # the first byte of the second part


@pytest.fixture
def bucket() -> Iterator[SmallS3]:
    with small_s3() as kept:
        yield kept


@pytest.fixture
def source() -> Iterator[LargeResult]:
    with large_result(BODY) as kept:
        yield kept


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no thread of the pump, and no upload that is still open."""
    bucket = request.getfixturevalue("bucket")
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("pump")] == []
    assert bucket.open_uploads == {}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 8 MiB at most, so that one worker has several."""
    monkeypatch.setattr(pump_module, "MAX_PART_BYTES", MIN_PART_BYTES)


def parts_sent(bucket: SmallS3) -> list[int]:
    return sorted(int(seen.query["partNumber"]) for seen in bucket.requests("PUT"))


# --- the plan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3, 4])
@pytest.mark.parametrize(
    "size",
    [1, MIN_PART_BYTES - 1, MIN_PART_BYTES, MIN_PART_BYTES + 1, SIZE - 1, SIZE, SIZE + 1, 64 * MIB, 100_000_007,
     4 * MAX_PART_BYTES, 4 * MAX_PART_BYTES + 1, 1024 * MIB, 70_000 * MIB],
)  # fmt: skip
def test_the_parts_cover_the_result_and_are_such_as_s3_takes(size: int, workers: int) -> None:
    parts = list(cut(size, workers))
    assert [number for number, _, _ in parts] == list(range(1, len(parts) + 1))
    assert parts[0][1] == 0
    assert all(offset + length == following for (_, offset, length), (_, following, _) in pairwise(parts))
    assert parts[-1][1] + parts[-1][2] == size
    assert all(MIN_PART_BYTES <= length <= MAX_PART_BYTES for _, _, length in parts[:-1])
    assert 0 < parts[-1][2] <= MAX_PART_BYTES
    assert len(parts) <= 10_000


@pytest.mark.parametrize("size", [SIZE, SIZE + 1, 40_000_000, 64 * MIB, 300 * MIB + 7, 1024 * MIB, 5_000 * MIB])
def test_every_worker_has_as_many_parts_as_any_other(size: int) -> None:
    lengths = [length for _, _, length in cut(size, WORKERS)]
    assert len(lengths) % WORKERS == 0
    assert max(lengths) - min(lengths) < len(lengths)


# --- the right bytes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [True, False], ids=["by parts", "in a row"])
@pytest.mark.parametrize("size", [MIN_PART_BYTES + 1, 2 * MIN_PART_BYTES - 1, 2 * MIN_PART_BYTES, SIZE + 1], ids=str)
def test_the_object_is_the_result(bucket: SmallS3, size: int, ranges: bool) -> None:
    with large_result(content(size), ranges=ranges) as source:
        carry(source, bucket)
        assert bool(source.parts_asked) == ranges
    assert stands(bucket) == content(size)


def test_each_part_is_read_by_a_range_of_its_own_and_of_that_version(bucket: SmallS3, source: LargeResult) -> None:
    carry(source, bucket)
    assert sorted(source.parts_asked) == sorted(
        f"bytes={offset}-{offset + length - 1}" for _, offset, length in cut(SIZE, WORKERS)
    )
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


# --- parts that are tried again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("misdeed", ["cut", "500", "503", "429", "another", "longer", "200"])
def test_a_part_that_breaks_at_the_source_is_read_again(bucket: SmallS3, source: LargeResult, misdeed: str) -> None:
    source.misdeeds = {SECOND: [misdeed] * (TRIES - 1)}
    carry(source, bucket)
    assert stands(bucket) == BODY
    assert len(source.parts_asked) == 4 + TRIES - 1


@pytest.mark.parametrize("misdeed", ["SlowDown", "InternalError", "hang up", "refuse at once"])
def test_a_part_that_the_bucket_does_not_take_is_read_and_sent_again(
    bucket: SmallS3, source: LargeResult, misdeed: str
) -> None:
    bucket.misdeeds = {2: [misdeed] * (TRIES - 1)}
    carry(source, bucket)
    assert stands(bucket) == BODY
    assert len(source.parts_asked) == 4 + TRIES - 1


def test_a_part_without_an_announced_length_is_taken_when_it_is_as_long_as_its_range(
    bucket: SmallS3, source: LargeResult
) -> None:
    source.misdeeds = {SECOND: ["unmeasured"]}
    carry(source, bucket)
    assert stands(bucket) == BODY
    assert len(source.parts_asked) == 4


# --- links that end meanwhile ---------------------------------------------------------------------------------------


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


# --- failures: nothing in place, nothing open ------------------------------------------------------------------------


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
    with pytest.raises(ResultNotReady, match=f"could not be copied in {TRIES} tries"):
        carry(source, bucket)
    assert stands(bucket) is None
    assert len(bucket.requests("DELETE")) == 1


def test_no_part_is_begun_after_one_has_failed(bucket: SmallS3, source: LargeResult, small_parts: None) -> None:
    source.misdeeds = {0: ["500"] * 99}
    with pytest.raises(ResultNotReady):
        carry(source, bucket, workers=1)
    assert len(source.parts_asked) == TRIES


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


def test_an_upload_that_s3_does_not_complete_is_aborted(bucket: SmallS3, source: LargeResult) -> None:
    class Forgetful(Pump):
        def _complete(self, target: dict[str, Any], parts: list[Any]) -> None:
            super()._complete(target, parts[:-1])

    whole = pump_into(bucket)
    forgetful = Forgetful(whole.client, whole.credentials, whole.context)
    with opened(source) as link, pytest.raises(ClientError, match="InvalidPart"):
        forgetful.write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None
    assert len(bucket.requests("DELETE")) == 1


def test_an_abort_that_fails_does_not_hide_why(bucket: SmallS3, source: LargeResult) -> None:
    source.misdeeds = {SECOND: ["cut"] * 99}
    pump = pump_into(bucket)
    pump.client.meta.events.register("before-call.s3.AbortMultipartUpload", denied)
    with opened(source) as link, pytest.raises(ResultNotReady):
        pump.write({"Bucket": BUCKET, "Key": KEY}, link)
    assert len(bucket.open_uploads) == 1  # the sweep finds it
    bucket.open_uploads.clear()


def denied(**call: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AbortMultipartUpload")


def test_another_checksum_of_the_whole_is_not_borne(bucket: SmallS3, source: LargeResult) -> None:
    bucket.whole_checksum = "AAAAAA=="
    with pytest.raises(ResultNotReady, match="another checksum"):
        carry(source, bucket)


# --- sources without ranges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("misdeed", ["cut", "longer", "500"])
def test_one_download_that_breaks_is_not_ready_and_leaves_nothing(bucket: SmallS3, misdeed: str) -> None:
    with large_result(BODY, ranges=False) as source, opened(source) as link:
        source.misdeeds = {0: [misdeed]}
        with pytest.raises(ResultNotReady):
            pump_into(bucket).write({"Bucket": BUCKET, "Key": KEY}, link)
    assert stands(bucket) is None
    assert len(bucket.requests("DELETE")) == 1


def test_one_download_that_the_bucket_does_not_take_is_not_ready(bucket: SmallS3) -> None:
    bucket.misdeeds = {1: ["SlowDown"]}
    with large_result(BODY, ranges=False) as source, pytest.raises(ResultNotReady, match="SlowDown"):
        carry(source, bucket)
    assert stands(bucket) is None


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


# --- pieces ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [1, 2, 3, 7, 100])
def test_pieces_fill_any_buffer_in_their_order(room: int) -> None:
    reader, buffer, taken = Pieces(iter([b"ab", b"", b"cdefg", b"h"])), bytearray(room), b""
    while count := reader.readinto(memoryview(buffer)):
        taken += buffer[:count]
    assert taken == b"abcdefgh"
    reader.finish()


def test_pieces_that_were_not_read_to_their_end_are_too_many() -> None:
    for given in ([b"ab"], [b"a", b"b"]):
        reader = Pieces(iter(given))
        reader.readinto(memoryview(bytearray(1)))
        with pytest.raises(ResultNotReady, match="more bytes"):
            reader.finish()


def test_what_the_pieces_raise_at_their_end_is_raised() -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise ResultNotReady("one byte came, two were announced")

    reader = Pieces(broken())
    reader.readinto(memoryview(bytearray(1)))
    with pytest.raises(ResultNotReady, match="two were announced"):
        reader.finish()
