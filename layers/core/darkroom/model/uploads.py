"""An upload on its way in: the object, its identity and order, what its bytes say. Standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

PIXELS_PER_MEGAPIXEL = 1_000_000


class ImageFormat(StrEnum):
    """The formats Darkroom takes and gives."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"

    @property
    def content_type(self) -> str:
        """The MIME type, e.g. `image/jpeg`."""
        return f"image/{self.value}"


@dataclass(frozen=True)
class Upload:
    """One version of one object, as an event names it. `version_id` and `etag` may still be unknown."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None  # S3's order of events of one key, hexadecimal


@dataclass(frozen=True)
class JobDue:
    """A job that is due again, as a message of the sweep or of an operator names it."""

    job_id: str


@dataclass(frozen=True)
class SourceObject:
    """An upload as S3 holds it now: the event's blanks are filled in."""

    bucket: str
    key: str
    version_id: str | None  # None where the bucket is unversioned or the version is `null`
    etag: str
    size_bytes: int
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    sequencer: str | None = None
    is_latest: bool | None = None  # whether no newer version stood over it; None where it was not listed

    @property
    def job_id(self) -> str:
        """The upload's identity: 32 hex digits, the same from event, sweep, backfill and command line."""
        if self.version_id:
            parts = [self.bucket, self.key, self.version_id]
        else:
            parts = [self.bucket, self.key, self.etag, self.last_modified.isoformat(timespec="seconds")]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]

    @property
    def order(self) -> str:
        """Sorts the versions of one key, oldest first: time to the second, then S3's sequencer, of which the shorter is filled
        up on its right (S3 user guide, "Event message structure")."""
        return f"{self.last_modified.isoformat(timespec='seconds')}#{(self.sequencer or '').ljust(40, '0')}"


@dataclass(frozen=True)
class ImageFacts:
    """What an object's own bytes say. Width and height in pixels as displayed (EXIF orientation applied)."""

    format: ImageFormat
    width: int
    height: int
    has_alpha: bool = False


@dataclass(frozen=True)
class UnfinishedUpload:
    """A multipart upload to the output bucket that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    initiated_at: datetime
