"""The port for the input bucket, which Darkroom only reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Protocol

from darkroom.model import SourceObject, Upload


class InputBucket(Protocol):
    """Reads the input bucket. Any method may raise SourceDenied; reading bytes may raise SourceUnreadable."""

    def find(self, upload: Upload) -> SourceObject:
        """Return the object version that an event names, with all of S3's facts about it. Raises SourceGone if the version is
        missing or was overwritten."""

    def identify(self, upload: Upload) -> SourceObject:
        """Return the object version from the bucket's listing, for use after `find` raised SourceDenied. It lacks the same facts
        as a version from `page`. Raises SourceGone."""

    def tags(self, source: SourceObject) -> dict[str, str]:
        """Return the tags of that version. Raises SourceGone."""

    def is_deleted(self, source: SourceObject) -> bool:
        """Return whether the owner deleted the object, although its version is kept."""

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """Return a function `read(offset, length)`. Each call makes one ranged GET of that version or ETag, and raises
        SourceGone if it no longer exists."""

    def open(self, source: SourceObject) -> IO[bytes]:
        """Return a stream of the whole object, with `read`, `seek` and `tell`. The stream keeps only a few chunks in memory.
        Raises SourceGone."""

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        """Return up to 1,000 versions from `cursor` on, and the next cursor. None as `cursor` means the beginning; None as the
        next cursor means the end. The versions lack content type, metadata and sequencer, because a listing has none."""
