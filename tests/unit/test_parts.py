"""One part on the wire: the SDK's own request, with a Content-Length, byte for byte as long as announced; and what goes wrong."""

from __future__ import annotations

import io
import random
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from benchmarks.support.certificates import write_certificate
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from tests.fakes.small_s3 import BUCKET, KEY_ID, REGION, SECRET, Seen, SmallS3, crc_text, decoded, etag, small_s3
from tests.fakes.vendor import NO_TLS

from darkroom.aws.parts import PIECE_BYTES, Part, PartNotSent, PartSender, framed_bytes, upload_url
from darkroom.errors import ResultNotReady

KEY = "a b/é+c%&=~'()!.tif"
# Of each request its own: who sends, which try it is, how the body is framed on the connection.
NOT_COMPARED = {"user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "connection", "accept-encoding", "expect"}
SIZES = [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 3 * PIECE_BYTES + 17]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file of certificate and key."""
    folder = tmp_path_factory.mktemp("tls")
    write_certificate(folder / "certificate.pem", folder / "key.pem")
    both = folder / "both.pem"
    both.write_bytes((folder / "certificate.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both


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
    return PartSender(
        upload_url(bucket.client(), target), REGION, lambda: Credentials(KEY_ID, SECRET, token), context
    )


def reader(body: bytes) -> Any:
    """Gives at most 100,000 bytes at a time, as a connection would."""

    class Slow(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            return super().readinto(memoryview(buffer)[:100_000])

    return Slow(body)


def put_of(bucket: SmallS3) -> Seen:
    return bucket.requests("PUT")[-1]


@pytest.mark.parametrize("size", SIZES)
def test_a_part_arrives_whole_with_its_checksum_behind_it(bucket: SmallS3, size: int) -> None:
    target, body = begun(bucket), body_of(size)
    sender = sender_of(bucket, target)
    part = sender.send(3, reader(body), size)
    sender.close()
    assert bucket.open_uploads[target["UploadId"]] == {3: body}
    assert (part.number, part.etag, crc_text(body), part.size_bytes) == (3, etag(body), crc_text(body), size)
    assert decoded(put_of(bucket).body)[1] == {"x-amz-checksum-crc32": crc_text(body)}


@pytest.mark.parametrize("size", SIZES)
def test_the_announced_length_is_the_bodys_to_the_byte(bucket: SmallS3, size: int) -> None:
    sender = sender_of(bucket, begun(bucket))
    sender.send(1, reader(body_of(size)), size)
    sender.close()
    seen = put_of(bucket)
    assert int(seen.headers["content-length"]) == framed_bytes(size) == len(seen.body)
    assert "transfer-encoding" not in seen.headers


def test_the_request_is_the_one_that_the_sdk_makes(secure: SmallS3) -> None:
    """Over TLS, since the SDK signs the body elsewhere."""
    target, body = begun(secure), body_of(PIECE_BYTES + 5)
    secure.client().upload_part(**target, PartNumber=7, Body=body, ChecksumAlgorithm="CRC32")
    theirs = put_of(secure)
    sender = sender_of(secure, target)
    sender.send(7, reader(body), len(body))
    sender.close()
    ours = put_of(secure)
    assert ours is not theirs
    assert (ours.path.partition("?")[0], ours.query) == (theirs.path.partition("?")[0], theirs.query)
    assert signed_names(ours) - NOT_COMPARED == signed_names(theirs) - NOT_COMPARED
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
    """So that the test above can fail."""
    sender = sender_of(secure, begun(secure))
    sender.credentials = lambda: Credentials(KEY_ID, "another")
    sender.send(2, reader(b"x"), 1)
    sender.close()
    assert signature_of(put_of(secure), secure.url) not in put_of(secure).headers["authorization"]


def signed_names(seen: Seen) -> set[str]:
    return set(seen.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";"))


def signature_of(seen: Seen, origin: str) -> str:
    """Recomputed from what arrived."""
    auth = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", REGION)
    request = AWSRequest(
        seen.method, origin + seen.path, headers={name: seen.headers[name] for name in signed_names(seen)}
    )
    request.context["timestamp"] = seen.headers["x-amz-date"]
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("name", ["plain-bucket", "with.dots"])
@pytest.mark.parametrize("style", ["auto", "virtual", "path"])
def test_parts_go_where_the_sdk_would_send_them(region: str, name: str, style: Any) -> None:
    """To the region's own host: the global one answers for a new bucket with a redirect."""
    client: Any = boto3.client(
        "s3", region_name=region, aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET,
        config=Config(s3={"addressing_style": style}),
    )  # fmt: skip
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
    """An answer's empty body."""

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


# --- what goes wrong ------------------------------------------------------------------------------------------------


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
    """The reader's bytes change after their checksum was taken: as memory or a wire would do it."""
    target = begun(bucket)
    sender = sender_of(bucket, target)
    plain = sender._body

    def corrupted(connection: Any, source: Any, size: int) -> int:
        send = connection.send
        connection.send = lambda data: send(bytes(data).replace(b"abc", b"abd"))
        return plain(connection, source, size)

    sender._body = corrupted  # type: ignore[method-assign]
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
    assert sender.send(1, reader(b"x" * 10), 10).size_bytes == 10  # over a connection of its own
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
