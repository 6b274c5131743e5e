"""The input bucket, read only."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Protocol

from darkroom.model import SourceObject, Upload


class InputBucket(Protocol):
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
