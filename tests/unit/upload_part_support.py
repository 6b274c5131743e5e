"""Helpers for tests of upload parts: a bucket on a loopback port, with or without TLS, and a sender of parts."""

from __future__ import annotations

import io
import random
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials
from tests.fakes.mock_vendor import NO_TLS
from tests.fakes.small_s3 import BUCKET, KEY_ID, REGION, SECRET, Seen, SmallS3, small_s3

from darkroom.aws.upload_part import PartSender, upload_url
from darkroom_local.machine.certificates import issue

KEY = "a b/é+c%&=~'()!.tif"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file with the key, the certificate, and the authority's certificate, which clients trust."""
    folder = tmp_path_factory.mktemp("tls")
    own, all_of_it = issue(folder), folder / "all.pem"
    all_of_it.write_bytes(b"".join(path.read_bytes() for path in (own.key, own.chain, own.authority)))
    return all_of_it


@pytest.fixture
def bucket() -> Iterator[SmallS3]:
    with small_s3() as kept:
        yield kept


@pytest.fixture
def secure(certificate: Path) -> Iterator[SmallS3]:
    with small_s3(certificate) as kept:
        yield kept


def body_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def begun(bucket: SmallS3) -> dict[str, Any]:
    answer = bucket.client().create_multipart_upload(Bucket=BUCKET, Key=KEY)
    return {"Bucket": BUCKET, "Key": KEY, "UploadId": answer["UploadId"]}


def sender_of(bucket: SmallS3, target: dict[str, Any], token: str | None = None) -> PartSender:
    context = ssl.create_default_context(cafile=str(bucket.authority)) if bucket.authority else NO_TLS
    return PartSender(upload_url(bucket.client(), target), REGION, lambda: Credentials(KEY_ID, SECRET, token), context)


def reader(body: bytes) -> Any:
    """Return a reader that gives at most 100,000 bytes for each read, as a connection does."""

    class Slow(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:100_000])

    return Slow(body)


def put_of(bucket: SmallS3) -> Seen:
    return bucket.requests("PUT")[-1]
