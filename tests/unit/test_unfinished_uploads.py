"""Tests the listing of unfinished multipart uploads over real sockets. No key in the listing can make it unreadable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from tests.fakes.small_s3 import BUCKET, SmallS3, small_s3

from darkroom.aws.output_bucket import S3OutputBucket

KEYS = ["_darkroom/incoming/\x01", "a b+c%.jpg", "a/\x1f&<ü>.jpg", "plain.jpg", "ÿ\ufffe.jpg"]


@pytest.fixture
def bucket() -> Iterator[SmallS3]:
    with small_s3() as kept:
        kept.begun = KEYS
        yield kept


def test_every_key_is_listed_as_it_is_over_several_pages(bucket: SmallS3) -> None:
    found = S3OutputBucket(bucket.client(), BUCKET).list_unfinished()
    assert [one.key for one in found] == KEYS
    assert [one.upload_id for one in found] == [f"u-{key.encode().hex()}" for key in KEYS]
    assert len(bucket.requests("GET")) == 3


def test_without_an_encoding_the_sdk_cannot_read_such_a_listing(bucket: SmallS3) -> None:
    with pytest.raises(ClientError, match="500"):  # the SDK reports an answer that it cannot parse as a server error
        bucket.client().list_multipart_uploads(Bucket=BUCKET)
