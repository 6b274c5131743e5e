"""Headers of a result: the source's tags, metadata and serving headers, within what S3 takes of a request's headers.

The bucket is on a loopback port and refuses a request as S3 does: neither moto nor the embedded cloud counts headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.credentials import Credentials
from tests.fakes.large_result import MIB
from tests.fakes.mock_vendor import NO_TLS
from tests.fakes.small_s3 import BUCKET, KEY_ID, SECRET, SmallS3, small_s3

from darkroom.aws import output_bucket as output_module
from darkroom.aws import result_headers
from darkroom.aws.multipart_put import MultipartPut
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.errors import KeyTaken, ResultRefused
from darkroom.ports import ResultHeaders, StandingObject

TOKEN = "t" * 1200  # the session token of a function's role
RECEIPT = {"darkroom-job": "0" * 32, "darkroom-process-id": "p-1"}
METADATA = {f"name-{n:02}": "v" * 90 for n in range(20)}  # 1,940 bytes
MANY_NAMES = {f"name-of-24-characters-{n:02}": "" for n in range(70)}  # 1,680 bytes, but each name is sent and signed
TAGS = {f"key-{n}": "é" * 110 for n in range(8)}  # 5,400 bytes as a header
SERVED = {
    "Cache-Control": "max-age=60", "Content-Disposition": 'attachment; filename="a.jpg"', "Content-Language": "de",
    "Expires": "Wed, 21 Oct 2026 07:28:00 GMT",
}  # fmt: skip
LONG = SERVED | {"Content-Disposition": f'attachment; filename="{"n" * 1200}.jpg"'}
PATH = f"/{BUCKET}/a.jpg"


@dataclass
class Bytes:
    """A result of some bytes, which come as one stream."""

    size_bytes: int = 5
    has_parts: bool = False

    def stream(self) -> Iterator[bytes]:
        yield b"b" * self.size_bytes


@pytest.fixture
def bucket() -> Iterator[SmallS3]:
    with small_s3() as kept:
        yield kept


@pytest.fixture(params=["one put", "multipart copy"])
def size_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(output_module, "SINGLE_PUT_BYTES", MIB)
    return 5 if request.param == "one put" else MIB + 1


def output_bucket(bucket: SmallS3) -> S3OutputBucket:
    client = bucket.client(aws_session_token=TOKEN)
    credentials = Credentials(KEY_ID, SECRET, TOKEN)
    return S3OutputBucket(client, BUCKET, MultipartPut(client, lambda: credentials, lambda: NO_TLS))


def write(
    bucket: SmallS3, size_bytes: int, *, replaced: StandingObject | None = None, **more: dict[str, str]
) -> dict[str, str]:
    """Write a result, and return the headers that it was written with, in lower case."""
    headers = ResultHeaders("image/jpeg", RECEIPT, **more)
    link: Any = Bytes(size_bytes)
    output_bucket(bucket).write("a.jpg", link, headers, replaced)
    assert len(bucket.objects[PATH]) == size_bytes
    return {name.lower(): value for name, value in bucket.kept_headers[PATH].items()}


def test_the_sources_serving_headers_stay_on_the_result(bucket: SmallS3, size_bytes: int) -> None:
    kept = write(bucket, size_bytes, serving_headers=SERVED)
    assert {name: kept[name.lower()] for name in SERVED} == SERVED
    assert kept["content-type"] == "image/jpeg"


def test_a_value_that_no_header_can_hold_is_left_out(bucket: SmallS3, size_bytes: int) -> None:
    odd = SERVED | {"Content-Disposition": 'inline; filename="ä.jpg"', "Content-Language": "a\nb"}
    kept = write(bucket, size_bytes, serving_headers=odd)
    assert {"content-disposition", "content-language"}.isdisjoint(kept)
    assert kept["cache-control"] == "max-age=60"


def test_metadata_and_tags_that_are_too_long_together_are_both_kept(bucket: SmallS3, size_bytes: int) -> None:
    kept = write(bucket, size_bytes, metadata=METADATA, tags=TAGS)
    assert {name for name in kept if name.startswith("x-amz-meta-name")} == {f"x-amz-meta-{name}" for name in METADATA}
    assert bucket.tags[PATH].count("<Key>") == len(TAGS)


def test_tags_that_fit_go_with_the_object(bucket: SmallS3, size_bytes: int) -> None:
    write(bucket, size_bytes, metadata=METADATA, tags={"team": "a b"})
    (sent,) = [one for one in bucket.seen if "x-amz-tagging" in one.headers]
    assert (sent.headers["x-amz-tagging"], bucket.tags) == ("team=a+b", {})


def test_headers_that_s3_refuses_leave_the_receipt_and_the_tags(
    bucket: SmallS3, size_bytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    kept = write(bucket, size_bytes, metadata=MANY_NAMES, serving_headers=LONG, tags={"team": "a b"})
    assert {name for name in kept if name.startswith("x-amz-meta-")} == {f"x-amz-meta-{name}" for name in RECEIPT}
    assert "team" in bucket.tags[PATH]
    assert "without its source's headers" in caplog.text
    assert bucket.open_uploads == {}


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "KMS.DisabledException"])
def test_a_bucket_that_refuses_a_result_is_told_by_an_error_of_its_own(
    bucket: SmallS3, size_bytes: int, code: str
) -> None:
    """The state machine waits half an hour after it, because no retry mends a policy, a key or a missing bucket."""
    bucket.refusal = code
    with pytest.raises(ResultRefused, match=rf"^(PutObject|CreateMultipartUpload): {code}: "):
        write(bucket, size_bytes)
    assert (bucket.objects, bucket.open_uploads) == ({}, {})


@pytest.mark.parametrize("replaced", [None, StandingObject('"another"', {}), StandingObject(None, {})])
def test_an_object_that_came_meanwhile_is_not_overwritten(
    bucket: SmallS3, size_bytes: int, replaced: StandingObject | None
) -> None:
    bucket.objects[PATH] = b"foreign"
    with pytest.raises(KeyTaken, match=r"another object came to 'a.jpg'"):
        write(bucket, size_bytes, replaced=replaced)
    assert (bucket.objects[PATH], bucket.open_uploads) == (b"foreign", {})


def test_an_object_that_is_gone_meanwhile_is_looked_for_again(bucket: SmallS3, size_bytes: int) -> None:
    with pytest.raises(KeyTaken):
        write(bucket, size_bytes, replaced=StandingObject('"gone"', {}))
    assert bucket.objects == {}


def test_the_object_that_was_found_is_replaced(bucket: SmallS3, size_bytes: int) -> None:
    bucket.objects[PATH], bucket.kept_headers[PATH] = b"earlier", {"x-amz-meta-darkroom-job": "1"}
    standing = output_bucket(bucket).find("a.jpg")
    assert standing is not None
    assert standing.metadata == {"darkroom-job": "1"}
    write(bucket, size_bytes, replaced=standing)


def test_an_absent_object_is_none(bucket: SmallS3) -> None:
    assert output_bucket(bucket).find("a.jpg") is None


def test_an_expiry_is_kept_as_http_writes_it() -> None:
    head = {"Expires": datetime(2026, 10, 21, 7, 28, tzinfo=UTC), "CacheControl": "no-cache", "ContentType": "x"}
    assert result_headers.serving_headers(head) == {"Expires": SERVED["Expires"], "Cache-Control": "no-cache"}
