"""Tests that bytes of any length go into a bucket, by one PUT or in parts. S3 joins the parts only if they are named as
they were sent.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from tests.fakes.small_s3 import BUCKET, SmallS3
from tests.unit.upload_part_support import certificate, secure

from darkroom.aws.streaming_put import PART_BYTES, put

__all__ = ["certificate", "secure"]  # pytest must find these fixtures here

DESCRIBED = {"Bucket": BUCKET, "Key": "incoming/a", "Metadata": {"kept": "yes"}}


def pieces_of(body: bytes, size: int = 300_000) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


@pytest.mark.parametrize("size", [PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 17])
def test_more_than_a_part_is_begun_with_the_checksum_that_its_parts_are_named_by(secure: SmallS3, size: int) -> None:
    body = random.Random(size).randbytes(size)

    put(secure.client(), DESCRIBED, pieces_of(body))

    assert secure.objects[f"/{BUCKET}/incoming/a"] == body
    assert secure.open_uploads == {}
    begun, completed = secure.requests("POST")
    assert begun.headers["x-amz-checksum-algorithm"] == "CRC32"
    assert begun.headers["x-amz-meta-kept"] == "yes"
    assert completed.body.count(b"<ChecksumCRC32>") == -(-size // PART_BYTES)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES])
def test_what_fits_into_a_part_is_one_put(secure: SmallS3, size: int) -> None:
    body = random.Random(size).randbytes(size)

    put(secure.client(), DESCRIBED, pieces_of(body))

    assert secure.objects[f"/{BUCKET}/incoming/a"] == body
    assert secure.requests("POST") == []
    assert len(secure.requests("PUT")) == 1


def test_a_stream_that_breaks_leaves_nothing(secure: SmallS3) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(PART_BYTES + 1)
        raise ConnectionError("cut")

    with pytest.raises(ConnectionError, match="cut"):
        put(secure.client(), DESCRIBED, broken())

    assert (secure.objects, secure.open_uploads) == ({}, {})


def test_a_part_that_is_refused_leaves_nothing(secure: SmallS3) -> None:
    secure.misdeeds[2] = ["InternalError"] * 4  # the fault lasts longer than the SDK retries

    with pytest.raises(ClientError, match="InternalError"):
        put(secure.client(), DESCRIBED, pieces_of(bytes(2 * PART_BYTES + 1)))

    assert (secure.objects, secure.open_uploads) == ({}, {})
