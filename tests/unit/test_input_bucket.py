"""Tests reads of the input bucket over real sockets. A cut connection gives an error or all bytes, never fewer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.fakes.aws_account import REGION

from darkroom.aws.input_bucket import ATTEMPTS, S3InputBucket
from darkroom.aws.staged_results import HANDLE, PROCESS, S3StagedResults
from darkroom.errors import ResultNotReady
from darkroom.model import SourceObject

BODY = bytes(range(250)) * 20
SENT = 400  # how many bytes of an answer are sent before it is cut
SOURCE = SourceObject("b", "a.jpg", "v1", "e", len(BODY), datetime(2026, 11, 21, tzinfo=UTC))


@dataclass
class Bucket:
    """Serves one object. The next `cuts` answers are cut: the socket closes after SENT bytes, as if the answer had
    ended there.
    """

    url: str = ""
    cuts: int = 0
    honours_ranges: bool = True
    announced: int | None = None  # how many bytes an answer announces and has, if these are fewer than the right number
    asked: list[str] = field(default_factory=list)

    @property
    def client(self) -> Any:
        config = Config(retries={"mode": "standard", "max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(
            "s3",
            region_name=REGION,
            endpoint_url=self.url,
            config=config,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )


@contextmanager
def serving() -> Iterator[Bucket]:
    kept = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._head(200, len(BODY))

        def do_GET(self) -> None:
            kept.asked.append(wanted := self.headers["range"] or "")
            body, extra = BODY, {}
            if wanted and kept.honours_ranges:
                first, last = (int(place) for place in wanted.removeprefix("bytes=").split("-"))
                body, extra = BODY[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(BODY)}"}
            body = body[: kept.announced]
            self._head(206 if extra else 200, len(body), **extra)
            if kept.cuts:
                kept.cuts, self.close_connection = kept.cuts - 1, True
                body = body[:SENT]
            self.wfile.write(body)

        def _head(self, status: int, length: int, **extra: str) -> None:
            self.send_response(status)
            more = {"x-amz-meta-" + HANDLE: "j-1-1", "x-amz-meta-" + PROCESS: "p-1"}
            more |= {"ETag": '"e"', "Last-Modified": "Sat, 21 Nov 2026 14:00:00 GMT", "Content-Length": str(length)}
            for name, value in {**more, **extra}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serving() as kept:
        yield kept


def test_a_range_is_read(bucket: Bucket) -> None:
    read = S3InputBucket(bucket.client).reader(SOURCE)
    assert (read(1000, 1000), read(4500, 9000), read(5000, 1)) == (BODY[1000:2000], BODY[4500:], b"")
    assert bucket.asked == ["bytes=1000-1999", "bytes=4500-4999"]


@pytest.mark.parametrize("honours_ranges", [True, False])
def test_a_range_that_is_cut_is_read_again(bucket: Bucket, honours_ranges: bool) -> None:
    bucket.cuts, bucket.honours_ranges = ATTEMPTS - 1, honours_ranges
    assert S3InputBucket(bucket.client).reader(SOURCE)(100, 1000) == BODY[100:1100]
    assert len(bucket.asked) == ATTEMPTS


@pytest.mark.parametrize("honours_ranges", [True, False])
def test_a_range_that_is_cut_again_and_again_is_no_short_object(bucket: Bucket, honours_ranges: bool) -> None:
    bucket.cuts, bucket.honours_ranges = 99, honours_ranges
    with pytest.raises(OSError, match="the source broke after 400 bytes"):
        S3InputBucket(bucket.client).reader(SOURCE)(100, 1000)
    assert len(bucket.asked) == ATTEMPTS


def test_a_range_of_fewer_bytes_than_the_object_has_is_none(bucket: Bucket) -> None:
    bucket.announced = 999
    with pytest.raises(OSError, match="the source ended after 999 of 1000 bytes"):
        S3InputBucket(bucket.client).reader(SOURCE)(0, 1000)


@pytest.mark.parametrize("size", [-1, 100, 100_000])
@pytest.mark.parametrize("wrong", [{"cuts": 1}, {"announced": 4999}])
def test_a_stream_that_ends_early_breaks_whoever_reads_it(bucket: Bucket, size: int, wrong: dict[str, int]) -> None:
    for name, value in wrong.items():
        setattr(bucket, name, value)
    stream = S3InputBucket(bucket.client).open(SOURCE)
    with pytest.raises(OSError, match="the source"):
        list(iter(lambda: stream.read(size), b""))
    stream.close()


def test_a_part_that_is_cut_breaks_whoever_reads_it(bucket: Bucket) -> None:
    bucket.cuts = 1
    buffer = memoryview(bytearray(300))
    with S3InputBucket(bucket.client).part(SOURCE, 0, 1000) as stream, pytest.raises(OSError, match="the source"):
        list(iter(lambda: stream.readinto(buffer), 0))


def test_a_staged_result_that_is_cut_is_read_again_and_else_not_ready(bucket: Bucket) -> None:
    with S3StagedResults(bucket.client, "b").open("j", "p-1") as link:
        bucket.cuts = 1
        assert link.read(0, 1000) == BODY[:1000]
        bucket.cuts = ATTEMPTS
        with pytest.raises(ResultNotReady, match="cannot be read"):
            link.read(0, 1000)
        bucket.cuts = 1
        with pytest.raises(ResultNotReady, match="cannot be read"):
            list(link.stream())
