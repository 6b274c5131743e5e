"""The pump: a large result into a bucket in constant memory, several parts at a time, each read and sent on at once.

Where the source gives no parts, one download is cut into them. S3 compares each part's checksum with that of what it received
and puts together no others, so what is in place is what was read, whole.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.aws.upload_part import Part, PartNotSent, PartSender, crc_text, upload_url
from darkroom.errors import ResultNotReady
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WORKERS = 4
TRIES = 3  # of a part, each with a fresh read of it
MIN_PART_BYTES = 8 * 1024 * 1024  # 5 MiB is the least S3 takes
MAX_PART_BYTES = 64 * 1024 * 1024  # larger ones save no requests worth their loss: 10,000 of these are 640 GiB

Span = tuple[int, int, int]  # a part's number, offset and length


@dataclass(frozen=True)
class MultipartCopy:
    """Writes results through one client. `context` is for the bucket's host."""

    client: S3Client
    credentials: Callable[[], Any]
    context: Callable[[], ssl.SSLContext]
    workers: int = WORKERS

    def write(self, described: Mapping[str, Any], link: ResultLink) -> None:
        """`described` has bucket, key and what CreateMultipartUpload takes. Raises ResultNotReady and what S3 raises: then the
        upload was aborted and nothing is in place. Repeat safe."""
        begun = self.client.create_multipart_upload(**described, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
        target = {"Bucket": described["Bucket"], "Key": described["Key"], "UploadId": begun["UploadId"]}
        try:
            copy = self._apart if link.has_parts else self._in_a_row
            self._complete(target, copy(upload_url(self.client, target), link))
        except BaseException:
            with suppress(BotoCoreError, ClientError):  # then the sweep finds it
                self.client.abort_multipart_upload(**target)
            raise

    def _apart(self, url: str, link: ResultLink) -> list[Part]:
        """Workers take parts off one list; all have ended when this returns or raises."""
        waiting = deque(cut(link.size_bytes, self.workers))
        count = min(self.workers, len(waiting))
        with ThreadPoolExecutor(count, "pump") as pool:
            workers = [pool.submit(self._work, url, link, waiting) for _ in range(count)]
            return sorted((part for worker in workers for part in worker.result()), key=lambda part: part.number)

    def _work(self, url: str, link: ResultLink, waiting: deque[Span]) -> list[Part]:
        with closing(self._sender(url)) as sender:
            try:
                return [_again(sender, link, span) for span in _taken(waiting)]
            except BaseException:
                waiting.clear()  # nobody begins another part of what has failed
                raise

    def _in_a_row(self, url: str, link: ResultLink) -> list[Part]:
        """One download, cut into parts; a part that fails takes the whole with it, since it cannot be read again."""
        with closing(self._sender(url)) as sender, closing(Pieces(link.stream())) as reader:
            try:
                parts = [sender.send(number, reader, length) for number, _, length in cut(link.size_bytes, 1)]
            except PartNotSent as error:
                raise ResultNotReady(f"the result could not be copied: {error}") from None
            reader.finish()
        return parts

    def _sender(self, url: str) -> PartSender:
        return PartSender(url, self.client.meta.region_name, self.credentials, self.context())

    def _complete(self, target: dict[str, Any], parts: list[Part]) -> None:
        """S3 refuses to put together anything but parts with these checksums, of this size in all: then nothing stands. Nothing
        is compared afterwards, when the object is there with its receipt and the next try takes it for delivered."""
        listed: Any = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC32": crc_text(part.crc)} for part in parts
        ]
        self.client.complete_multipart_upload(
            MultipartUpload={"Parts": listed},
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=sum(part.size_bytes for part in parts),
            **target,
        )


def cut(size_bytes: int, workers: int) -> Iterator[Span]:
    """Number, offset and length of each part: equal ones, as many for each worker as for any other, unless they would be too
    small; none larger than MAX_PART_BYTES."""
    each = -(-size_bytes // (workers * MAX_PART_BYTES))
    length = max(-(-size_bytes // (workers * each)), MIN_PART_BYTES)
    for number, offset in enumerate(range(0, size_bytes, length), start=1):
        yield number, offset, min(length, size_bytes - offset)


def _taken(waiting: deque[Span]) -> Iterator[Span]:
    """One after the other, until none is left; for several threads."""
    with suppress(IndexError):
        while True:
            yield waiting.popleft()


def _again(sender: PartSender, link: ResultLink, span: Span) -> Part:
    """One part, read anew for every try."""
    number, offset, length = span
    why = ""
    for _ in range(TRIES):
        try:
            with link.part(offset, length) as reader:
                return sender.send(number, reader, length)
        except (PartNotSent, ResultNotReady) as error:
            why = str(error)
    raise ResultNotReady(f"part {number} of the result could not be copied in {TRIES} tries: {why}")


@dataclass
class Pieces:
    """A reader over pieces as they come."""

    pieces: Iterator[bytes]
    _left: memoryview = field(default_factory=lambda: memoryview(b""), init=False)

    def readinto(self, buffer: memoryview) -> int:
        """The rest of the piece at hand, or the next one."""
        while not self._left:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def finish(self) -> None:
        """Raises what the iterator raises at its end. Raises ResultNotReady when more came than was read."""
        if self._left or any(map(len, self.pieces)):
            raise ResultNotReady("more bytes of the result came than were announced")

    def close(self) -> None:
        """Ends the download, wherever it is."""
        close = getattr(self.pieces, "close", None)  # a generator's
        if close is not None:
            close()
