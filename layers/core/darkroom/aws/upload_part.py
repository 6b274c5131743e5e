"""One part of a multipart upload, sent as it is read: in pieces, with its CRC-32 behind it, over a connection that is kept.

The SDK's own way copies each piece several times; this is its request to the letter (SigV4 with a trailing checksum: S3 API
reference, "Signature calculations: including trailing headers"), with a Content-Length and without the copies. S3 compares
the checksum with what it received, so what it acknowledges is what was read here.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from darkroom.ports import Reader

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PIECE_BYTES = 512 * 1024
TIMEOUT_SECONDS = 60.0
TRAILER = "x-amz-checksum-crc32"
ROOM_BYTES = 16  # around a piece: its length in hexadecimal before, the line's end behind
GLOBAL_HOST = "s3.amazonaws.com"


class PartNotSent(Exception):
    """S3 did not take the part; nothing of it is kept. It may be sent again."""


@dataclass(frozen=True)
class Part:
    """A part as S3 took it."""

    number: int
    etag: str
    crc: int
    size_bytes: int


@dataclass
class PartSender:
    """Sends parts of one upload, one after the other; one a thread. `credentials` are asked for each part: they change."""

    url: str  # see `upload_url`
    region: str
    credentials: Callable[[], Any]
    context: ssl.SSLContext
    _connection: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)
    _buffer: bytearray = field(default_factory=lambda: bytearray(PIECE_BYTES + ROOM_BYTES), init=False, repr=False)

    def send(self, number: int, reader: Reader, size_bytes: int) -> Part:
        """Exactly that many bytes of the reader. Raises PartNotSent, and what the reader raises but OSError."""
        crc: int | None = None
        try:
            connection = self._connected()
            with suppress(BrokenPipeError, ConnectionResetError):  # the bucket may have said why before it hung up
                self._head(connection, number, size_bytes)
                crc = self._body(connection, reader, size_bytes)
            response = connection.getresponse()
            said = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise PartNotSent(f"the connection to the bucket broke ({type(error).__name__})") from None
        except BaseException:
            self.close()  # a half part was sent
            raise
        if response.status != http.client.OK or crc is None:
            self.close()
            raise PartNotSent(f"the bucket answered {response.status} to part {number}: {_code(said)}")
        return Part(number, response.getheader("ETag") or "", crc, size_bytes)

    def close(self) -> None:
        """Ends the connection; the next part makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            parts = urlsplit(self.url)
            if parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(
                    parts.netloc, timeout=TIMEOUT_SECONDS, context=self.context
                )
            else:
                self._connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
        return self._connection

    def _head(self, connection: http.client.HTTPConnection, number: int, size_bytes: int) -> None:
        url = f"{self.url}&partNumber={number}"
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
        # What is signed in place of the body's hash says that its checksum follows.
        request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
        S3SigV4Auth(self.credentials().get_frozen_credentials(), "s3", self.region).add_auth(request)
        parts = urlsplit(url)
        connection.putrequest("PUT", f"{parts.path}?{parts.query}", skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(framed_bytes(size_bytes)))
        connection.endheaders()

    def _body(self, connection: http.client.HTTPConnection, reader: Reader, size_bytes: int) -> int:
        """Sends it and answers its CRC-32."""
        buffer, crc, left = self._buffer, 0, size_bytes
        view = memoryview(buffer)
        while left:
            want = min(PIECE_BYTES, left)
            head = b"%x\r\n" % want
            begin, end = len(head), len(head) + want
            buffer[:begin] = head
            _fill(reader, view[begin:end])
            crc = zlib.crc32(view[begin:end], crc)
            buffer[end : end + 2] = b"\r\n"
            connection.send(view[: end + 2])
            left -= want
        connection.send(b"0\r\n%s:%s\r\n\r\n" % (TRAILER.encode(), crc_text(crc).encode()))
        return crc


def upload_url(client: S3Client, target: Mapping[str, Any]) -> str:
    """Where the parts of an upload go, as the SDK resolves it; `target` has Bucket, Key and UploadId.

    A presigned URL names the host and the path, but the global host where the client has the region's: that one answers for a
    new bucket with a redirect, which no body of a part would survive.
    """
    parts = urlsplit(client.generate_presigned_url("upload_part", Params={**target, "PartNumber": 1}))
    host = parts.netloc
    if host == GLOBAL_HOST or host.endswith(f".{GLOBAL_HOST}"):
        host = host.removesuffix(GLOBAL_HOST) + urlsplit(client.meta.endpoint_url).netloc
    return f"{parts.scheme}://{host}{parts.path}?{urlencode({'uploadId': target['UploadId']})}"


def framed_bytes(size_bytes: int) -> int:
    """The length of a body of that size with its framing and its trailing checksum."""
    pieces = [(PIECE_BYTES, size_bytes // PIECE_BYTES), (size_bytes % PIECE_BYTES, 1)]
    framed = sum((len(b"%x" % size) + size + 4) * count for size, count in pieces if size)
    return framed + len(b"0\r\n") + len(TRAILER) + 1 + len(crc_text(0)) + 4


def crc_text(crc: int) -> str:
    """A CRC-32 as S3 writes it: base64 of four bytes, the highest first."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def _fill(reader: Reader, view: memoryview) -> None:
    filled = 0
    while filled < len(view):
        try:
            count = reader.readinto(view[filled:])
        except OSError as error:
            raise PartNotSent(f"the source broke ({type(error).__name__})") from None
        if not count:
            raise PartNotSent("the source ended early")
        filled += count


def _code(body: bytes) -> str:
    """S3's word for what is wrong."""
    return body.partition(b"<Code>")[2].partition(b"</Code>")[0][:60].decode("ascii", "replace") or "no reason given"
