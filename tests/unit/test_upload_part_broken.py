"""Tests an upload part that fails. The error says which side failed, nothing of the part is stored, and the part can be
sent again.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from botocore.credentials import Credentials
from tests.fakes.mock_vendor import NO_TLS
from tests.fakes.small_s3 import REGION, SECRET, SmallS3
from tests.unit.upload_part_support import begun, body_of, bucket, certificate, reader, secure, sender_of

from darkroom.aws.upload_part import Part, PartNotSent, PartSender
from darkroom.errors import ResultNotReady

__all__ = ["bucket", "certificate", "secure"]  # pytest must find these fixtures here


@pytest.mark.parametrize(
    ("misdeed", "words"),
    [("SlowDown", "503 to part 1: SlowDown"), ("refuse at once", "AccessDenied"), ("hang up", "connection")],
)  # fmt: skip
def test_a_part_that_the_bucket_does_not_take_can_be_sent_again(bucket: SmallS3, misdeed: str, words: str) -> None:
    target, body = begun(bucket), body_of(5_000_000)
    bucket.misdeeds = {1: [misdeed]}
    sender = sender_of(bucket, target)
    with pytest.raises(PartNotSent, match=words):
        sender.send(1, reader(body), len(body))
    assert isinstance(sender.send(1, reader(body), len(body)), Part)
    sender.close()
    assert bucket.open_uploads[target["UploadId"]] == {1: body}


def test_a_part_that_changed_on_its_way_is_refused_by_its_checksum(bucket: SmallS3) -> None:
    """The bytes change after the checksum was computed, as a fault of memory or network could change them."""
    target = begun(bucket)
    sender = sender_of(bucket, target)
    plain = sender._send_body

    def corrupted(connection: Any, source: Any, size: int) -> int:
        send = connection.send
        connection.send = lambda data: send(bytes(data).replace(b"abc", b"abd"))
        return plain(connection, source, size)

    sender._send_body = corrupted  # type: ignore[method-assign]
    with pytest.raises(PartNotSent, match="BadDigest"):
        sender.send(1, reader(b"abc" * 1000), 3000)
    assert bucket.open_uploads[target["UploadId"]] == {}


@pytest.mark.parametrize("count", [0, 1, 299_999])
def test_a_reader_that_ends_early_makes_no_part(bucket: SmallS3, count: int) -> None:
    target = begun(bucket)
    sender = sender_of(bucket, target)
    with pytest.raises(PartNotSent, match="ended early"):
        sender.send(1, reader(body_of(count)), 300_000)
    assert bucket.open_uploads[target["UploadId"]] == {}
    assert sender.send(1, reader(b"x" * 10), 10).size_bytes == 10  # this part uses a new connection
    sender.close()


@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError()])
def test_a_source_that_breaks_is_not_taken_for_the_bucket(bucket: SmallS3, error: Exception) -> None:
    class Broken:
        def readinto(self, buffer: memoryview) -> int:
            raise error

    sender = sender_of(bucket, begun(bucket))
    with pytest.raises(PartNotSent, match="the source broke"):
        sender.send(1, Broken(), 10)
    sender.close()


def test_what_the_reader_says_is_passed_on_and_the_half_part_dropped(bucket: SmallS3) -> None:
    class Broken:
        def readinto(self, buffer: memoryview) -> int:
            raise ResultNotReady("cut")

    target = begun(bucket)
    sender = sender_of(bucket, target)
    with pytest.raises(ResultNotReady, match="cut"):
        sender.send(1, Broken(), 10)
    assert bucket.open_uploads[target["UploadId"]] == {}
    sender.send(2, reader(b"x"), 1)
    sender.close()
    assert bucket.open_uploads[target["UploadId"]] == {2: b"x"}


def test_a_bucket_that_is_not_there_is_no_part() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sender = PartSender(f"http://127.0.0.1:{port}/b/k?uploadId=u", REGION, lambda: Credentials("a", "b"), NO_TLS)
    with pytest.raises(PartNotSent, match="ConnectionRefusedError"):
        sender.send(1, reader(b"x"), 1)


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: SmallS3) -> None:
    target = begun(secure)
    sender = sender_of(secure, target)
    sender.context = ssl.create_default_context(cadata=None)
    with pytest.raises(PartNotSent, match="SSLCertVerificationError"):
        sender.send(1, reader(b"x"), 1)
    assert secure.requests("PUT") == []


def test_no_secret_stands_in_the_text_of_a_sender_or_an_error(bucket: SmallS3) -> None:
    bucket.misdeeds = {1: ["hang up"]}
    sender = sender_of(bucket, begun(bucket))
    with pytest.raises(PartNotSent) as caught:
        sender.send(1, reader(body_of(3_000_000)), 3_000_000)
    assert SECRET not in repr(sender) + repr(caught.value)
