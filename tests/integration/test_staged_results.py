"""Tests the staged results of synchronous calls in the output bucket. Each is complete or absent, and only its own run and
process can read it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.aws_account import OUTPUT, Cloud

from darkroom import output_keys
from darkroom.aws.staged_results import S3StagedResults
from darkroom.aws.streaming_put import PART_BYTES
from darkroom.errors import ResultNotReady
from darkroom.model import Handle

pytestmark = pytest.mark.emulated("s3")

HANDLE = Handle("0123456789abcdef0123456789abcdef", 2, 3)
KEY = "_darkroom/incoming/0123456789abcdef0123456789abcdef"
SMALL = b"a picture of " + bytes(range(256))
KIB_256 = 256 * 1024


class Cut(Exception):
    """Raised when the connection to the vendor breaks."""


@pytest.fixture
def staging(account: Cloud) -> S3StagedResults:
    return S3StagedResults(account.s3, OUTPUT)


def pattern(size: int) -> bytes:
    """Return `size` bytes, made so that no two parts of them are equal."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def pieces(body: bytes, size: int = 100_000) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


def cut_after(count: int) -> Iterator[bytes]:
    yield from pieces(pattern(count))
    raise Cut


def read_back(staging: S3StagedResults, process_id: str = "p-1") -> bytes:
    with staging.open(HANDLE.job_id, process_id) as link:
        return b"".join(link.stream())


# --- staging a result


@pytest.mark.parametrize(
    "size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 1], ids=str
)
def test_any_number_of_bytes_comes_back_as_it_went_in(staging: S3StagedResults, account: Cloud, size: int) -> None:
    body = pattern(size)
    staging.stage(HANDLE, "p-1", pieces(body))
    assert read_back(staging) == body
    assert account.unfinished_uploads() == []


