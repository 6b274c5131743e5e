"""The port for the input bucket, which is only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Protocol

from darkroom.model import SourceObject, Upload


class InputBucket(Protocol):
    """The input bucket, read only. Any method may raise SourceDenied; reading bytes may raise SourceUnreadable."""

    def find(self, upload: Upload) -> SourceObject:
        """Return the object version that an event names, with what the event does not say. Raises SourceGone if it is missing
        or was overwritten."""

    def identify(self, upload: Upload) -> SourceObject:
        """The same version for one that `find` may not read, from the bucket's listing: as `page` gives it. Raises SourceGone."""

    def tags(self, source: SourceObject) -> dict[str, str]:
        """Return the tags of that version. Raises SourceGone."""

    def is_deleted(self, source: SourceObject) -> bool:
        """Whether the owner deleted the object, although its version is kept."""

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """Return `read(offset, length)`, which makes one ranged GET of that version or ETag, and raises SourceGone."""

    def open(self, source: SourceObject) -> IO[bytes]:
        """Return a stream of the whole object with `read`, `seek` and `tell`, which keeps only a few chunks in memory. Raises
        SourceGone."""

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        """Return up to 1,000 versions from the cursor on (None = the first), and the next cursor, None at the end. A listing
        has no content type, metadata or sequencer, so the versions lack them."""
