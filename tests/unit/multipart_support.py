"""Helpers for tests of large results: a multipart copy from a provider's storage to a bucket, on loopback ports.

The parts of these tests are one mebibyte long (two pieces each). S3's parts have at least eight mebibytes. The same
code runs here with an eighth of the bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.credentials import Credentials
from tests.fakes.large_result import MIB, LargeResult, content, large_result
from tests.fakes.mock_vendor import NO_TLS
from tests.fakes.small_s3 import BUCKET, KEY_ID, SECRET, SmallS3, small_s3

from darkroom.aws import multipart_put as multipart_module
from darkroom.aws import output_bucket as output_module
from darkroom.aws.multipart_put import MultipartPut
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.ports import ResultHeaders
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads

KEY = "photos/ö large.tif"
PART = MIB
SIZE = 4 * PART  # four parts, one for each worker
BODY = content(SIZE)
SECOND = PART  # the offset of the second part's first byte


@pytest.fixture
def bucket() -> Iterator[SmallS3]:
    with small_s3() as kept:
        yield kept


@pytest.fixture
def mebibyte_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts be as short as one mebibyte."""
    monkeypatch.setattr(multipart_module, "MIN_PART_BYTES", PART)
    monkeypatch.setattr(output_module, "SINGLE_PUT_BYTES", PART)


@pytest.fixture
def source(mebibyte_parts: None) -> Iterator[LargeResult]:
    with large_result(BODY) as kept:
        yield kept


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after each test that the copy has left no thread and no open upload behind."""
    bucket = request.getfixturevalue("bucket")
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("multipart")] == []
    assert bucket.open_uploads == {}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make parts at most one mebibyte long, so that one worker copies several parts."""
    monkeypatch.setattr(multipart_module, "MAX_PART_BYTES", PART)


@contextmanager
def opened(source: LargeResult, fresh: Callable[[], str] | None = None) -> Iterator[Any]:
    """Yield a link to the result. `fresh` makes the next link when this one has expired. By default `source` makes it."""
    client = http_client.new_client(NO_TLS)
    with (
        client,
        Downloads(client, local=True, context=lambda: NO_TLS).open(source.link(), fresh or source.link) as link,
    ):
        yield link


def pump_into(bucket: SmallS3, workers: int = 4) -> MultipartPut:
    return MultipartPut(bucket.client(), lambda: Credentials(KEY_ID, SECRET), lambda: NO_TLS, workers)


def carry(source: LargeResult, bucket: SmallS3, workers: int = 4, fresh: Callable[[], str] | None = None) -> None:
    """Copy the result into the bucket, as finalize does."""
    with opened(source, fresh) as link:
        S3OutputBucket(bucket.client(), BUCKET, pump_into(bucket, workers)).write(
            KEY, link, ResultHeaders("image/tiff", {"darkroom-job": "j1"}, tags={"team": "a b"}), None
        )


def stands(bucket: SmallS3) -> bytes | None:
    """Return the bytes of the published object, or None if there is no object."""
    return bucket.objects.get(f"/{BUCKET}/{KEY}")
