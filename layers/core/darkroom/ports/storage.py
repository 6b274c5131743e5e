"""The two buckets, and the bytes that pass between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

from darkroom.model import Handle, SourceObject, UnfinishedUpload, Upload

Keep = Callable[[str, Iterator[bytes]], None]  # `keep(process_id, pieces)`: stages a result, whole or not at all


@dataclass(frozen=True)
class ImageStream:
    """An image to send: `open` starts a fresh stream at the first byte each time, which yields exactly `size_bytes`;
    `link` mints a presigned GET that carries the job's handle. It is used at once and stored nowhere."""

    open: Callable[[], IO[bytes]]
    link: Callable[[], str]
    size_bytes: int
    content_type: str
    filename_suffix: str  # e.g. `.jpeg`


class Sources(Protocol):
    """The input bucket, read only."""

    def find(self, upload: Upload) -> SourceObject:
        """The version that fired the event, with its blanks filled in. Raises SourceGone if it is missing or overwritten."""

    def tags(self, source: SourceObject) -> dict[str, str]:
        """The tags of that version. Raises SourceGone."""

    def is_deleted(self, source: SourceObject) -> bool:
        """Whether nothing stands at the key any more: the version is kept, but its owner deleted the object."""

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """`read(offset, length)` by one ranged GET each; the same version or ETag throughout. Raises SourceGone."""

    def open(self, source: SourceObject) -> IO[bytes]:
        """A stream of the whole object with `read`, `seek` and `tell` that holds at most a few pieces in memory."""

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        """Up to 1,000 versions of the bucket from the cursor on (None = the first), and the next cursor, None at the end.
        They lack what a listing does not carry: content type, metadata, sequencer."""


class Links(Protocol):
    """Presigned GETs for providers that fetch the image themselves."""

    def mint(self, source: SourceObject, filename: str, valid_seconds: int) -> str:
        """A link to that version, good for `valid_seconds` (1–1,800), whose query carries `filename` as the name to
        answer with. Raises NothingSent when it cannot be signed now."""


class Reader(Protocol):
    """Bytes that arrive."""

    def readinto(self, buffer: memoryview) -> int:
        """Puts the next bytes into the buffer and answers how many, 0 at the end. Raises ResultNotReady, OSError."""


class ResultLink(Protocol):
    """One freshly minted download of a result. Its text form shows no link."""

    size_bytes: int
    has_parts: bool  # whether parts can be read apart, several at a time

    def part(self, offset: int, length: int) -> AbstractContextManager[Reader]:
        """That part, by a request of its own; for any number of threads. Raises ResultNotReady."""

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read. Raises ResultNotReady when the link or the connection fails."""

    def stream(self) -> Iterator[bytes]:
        """All bytes, in pieces of at most 256 KiB. Raises ResultNotReady unless exactly `size_bytes` came."""


class Staging(Protocol):
    """Results of synchronous calls between their arrival and their publication: one place a job, in the output bucket."""

    def keep(self, handle: Handle, process_id: str, pieces: Iterator[bytes]) -> None:
        """All bytes or nothing, in constant memory; what stood there goes. Raises what the iterator raises."""

    def find(self, handle: Handle) -> str | None:
        """The process id of the result that is kept for the handle's run, by whichever attempt."""

    def open(self, job_id: str, process_id: str) -> AbstractContextManager[ResultLink]:
        """That result. Raises ResultNotReady when it is not there."""

    def drop(self, job_id: str, process_id: str) -> None:
        """Removes that result; another's, say a rerun's, stays. Repeat safe."""


class Outputs(Protocol):
    """The output bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    def receipt(self, key: str) -> Mapping[str, str]:
        """The user metadata of what stands at the key; empty when nothing does."""

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """All bytes or nothing, in constant memory. Raises ResultNotReady when the stream breaks. Repeat safe. Tags that the
        bucket does not take are left out: they never keep a result from its place."""

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Puts `_failed/<key>.json` unless one of a newer version (a greater `order`) stands there. Repeat safe."""

    def remove_report(self, key: str, order: str) -> None:
        """Removes `_failed/<key>.json` if it is there and not of a newer version. Repeat safe."""

    def unfinished(self) -> list[UnfinishedUpload]:
        """Up to 10,000 multipart uploads that were begun and neither completed nor aborted, whoever began them."""

    def abort(self, upload: UnfinishedUpload) -> None:
        """Aborts one. Repeat safe."""
