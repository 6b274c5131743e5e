"""Uploads: input objects, with their identity, their order and the facts of their images. Uses only the standard library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

PIXELS_PER_MEGAPIXEL = 1_000_000
# The HTTP headers that S3 keeps with an object and sends with its bytes, and that a result takes over from its source.
SERVING_HEADERS = ("Cache-Control", "Content-Disposition", "Content-Language", "Expires")


class ImageFormat(StrEnum):
    """The image formats that Darkroom reads. A result has one of those in RESULT_FORMATS."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"
    GIF = "gif"

    @property
    def content_type(self) -> str:
        """The MIME type, e.g. `image/jpeg`."""
        return f"image/{self.value}"


RESULT_FORMATS = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.TIFF)


@dataclass(frozen=True)
class Upload:
    """One version of one object, as an event names it. `version_id` and `etag` may be unknown."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None  # hexadecimal; S3's events of one key are ordered by it


@dataclass(frozen=True)
class JobDue:
    """A job that is due again. The sweep or an operator's command puts it into a message."""

    job_id: str
    after_failure: bool = False  # true if the message follows failed attempts


def job_id_of(bucket: str, key: str, *version: str) -> str:
    """Return the id of an upload's job. `version` is the id of the object's version, or its ETag and its time if it has none."""
    return hashlib.sha256("\x00".join((bucket, key, *version)).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class SourceObject:
    """An upload with everything that S3 says about its object."""

    bucket: str
    key: str
    version_id: str | None  # None if the bucket is unversioned or the version is `null`
    etag: str
    size_bytes: int
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    serving_headers: Mapping[str, str] = field(
        default_factory=dict
    )  # the HTTP headers among SERVING_HEADERS that it has
    sequencer: str | None = None
    is_latest: bool | None = (
        None  # true if the listing showed no newer version; None if the object was not found by a listing
    )

    @property
    def job_id(self) -> str:
        """The id of the upload's job, 32 hex digits. An event, the sweep and a command all give the same id for one upload."""
        if self.version_id:
            return job_id_of(self.bucket, self.key, self.version_id)
        return job_id_of(self.bucket, self.key, self.etag, self.last_modified.isoformat(timespec="seconds"))

    @property
    def order(self) -> str:
        """A text that sorts the versions of one key from oldest to newest. It holds the time in seconds, then S3's sequencer,
        padded on the right (S3 user guide, "Event message structure")."""
        return f"{self.last_modified.isoformat(timespec='seconds')}#{(self.sequencer or '').ljust(40, '0')}"


@dataclass(frozen=True)
class ImageFacts:
    """The facts that are read from an image's bytes. Width and height are in pixels as displayed, after EXIF orientation."""

    format: ImageFormat
    width: int
    height: int
    has_alpha: bool = False
    orientation: int = field(default=1, compare=False)  # 1 to 8: how the stored pixels are turned to be displayed

    @property
    def stored(self) -> tuple[int, int]:
        """The width and the height of the stored pixels. The orientations 5 to 8 swap them."""
        return (self.height, self.width) if self.is_sideways else (self.width, self.height)

    @property
    def is_sideways(self) -> bool:
        """True if the stored pixels are displayed with a quarter turn."""
        return self.orientation >= 5


@dataclass(frozen=True)
class UnfinishedUpload:
    """A multipart upload to the output bucket that is neither completed nor aborted."""

    key: str
    upload_id: str
    initiated_at: datetime
