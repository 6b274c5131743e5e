"""The two buckets, and the bytes that pass between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Protocol

from darkroom.model import SourceObject, UnfinishedUpload, Upload


@dataclass(frozen=True)
class ImageStream:
    """Bytes to send: `open` starts a fresh stream at the first byte each time; it yields exactly `size_bytes`."""

    open: Callable[[], IO[bytes]]
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


class ResultLink(Protocol):
    """One freshly minted download of a result. Its text form shows no link."""

    size_bytes: int

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read. Raises ResultNotReady when the link or the connection fails."""

    def stream(self) -> Iterator[bytes]:
        """All bytes, in pieces of at most 256 KiB. Raises ResultNotReady unless exactly `size_bytes` came."""


class Outputs(Protocol):
    """The output bucket."""

    def receipt(self, key: str) -> Mapping[str, str]:
        """The user metadata of what stands at the key; empty when nothing does."""

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """All bytes or nothing, in constant memory. Raises ResultNotReady when the stream breaks. Repeat safe."""

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Puts `_failed/<key>.json` unless one of a newer version (a greater `order`) stands there. Repeat safe."""

    def remove_report(self, key: str, order: str) -> None:
        """Removes `_failed/<key>.json` if it is there and not of a newer version. Repeat safe."""

    def unfinished(self) -> list[UnfinishedUpload]:
        """Up to 10,000 multipart uploads that were begun and neither completed nor aborted, whoever began them."""

    def abort(self, upload: UnfinishedUpload) -> None:
        """Aborts one. Repeat safe."""
