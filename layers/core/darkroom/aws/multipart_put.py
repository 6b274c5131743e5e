"""Writes a large result into a bucket in constant memory, several parts at a time.

If the source does not support ranges, one download is split into parts instead. S3 compares the checksum of each part with the
bytes that it received, and completes the upload only if all are right. So the object has exactly the bytes that were read, or
there is no object.
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

from darkroom.aws.sdk_upload_part import SdkPartSender
from darkroom.aws.streaming_put import NO_CONDITION
from darkroom.aws.upload_part import Part, PartNotSent, PartSender, Sender, encode_crc, signs_trailers, upload_url
from darkroom.errors import ResultNotReady
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WORKERS = 4
ATTEMPTS = 3  # the attempts for each part; the part is read again for each attempt
MIN_PART_BYTES = 8 * 1024 * 1024  # S3 requires at least 5 MiB
MAX_PART_BYTES = 64 * 1024 * 1024  # a larger part costs more if it fails; 10,000 parts of this size are 640 GiB

Span = tuple[int, int, int]  # a part's number, offset and length in bytes


@dataclass(frozen=True)
class MultipartPut:
    """Writes results through one S3 client. `context` is the TLS context for the bucket's host."""

    client: S3Client
    credentials: Callable[[], Any]
    context: Callable[[], ssl.SSLContext]
    workers: int = WORKERS

    def write(
        self, parameters: Mapping[str, Any], link: ResultLink, condition: Mapping[str, Any] = NO_CONDITION
    ) -> None:
        """Copy all bytes of the link to an object. `parameters` has the parameters of CreateMultipartUpload, with Bucket and Key.
        `condition` is the IfMatch or IfNoneMatch of CompleteMultipartUpload.

        Raises ResultNotReady and what S3 raises. Then the upload is aborted, and there is no object. Repeat safe.
        """
        upload = self.client.create_multipart_upload(
            **parameters, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
        )
        target = {"Bucket": parameters["Bucket"], "Key": parameters["Key"], "UploadId": upload["UploadId"]}
        try:
            copy = self._copy_in_parallel if link.has_parts else self._copy_in_sequence
            self._complete({**target, **condition}, copy(target, link))
        except BaseException:
            with suppress(BotoCoreError, ClientError):  # if this fails, the sweep aborts the upload later
                self.client.abort_multipart_upload(**target)
            raise

    def _copy_in_parallel(self, target: Mapping[str, Any], link: ResultLink) -> list[Part]:
        """Copy the parts in several threads, which take them from one list. When this returns or raises, all threads have
        ended."""
        pending = deque(split_into_parts(link.size_bytes, self.workers))
        count = min(self.workers, len(pending))
        with ThreadPoolExecutor(count, "multipart") as pool:
            workers = [pool.submit(self._send_pending, target, link, pending) for _ in range(count)]
            return sorted((part for worker in workers for part in worker.result()), key=lambda part: part.number)

    def _send_pending(self, target: Mapping[str, Any], link: ResultLink, pending: deque[Span]) -> list[Part]:
        with closing(self._new_sender(target)) as sender:
            try:
                return [_send_with_retries(sender, link, span) for span in _take_spans(pending)]
            except BaseException:
                pending.clear()  # the copy has failed, so no thread must begin another part
                raise

    def _copy_in_sequence(self, target: Mapping[str, Any], link: ResultLink) -> list[Part]:
        """Copy one download, split into parts. If a part fails, the whole copy fails, because the part cannot be read again."""
        with closing(self._new_sender(target)) as sender, closing(ChunkReader(link.stream())) as reader:
            try:
                parts = [
                    sender.send(number, reader, length) for number, _, length in split_into_parts(link.size_bytes, 1)
                ]
            except PartNotSent as error:
                raise ResultNotReady(f"the result could not be copied: {error}") from None
            reader.finish()
        return parts

    def _new_sender(self, target: Mapping[str, Any]) -> Sender:
        if not signs_trailers():
            return SdkPartSender(self.client, target)
        url = upload_url(self.client, target)
        return PartSender(url, self.client.meta.region_name, self.credentials, self.context())

    def _complete(self, target: dict[str, Any], parts: list[Part]) -> None:
        """Complete the upload. S3 refuses unless the parts have these checksums and this total size.

        S3 must compare them before the object exists, because once an object exists with its receipt, the next attempt takes it
        for delivered.
        """
        listed: Any = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC32": encode_crc(part.crc)} for part in parts
        ]
        self.client.complete_multipart_upload(
            MultipartUpload={"Parts": listed},
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=sum(part.size_bytes for part in parts),
            **target,
        )


def split_into_parts(size_bytes: int, workers: int) -> Iterator[Span]:
    """Yield the number, the offset and the length of each part. The parts have equal lengths, and each worker gets the same
    number of them, unless they would be smaller than MIN_PART_BYTES. No part is larger than MAX_PART_BYTES."""
    parts_per_worker = -(-size_bytes // (workers * MAX_PART_BYTES))
    length = max(-(-size_bytes // (workers * parts_per_worker)), MIN_PART_BYTES)
    for number, offset in enumerate(range(0, size_bytes, length), start=1):
        yield number, offset, min(length, size_bytes - offset)


def _take_spans(pending: deque[Span]) -> Iterator[Span]:
    """Yield spans until none is left. Several threads may take from the same list."""
    with suppress(IndexError):
        while True:
            yield pending.popleft()


def _send_with_retries(sender: Sender, link: ResultLink, span: Span) -> Part:
    """Send one part, and read it again for each attempt. Raises ResultNotReady after ATTEMPTS."""
    number, offset, length = span
    why = ""
    for _ in range(ATTEMPTS):
        try:
            with link.part(offset, length) as reader:
                return sender.send(number, reader, length)
        except (PartNotSent, ResultNotReady) as error:
            why = str(error)
    raise ResultNotReady(f"part {number} of the result could not be copied in {ATTEMPTS} tries: {why}")


@dataclass
class ChunkReader:
    """Reads from an iterator of chunks; implements `ports.Reader`."""

    chunks: Iterator[bytes]
    _unread: memoryview = field(default_factory=lambda: memoryview(b""), init=False)

    def readinto(self, buffer: memoryview) -> int:
        """Read from the current chunk, or from the next chunk if nothing is left of it. Return the number of bytes, or 0 at the
        end."""
        while not self._unread:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self._unread = memoryview(chunk)
        count = min(len(buffer), len(self._unread))
        buffer[:count] = self._unread[:count]
        self._unread = self._unread[count:]
        return count

    def finish(self) -> None:
        """Read to the end of the iterator, because the iterator may raise there. Raises ResultNotReady if bytes are left."""
        if self._unread or any(map(len, self.chunks)):
            raise ResultNotReady("more bytes of the result came than were announced")

    def close(self) -> None:
        """End the download, even in the middle."""
        close = getattr(self.chunks, "close", None)  # only a generator has it
        if close is not None:
            close()
