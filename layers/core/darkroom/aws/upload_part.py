"""Sends one part of a multipart upload (UploadPart) in chunks, while the part is read, with its CRC-32 after the body.

The SDK copies each chunk several times. This module sends the same request as the SDK without those copies, and with a
Content-Length (SigV4 with a trailing checksum: S3 API reference, "Signature calculations: including trailing headers"). S3
compares the checksum with the bytes that it received, so a part that it acknowledges has exactly the bytes that were read.
"""

from __future__ import annotations

import base64
import http.client
import logging
import ssl
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from darkroom.ports import Reader

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CHUNK_BYTES = 512 * 1024
TIMEOUT_SECONDS = 60.0
TRAILER = "x-amz-checksum-crc32"
FRAMING_BYTES = 16  # the bytes around a chunk: its length in hexadecimal before it, a line end after it
GLOBAL_HOST = "s3.amazonaws.com"
# What a signed part must have (S3 API reference, "Signature calculations: including trailing headers").
TRAILING_CHECKSUM = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_HEADERS = {
    "host",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
}
EXAMPLE_URL = "https://example.s3.eu-central-1.amazonaws.com/key?uploadId=u&partNumber=1"

log = logging.getLogger(__name__)


class PartNotSent(Exception):
    """S3 did not take the part and keeps nothing of it. The part may be sent again."""


@dataclass(frozen=True)
class Part:
    """A part that S3 has acknowledged."""

    number: int
    etag: str
    crc: int
    size_bytes: int


class Sender(Protocol):
    """Sends the parts of one upload, one after the other. Each thread needs its own."""

    def send(self, number: int, reader: Reader, size_bytes: int) -> Part:
        """Send exactly `size_bytes` of the reader as part `number`. Raises PartNotSent."""

    def close(self) -> None:
        """Give back what the sender holds."""


