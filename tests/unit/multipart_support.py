"""A pump between a provider's storage and a bucket, both on loopback ports: what the tests of large results share.

Its parts are of a mebibyte, two pieces each, where S3's are of eight at least: the same ways through the code by an eighth
of the bytes.
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

from darkroom.aws import multipart as pump_module
from darkroom.aws import output_bucket as output_module
from darkroom.aws.multipart import MultipartCopy
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads

KEY = "photos/ö large.tif"
PART = MIB
SIZE = 4 * PART  # four parts, one a worker
BODY = content(SIZE)
SECOND = PART  # the first byte of the second part


@pytest.fixture
def bucket() -> Iterator[SmallS3]:
    with small_s3() as kept:
        yield kept


@pytest.fixture
def mebibyte_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a mebibyte at least."""
    monkeypatch.setattr(pump_module, "MIN_PART_BYTES", PART)
    monkeypatch.setattr(output_module, "SMALL_BYTES", PART)


@pytest.fixture
def source(mebibyte_parts: None) -> Iterator[LargeResult]:
    with large_result(BODY) as kept:
        yield kept


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no thread of the pump, and no upload that is still open."""
    bucket = request.getfixturevalue("bucket")
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("multipart")] == []
    assert bucket.open_uploads == {}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a mebibyte at most, so that one worker has several."""
    monkeypatch.setattr(pump_module, "MAX_PART_BYTES", PART)


@contextmanager
def opened(source: LargeResult, fresh: Callable[[], str] | None = None) -> Iterator[Any]:
    """A link to the result; `fresh` mints another, the source's own unless told otherwise."""
    client = http_client.new_client(NO_TLS)
    with (
        client,
        Downloads(client, local=True, context=lambda: NO_TLS).open(source.link(), fresh or source.link) as link,
    ):
        yield link


def pump_into(bucket: SmallS3, workers: int = 4) -> MultipartCopy:
    return MultipartCopy(bucket.client(), lambda: Credentials(KEY_ID, SECRET), lambda: NO_TLS, workers)


def carry(source: LargeResult, bucket: SmallS3, workers: int = 4, fresh: Callable[[], str] | None = None) -> None:
    """The result through the pump, as finalize writes it."""
    with opened(source, fresh) as link:
        S3OutputBucket(bucket.client(), BUCKET, pump_into(bucket, workers)).write(
            KEY, link, "image/tiff", {"darkroom-job": "j1"}, {"team": "a b"}
        )


def stands(bucket: SmallS3) -> bytes | None:
    """What is in place."""
    return bucket.objects.get(f"/{BUCKET}/{KEY}")
