"""UploadPart by the SDK: sends parts where `upload_part` cannot, because the SDK of the runtime signs otherwise than expected.

The SDK copies each chunk several times, which costs time. The memory stays as small: a part is read while it is sent.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.aws.upload_part import CHUNK_BYTES, Part, PartNotSent
from darkroom.ports import Reader

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@dataclass(frozen=True)
class SdkPartSender:
    """Sends the parts of one upload through the SDK's client; fulfils `upload_part.Sender`. `target` has Bucket, Key and
    UploadId."""

    client: S3Client
    target: Mapping[str, Any]

    def send(self, number: int, reader: Reader, size_bytes: int) -> Part:
        """Send exactly `size_bytes` of the reader as part `number`. Raises PartNotSent: the reader can be read only once, so that
        the SDK cannot repeat the request."""
        body: Any = _Body(reader, size_bytes)
        try:
            answer = self.client.upload_part(**self.target, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        except (BotoCoreError, ClientError, OSError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise PartNotSent(f"the SDK could not send part {number}: {code}") from None
        return Part(number, answer["ETag"], body.crc, size_bytes)

    def close(self) -> None:
        """Do nothing: the connections are the client's."""


@dataclass
class _Body:
    """A body of known length that is read once. The SDK takes it for a stream, and adds the checksum behind it."""

    reader: Reader
    size_bytes: int
    crc: int = 0
    _position: int = field(default=0, init=False)

    def __len__(self) -> int:
        return self.size_bytes

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, empty at the end. Raises OSError if the reader ends early."""
        left = self.size_bytes - self._position
        buffer = bytearray(min(left, size if size >= 0 else left, CHUNK_BYTES))
        if not buffer:
            return b""
        count = self.reader.readinto(memoryview(buffer))
        if not count:
            raise OSError("the source ended early")
        chunk = bytes(buffer[:count])
        self.crc = zlib.crc32(chunk, self.crc)
        self._position += count
        return chunk