@pytest.mark.parametrize("size", [1, 7, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_the_size_of_the_pieces_does_not_matter(staging: S3StagedResults, size: int) -> None:
    body = pattern(2 * PART_BYTES + 5) if size > 7 else pattern(1000)
    staging.stage(HANDLE, "p-1", pieces(body, size))
    assert read_back(staging) == body


def test_empty_pieces_are_no_end(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", iter([b"", SMALL[:10], b"", SMALL[10:], b""]))
    assert read_back(staging) == SMALL


def test_exactly_one_part_is_one_put(staging: S3StagedResults, account: Cloud) -> None:
    staging.stage(HANDLE, "p-1", pieces(pattern(PART_BYTES)))
    # The ETag of a multipart upload would end with "-" and the number of its parts.
    assert "-" not in account.head(KEY)["ETag"]


def test_a_byte_more_than_a_part_is_a_second_part(staging: S3StagedResults, account: Cloud) -> None:
    staging.stage(HANDLE, "p-1", pieces(pattern(PART_BYTES + 1)))
    assert account.head(KEY)["ETag"].strip('"').endswith("-2")


def test_a_staged_result_is_under_our_own_prefix_and_is_not_an_upload(staging: S3StagedResults, account: Cloud) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    assert account.keys() == {KEY}
    assert output_keys.incoming_key(HANDLE.job_id) == KEY
    assert not output_keys.is_upload(KEY)


def test_a_staged_result_names_its_owner(staging: S3StagedResults, account: Cloud) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    assert account.head(KEY)["Metadata"] == {"darkroom-handle": str(HANDLE), "darkroom-process-id": "p-1"}


@pytest.mark.parametrize("came", [0, 1000, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 1])
def test_a_stream_that_breaks_leaves_nothing(staging: S3StagedResults, account: Cloud, came: int) -> None:
    with pytest.raises(Cut):
        staging.stage(HANDLE, "p-1", cut_after(came))
    assert (account.keys(), account.unfinished_uploads()) == (set(), [])


def test_a_stream_that_breaks_leaves_what_stood_there(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    with pytest.raises(Cut):
        staging.stage(HANDLE, "p-2", cut_after(PART_BYTES + 1))
    assert (staging.find(HANDLE), read_back(staging)) == ("p-1", SMALL)


def test_a_later_result_takes_the_place_of_an_earlier(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(pattern(1000)))
    staging.stage(HANDLE, "p-2", pieces(SMALL))
    assert (staging.find(HANDLE), read_back(staging, "p-2")) == ("p-2", SMALL)


# --- finding a staged result


def test_nothing_is_found_where_nothing_was_kept(staging: S3StagedResults) -> None:
    assert staging.find(HANDLE) is None


def test_any_attempt_of_the_run_finds_the_staged_result(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    assert staging.find(Handle(HANDLE.job_id, HANDLE.run, HANDLE.attempt + 8)) == "p-1"


@pytest.mark.parametrize("run", [1, 3, 20, 22])
def test_another_run_finds_nothing(staging: S3StagedResults, run: int) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    assert staging.find(Handle(HANDLE.job_id, run, HANDLE.attempt)) is None


def test_another_job_finds_nothing(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    assert staging.find(Handle("f" * 32, HANDLE.run, HANDLE.attempt)) is None


def test_an_object_that_says_nothing_of_its_owner_is_nobodys(staging: S3StagedResults, account: Cloud) -> None:
    account.put(KEY, SMALL, bucket=OUTPUT)
    assert staging.find(HANDLE) is None


# --- opening a staged result


@pytest.mark.parametrize(("job_id", "process_id"), [(HANDLE.job_id, "p-2"), (HANDLE.job_id, ""), ("f" * 32, "p-1")])
def test_no_other_process_result_is_opened(staging: S3StagedResults, job_id: str, process_id: str) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    with pytest.raises(ResultNotReady, match="no longer there"), staging.open(job_id, process_id):
        pass


def test_a_dropped_result_is_gone(staging: S3StagedResults, account: Cloud) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    staging.drop(HANDLE.job_id, "p-1")
    assert (staging.find(HANDLE), account.keys()) == (None, set())
    with pytest.raises(ResultNotReady), staging.open(HANDLE.job_id, "p-1"):
        pass


def test_dropping_twice_is_as_good_as_once(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    staging.drop(HANDLE.job_id, "p-1")
    staging.drop(HANDLE.job_id, "p-1")
    assert staging.find(HANDLE) is None


def test_ranges_are_read_as_of_any_result(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    with staging.open(HANDLE.job_id, "p-1") as link:
        assert link.size_bytes == len(SMALL)
        assert link.read(0, 5) == SMALL[:5]
        assert link.read(7, 100) == SMALL[7:107]
        assert link.read(len(SMALL) - 3, 100) == SMALL[-3:]
        assert link.read(len(SMALL), 100) == b""


def test_no_piece_of_the_stream_is_longer_than_promised(staging: S3StagedResults) -> None:
    body = pattern(3 * KIB_256 + 1)
    staging.stage(HANDLE, "p-1", pieces(body))
    with staging.open(HANDLE.job_id, "p-1") as link:
        came = list(link.stream())
    assert b"".join(came) == body
    assert max(map(len, came)) <= KIB_256


def test_a_stream_may_be_begun_again(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    with staging.open(HANDLE.job_id, "p-1") as link:
        assert [b"".join(link.stream()) for _ in range(2)] == [SMALL, SMALL]


def test_an_object_that_overwrites_a_staged_result_is_never_read_as_it(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    with staging.open(HANDLE.job_id, "p-1") as link:
        staging.stage(HANDLE, "p-2", pieces(SMALL[::-1]))
        with pytest.raises(ResultNotReady):
            link.read(0, 5)
        with pytest.raises(ResultNotReady):
            next(link.stream())


def test_a_result_dropped_while_it_is_read_is_not_ready(staging: S3StagedResults) -> None:
    staging.stage(HANDLE, "p-1", pieces(SMALL))
    with staging.open(HANDLE.job_id, "p-1") as link:
        staging.drop(HANDLE.job_id, "p-1")
        with pytest.raises(ResultNotReady):
            link.read(0, 5)
