"""Parts that the SDK sends itself, because it no longer signs a trailing checksum as expected."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.credentials import Credentials
from tests.fakes.large_result import content
from tests.fakes.small_s3 import BUCKET, KEY_ID, SECRET, SmallS3
from tests.unit.test_result_headers import Bytes
from tests.unit.upload_part_support import begun, body_of, certificate, reader, secure

from darkroom.aws import multipart_put as multipart_module
from darkroom.aws import upload_part
from darkroom.aws.multipart_put import MultipartPut
from darkroom.aws.sdk_upload_part import SdkPartSender
from darkroom.aws.upload_part import CHUNK_BYTES, PartNotSent, signs_trailers

__all__ = ["certificate", "secure"]  # pytest must find these fixtures here

SIZES = [1, CHUNK_BYTES, 3 * CHUNK_BYTES + 17]


@pytest.fixture
def proof_anew() -> Iterator[None]:
    """Let the SDK be looked at again, and forget afterwards what was found."""
    signs_trailers.cache_clear()
    yield
    signs_trailers.cache_clear()


@pytest.fixture
def changed_sdk(proof_anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the SDK want one more entry of the field on which `upload_part` leans, which its own requests have."""

    def is_streaming(self: Any, request: Any) -> bool:
        return "name" in request.context.get("checksum", {}).get("request_algorithm", {})

    monkeypatch.setattr(S3SigV4Auth, "_is_streaming_checksum_payload", is_streaming)


def never_signing(self: Any, request: Any) -> None:
    raise AttributeError("add_auth is gone")


def test_the_sdk_of_this_process_signs_as_expected(proof_anew: None) -> None:
    assert signs_trailers()


def test_an_sdk_that_signs_otherwise_is_noticed(changed_sdk: None, caplog: pytest.LogCaptureFixture) -> None:
    assert not signs_trailers()
    assert "parts are sent by the SDK itself" in caplog.text


def test_an_sdk_that_leaves_out_a_header_is_noticed(proof_anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_part, "SIGNED_HEADERS", upload_part.SIGNED_HEADERS | {"x-amz-new"})
    assert not signs_trailers()


def test_an_sdk_that_cannot_sign_is_noticed(proof_anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3SigV4Auth, "add_auth", never_signing)
    assert not signs_trailers()


def sender_of(bucket: SmallS3, target: dict[str, Any]) -> SdkPartSender:
    return SdkPartSender(bucket.client(), target)


@pytest.mark.parametrize("size", SIZES)
def test_a_part_arrives_whole_and_its_checksum_is_known(secure: SmallS3, size: int) -> None:
    target, body = begun(secure), body_of(size)
    part = sender_of(secure, target).send(2, reader(body), size)
    assert secure.open_uploads[target["UploadId"]] == {2: body}
    assert (part.number, part.crc, part.size_bytes) == (2, zlib.crc32(body), size)


def test_a_part_is_read_while_it_is_sent(secure: SmallS3) -> None:
    """Four workers must not hold four parts in memory."""
    size, asked = 8 * CHUNK_BYTES, []

    class Counting:
        def readinto(self, buffer: memoryview) -> int:
            asked.append(len(buffer))
            return len(buffer)

    sender_of(secure, begun(secure)).send(1, Counting(), size)  # type: ignore[arg-type]
    assert max(asked) <= CHUNK_BYTES
    assert sum(asked) == size


def test_a_part_that_the_bucket_does_not_take_can_be_sent_again(secure: SmallS3) -> None:
    target, body = begun(secure), body_of(2 * CHUNK_BYTES)
    secure.misdeeds = {1: ["SlowDown"]}
    with pytest.raises(PartNotSent, match="could not send part 1"):
        sender_of(secure, target).send(1, reader(body), len(body))
    assert sender_of(secure, target).send(1, reader(body), len(body)).size_bytes == len(body)


def test_the_sdk_does_not_repeat_what_it_cannot_read_again(secure: SmallS3) -> None:
    target, body = begun(secure), body_of(2 * CHUNK_BYTES)
    secure.misdeeds = {1: ["SlowDown"]}
    with pytest.raises(PartNotSent):
        SdkPartSender(secure.client(attempts=4), target).send(1, reader(body), len(body))
    assert secure.open_uploads[target["UploadId"]] == {}


def test_a_source_that_ends_early_is_no_part(secure: SmallS3) -> None:
    target = begun(secure)
    with pytest.raises(PartNotSent):
        sender_of(secure, target).send(1, reader(b"short"), 9)
    assert secure.open_uploads[target["UploadId"]] == {}


def test_a_large_result_is_copied_by_the_sdk(
    secure: SmallS3, changed_sdk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multipart_module, "MIN_PART_BYTES", CHUNK_BYTES)
    whole = content(3 * CHUNK_BYTES + 5)

    class Link(Bytes):
        def stream(self) -> Iterator[bytes]:
            yield from (whole[at : at + 100_000] for at in range(0, len(whole), 100_000))

    link: Any = Link(len(whole))
    copy = MultipartPut(secure.client(), lambda: Credentials(KEY_ID, SECRET), _no_context, workers=2)
    copy.write({"Bucket": BUCKET, "Key": "k.tif"}, link, {"IfNoneMatch": "*"})
    assert secure.objects[f"/{BUCKET}/k.tif"] == whole


def _no_context() -> Any:
    raise AssertionError("the SDK has its own connections")