@dataclass
class PartSender:
    """Sends parts of one upload, one after the other, over one connection. Each thread needs its own sender. `credentials` is
    called for each part, because credentials change."""

    url: str  # the result of `upload_url`
    region: str
    credentials: Callable[[], Any]
    context: ssl.SSLContext
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)
    _buffer: bytearray = field(default_factory=lambda: bytearray(CHUNK_BYTES + FRAMING_BYTES), init=False, repr=False)

    def send(self, number: int, reader: Reader, size_bytes: int) -> Part:
        """Send exactly `size_bytes` of the reader as part `number`. Raises PartNotSent, also in place of an OSError of the
        reader. Other errors of the reader are not caught."""
        crc: int | None = None
        try:
            connection = self._connect()
            with suppress(BrokenPipeError, ConnectionResetError):  # S3 may have sent a reason before it closed
                self._send_headers(connection, number, size_bytes)
                crc = self._send_body(connection, reader, size_bytes)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise PartNotSent(f"the connection to the bucket broke ({type(error).__name__})") from None
        except BaseException:
            self.close()  # the connection is in the middle of a part
            raise
        if response.status != http.client.OK or crc is None:
            self.close()
            raise PartNotSent(f"the bucket answered {response.status} to part {number}: {_error_code(body)}")
        return Part(number, response.getheader("ETag") or "", crc, size_bytes)

    def close(self) -> None:
        """Close the connection. The next part opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            parts = urlsplit(self.url)
            if parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(
                    parts.netloc, timeout=TIMEOUT_SECONDS, context=self.context
                )
            else:
                self._connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
        return self._connection

    def _send_headers(self, connection: http.client.HTTPConnection, number: int, size_bytes: int) -> None:
        url = f"{self.url}&partNumber={number}"
        request = signed_request(url, self.region, self.credentials().get_frozen_credentials(), size_bytes)
        parts = urlsplit(url)
        connection.putrequest("PUT", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(framed_size(size_bytes)))
        connection.endheaders()

    def _send_body(self, connection: http.client.HTTPConnection, reader: Reader, size_bytes: int) -> int:
        """Send the body and its checksum, and return the CRC-32."""
        buffer, crc, remaining = self._buffer, 0, size_bytes
        view = memoryview(buffer)
        while remaining:
            length = min(CHUNK_BYTES, remaining)
            head = b"%x\r\n" % length
            begin, end = len(head), len(head) + length
            buffer[:begin] = head
            _read_into(reader, view[begin:end])
            crc = zlib.crc32(view[begin:end], crc)
            buffer[end : end + 2] = b"\r\n"
            connection.send(view[: end + 2])
            remaining -= length
        connection.send(b"0\r\n%s:%s\r\n\r\n" % (TRAILER.encode(), encode_crc(crc).encode()))
        return crc


def signed_request(url: str, region: str, credentials: Any, size_bytes: int) -> AWSRequest:
    """Return the request of a part, signed by the SDK, without its body."""
    request = AWSRequest(
        "PUT",
        url,
        headers={
            "Content-Encoding": "aws-chunked",
            "X-Amz-Trailer": TRAILER,
            "X-Amz-Sdk-Checksum-Algorithm": "CRC32",
            "X-Amz-Decoded-Content-Length": str(size_bytes),
        },
    )
    # The signature then covers the words "a checksum follows the body" instead of the body's hash. This is a field of the SDK's
    # own, which it may change: see `signs_trailers`.
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    S3SigV4Auth(credentials, "s3", region).add_auth(request)
    return request


@cache
def signs_trailers() -> bool:
    """Whether the SDK of this process signs a part as S3 wants it. A made-up request is signed once; nothing is sent.

    The Lambda runtime brings the SDK, and another one with each update of the runtime.
    """
    try:
        request = signed_request(EXAMPLE_URL, "eu-central-1", Credentials("AKIDEXAMPLE", "secret", "token"), 1)
        authorization = str(request.headers["Authorization"])
        signed = set(authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";"))
        is_right = request.headers["X-Amz-Content-SHA256"] == TRAILING_CHECKSUM and signed >= SIGNED_HEADERS
    except Exception:  # of any type: the SDK has changed
        log.warning("the SDK does not sign trailing checksums any more", exc_info=True)
        return False
    if not is_right:
        log.warning("the SDK signs trailing checksums otherwise: parts are sent by the SDK itself, which is slower")
    return is_right


def upload_url(client: S3Client, target: Mapping[str, Any]) -> str:
    """Return the URL for the parts of an upload, as the SDK resolves it. `target` has Bucket, Key and UploadId.

    The URL has the path and the host of a presigned URL. But a presigned URL has the global host even if the client uses the
    region's host. For a new bucket, the global host answers with a redirect, after which the body could not be sent again. So
    the region's host replaces it.
    """
    parts = urlsplit(client.generate_presigned_url("upload_part", Params={**target, "PartNumber": 1}))
    host = parts.netloc
    if host == GLOBAL_HOST or host.endswith(f".{GLOBAL_HOST}"):
        host = host.removesuffix(GLOBAL_HOST) + urlsplit(client.meta.endpoint_url).netloc
    return f"{parts.scheme}://{host}{parts.path}?{urlencode({'uploadId': target['UploadId']})}"


def framed_size(size_bytes: int) -> int:
    """Return the length of a body of `size_bytes` together with its framing and its trailing checksum."""
    chunks = [(CHUNK_BYTES, size_bytes // CHUNK_BYTES), (size_bytes % CHUNK_BYTES, 1)]
    framed = sum((len(b"%x" % size) + size + 4) * count for size, count in chunks if size)
    return framed + len(b"0\r\n") + len(TRAILER) + 1 + len(encode_crc(0)) + 4


def encode_crc(crc: int) -> str:
    """Return a CRC-32 in S3's form: base64 of four bytes, the highest first."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def _read_into(reader: Reader, view: memoryview) -> None:
    filled = 0
    while filled < len(view):
        try:
            count = reader.readinto(view[filled:])
        except OSError as error:
            raise PartNotSent(f"the source broke ({type(error).__name__})") from None
        if not count:
            raise PartNotSent("the source ended early")
        filled += count


def _error_code(body: bytes) -> str:
    """Return the error code from S3's answer, or `no reason given`."""
    return body.partition(b"<Code>")[2].partition(b"</Code>")[0][:60].decode("ascii", "replace") or "no reason given"
