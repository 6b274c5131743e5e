"""Tests one upload part on the wire. It equals the SDK's own request, has a Content-Length, and is exactly as long as
announced.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from tests.fakes.small_s3 import KEY_ID, REGION, SECRET, Seen, SmallS3, decoded, encode_crc, etag
from tests.rows import each_row
from tests.unit.upload_part_support import KEY, begun, body_of, bucket, certificate, put_of, reader, secure, sender_of

from darkroom.aws.upload_part import CHUNK_BYTES, framed_size, upload_url

__all__ = ["bucket", "certificate", "secure"]  # pytest must find these fixtures here

# Headers that differ in each request, because they name the sender, the number of the try or the framing of the body.
NOT_COMPARED = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "connection", "accept-encoding", "expect"}
SIZES = [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 17]


@pytest.mark.parametrize("size", SIZES)
def test_a_part_arrives_whole_with_its_checksum_behind_it(bucket: SmallS3, size: int) -> None:
    target, body = begun(bucket), body_of(size)
    sender = sender_of(bucket, target)
    part = sender.send(3, reader(body), size)
    sender.close()
    assert bucket.open_uploads[target["UploadId"]] == {3: body}
    assert (part.number, part.etag, part.crc, part.size_bytes) == (3, etag(body), zlib.crc32(body), size)
    assert decoded(put_of(bucket).body)[1] == {"x-amz-checksum-crc32": encode_crc(body)}


@pytest.mark.parametrize("size", SIZES)
def test_the_announced_length_is_the_bodys_to_the_byte(bucket: SmallS3, size: int) -> None:
    sender = sender_of(bucket, begun(bucket))
    sender.send(1, reader(body_of(size)), size)
    sender.close()
    seen = put_of(bucket)
    assert int(seen.headers["content-length"]) == framed_size(size) == len(seen.body)
    assert "transfer-encoding" not in seen.headers


def test_the_request_is_the_one_that_the_sdk_makes(secure: SmallS3) -> None:
    """The test uses TLS, because without it the SDK signs the body differently."""
    target, body = begun(secure), body_of(CHUNK_BYTES + 5)
    secure.client().upload_part(**target, PartNumber=7, Body=body, ChecksumAlgorithm="CRC32")
    theirs = put_of(secure)
    sender = sender_of(secure, target)
    sender.send(7, reader(body), len(body))
    sender.close()
    ours = put_of(secure)
    assert ours is not theirs
    assert (ours.path.partition("?")[0], ours.query) == (theirs.path.partition("?")[0], theirs.query)
    framing = {"transfer-encoding"}  # early versions of the SDK sign it; S3 asks for no such signature
    assert signed_names(ours) - NOT_COMPARED == signed_names(theirs) - NOT_COMPARED - framing
    of_a_moment = {"authorization", "x-amz-date", "content-length", "transfer-encoding"} | NOT_COMPARED
    assert {n: v for n, v in ours.headers.items() if n not in of_a_moment} == {
        n: v for n, v in theirs.headers.items() if n not in of_a_moment
    }
    assert decoded(ours.body) == decoded(theirs.body)
    assert ours.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.mark.parametrize("token", [None, "session/token+=="])
def test_the_signature_is_the_one_that_the_bucket_would_compute(secure: SmallS3, token: str | None) -> None:
    sender = sender_of(secure, begun(secure), token)
    sender.send(2, reader(b"x" * 10_000), 10_000)
    sender.close()
    seen = put_of(secure)
    assert seen.headers.get("x-amz-security-token") == token
    assert seen.headers["authorization"].endswith(f"Signature={signature_of(seen, secure.url)}")
    assert {"host", "x-amz-trailer", "x-amz-decoded-content-length", "x-amz-content-sha256"} <= signed_names(seen)


def test_another_secret_gives_another_signature(secure: SmallS3) -> None:
    """This shows that the comparison of signatures above can fail."""
    sender = sender_of(secure, begun(secure))
    sender.credentials = lambda: Credentials(KEY_ID, "another")
    sender.send(2, reader(b"x"), 1)
    sender.close()
    assert signature_of(put_of(secure), secure.url) not in put_of(secure).headers["authorization"]


def signed_names(seen: Seen) -> set[str]:
    return set(seen.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";"))


def signature_of(seen: Seen, origin: str) -> str:
    """Compute the signature of a received request again."""
    auth = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", REGION)
    request = AWSRequest(
        seen.method, origin + seen.path, headers={name: seen.headers[name] for name in signed_names(seen)}
    )
    request.context["timestamp"] = seen.headers["x-amz-date"]
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


@each_row("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
@each_row("name", ["plain-bucket", "with.dots"])
@each_row("style", ["auto", "virtual", "path"])
def test_parts_go_where_the_sdk_would_send_them(region: str, name: str, style: Any) -> None:
    """Parts go to the region's own host, because the global host redirects requests for a new bucket."""
    client: Any = boto3.client(
        "s3",
        region_name=region,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": style}),
    )
    urls: list[str] = []

    def caught(request: Any, **rest: Any) -> AWSResponse:
        urls.append(request.url)
        return AWSResponse(request.url, 200, {"ETag": '"x"'}, NoBody())  # type: ignore[arg-type]

    client.meta.events.register("before-send.s3.UploadPart", caught)
    target = {"Bucket": name, "Key": KEY, "UploadId": "u/+=~x"}
    client.upload_part(**target, PartNumber=9, Body=b"x")
    place, _, query = urls[0].partition("?")
    ours = f"{upload_url(client, target)}&partNumber=9"
    assert ours.partition("?")[0] == place
    assert sorted(ours.partition("?")[2].split("&")) == sorted(query.split("&"))


class NoBody:
    """Replaces an answer's body, which is empty."""

    def stream(self, *rest: Any, **more: Any) -> Iterator[bytes]:
        return iter(())


def test_one_connection_serves_all_parts_of_a_sender(bucket: SmallS3, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *rest, **more: made.append(rest) or real(*rest, **more))
    sender = sender_of(bucket, begun(bucket))
    for number in (1, 2, 3):
        sender.send(number, reader(b"x" * 1000), 1000)
    sender.close()
    assert len(made) == 1


def test_credentials_are_asked_for_each_part(bucket: SmallS3) -> None:
    sender = sender_of(bucket, begun(bucket))
    keys = iter(["first", "second"])
    sender.credentials = lambda: Credentials(next(keys), SECRET)
    for number in (1, 2):
        sender.send(number, reader(b"x"), 1)
    sender.close()
    signed_by = [seen.headers["authorization"].partition("Credential=")[2][:6] for seen in bucket.requests("PUT")]
    assert signed_by == ["first/", "second"]
