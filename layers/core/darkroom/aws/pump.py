"""The pump: a large result into a bucket in constant memory, several parts at a time, each read and sent on at once.

Where the source gives no parts, one download is cut into them. Nothing of the object is in place before S3 has put it
together and has compared the checksum of the whole with that of what was read.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from darkroom.aws.checksums import combined
from darkroom.aws.parts import Part, PartNotSent, PartSender, crc_text
from darkroom.errors import ResultNotReady
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WORKERS = 4
TRIES = 3  # of a part, each with a fresh read of it
MIN_PART_BYTES = 8 * 1024 * 1024  # 5 MiB is the least S3 takes
MAX_PART_BYTES = 64 * 1024 * 1024  # larger ones save no requests worth their loss: 10,000 of these are 640 GiB


@dataclass(frozen=True)
class Pump:
    """Writes results through one client. `context` is for the bucket's host."""

    client: S3Client
    credentials: Callable[[], Any]
    context: Callable[[], ssl.SSLContext]

    def write(self, described: Mapping[str, Any], link: ResultLink) -> None:
        """`described` has bucket, key and what CreateMultipartUpload takes. Raises ResultNotReady and what S3 raises: then the
        upload was aborted and nothing is in place. Repeat safe."""
        begun = self.client.create_multipart_upload(**described, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
        target = {"Bucket": described["Bucket"], "Key": described["Key"], "UploadId": begun["UploadId"]}
        try:
            parts = self._apart(target, link) if link.has_parts else self._in_a_row(target, link)
            self._complete(target, parts)
        except BaseException:
            self.client.abort_multipart_upload(**target)
            raise

    def _apart(self, target: dict[str, Any], link: ResultLink) -> list[Part]:
        """Workers take parts off a queue; all have ended when this returns or raises."""
        waiting: SimpleQueue[tuple[int, int, int]] = SimpleQueue()
        plan = list(cut(link.size_bytes, WORKERS))
        for piece in plan:
            waiting.put(piece)
        with ThreadPoolExecutor(min(WORKERS, len(plan)), "pump") as workers:
            ended = [workers.submit(self._work, target, link, waiting) for _ in range(min(WORKERS, len(plan)))]
            return sorted((part for worker in ended for part in worker.result()), key=lambda part: part.number)

    def _work(self, target: dict[str, Any], link: ResultLink, waiting: SimpleQueue[tuple[int, int, int]]) -> list[Part]:
        parts = []
        with self._sender() as sender:
            try:
                while not waiting.empty():
                    number, offset, length = waiting.get_nowait()
                    parts.append(self._again(sender, target, link, number, offset, length))
            except BaseException:
                while not waiting.empty():
                    waiting.get_nowait()  # nobody begins another part of what has failed
                raise
        return parts

    def _again(
        self, sender: PartSender, target: dict[str, Any], link: ResultLink, number: int, offset: int, length: int
    ) -> Part:
        """One part, read anew for every try."""
        why = ""
        for _ in range(TRIES):
            try:
                with link.part(offset, length) as reader:
                    return sender.send(target, number, reader, length)
            except (PartNotSent, ResultNotReady) as error:
                why = str(error)
        raise ResultNotReady(f"part {number} of the result could not be copied in {TRIES} tries: {why}")

    def _in_a_row(self, target: dict[str, Any], link: ResultLink) -> list[Part]:
        """One download, cut into parts; a part that fails takes the whole with it, since it cannot be read again."""
        with self._sender() as sender:
            reader = Pieces(link.stream())
            try:
                parts = [sender.send(target, number, reader, length) for number, _, length in cut(link.size_bytes, 1)]
            except PartNotSent as error:
                raise ResultNotReady(f"the result could not be copied: {error}") from None
            reader.end()
        return parts

    @contextmanager
    def _sender(self) -> Iterator[PartSender]:
        sender = PartSender(self.client, self.credentials, self.context())
        try:
            yield sender
        finally:
            sender.close()

    def _complete(self, target: dict[str, Any], parts: list[Part]) -> None:
        """S3 refuses to put together anything but parts with these checksums, of this size in all; that of the whole, which it
        derives from them, is compared with what was read. (It may be named in the request as well; the embedded cloud takes
        that for a checksum of the request.)"""
        listed: Any = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC32": crc_text(part.crc)} for part in parts
        ]
        done = self.client.complete_multipart_upload(
            MultipartUpload={"Parts": listed}, ChecksumType="FULL_OBJECT",
            MpuObjectSize=sum(part.size_bytes for part in parts), **target,
        )  # fmt: skip
        whole = crc_text(combined((part.crc, part.size_bytes) for part in parts))
        if done.get("ChecksumType") == "FULL_OBJECT" and done.get("ChecksumCRC32", whole) != whole:
            raise ResultNotReady("what stands in the bucket has another checksum than what was read")


def cut(size_bytes: int, workers: int) -> Iterator[tuple[int, int, int]]:
    """Number, offset and length of each part: equal ones, so many that every worker has one, none smaller than S3 takes."""
    share = -(-size_bytes // workers)
    length = min(max(-(-share // MIN_PART_BYTES) * MIN_PART_BYTES, MIN_PART_BYTES), MAX_PART_BYTES)
    for number, offset in enumerate(range(0, size_bytes, length), start=1):
        yield number, offset, min(length, size_bytes - offset)


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

    def end(self) -> None:
        """Raises what the iterator raises at its end: that more or fewer bytes came than were announced."""
        for _ in self.pieces:
            pass
