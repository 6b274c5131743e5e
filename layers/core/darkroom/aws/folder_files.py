"""Reads `darkroom.toml` files from the input bucket, and keeps them in this container for up to a minute."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.aws.source_errors import as_source_error
from darkroom.errors import SourceGone
from darkroom.ports import Clock, FolderText

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEPT = timedelta(seconds=60)
# S3's times are whole seconds, and the clocks of S3 and of this machine may differ a little.
CLOCK_MARGIN = timedelta(seconds=5)
READ_BYTES = 64 * 1024 + 1  # one more than a valid file has, which is enough to see that it is too long
MAX_KEPT = 256  # files, or places without one; at most 16 MiB
UNCHANGED = frozenset({"304", "NotModified"})


@dataclass(frozen=True)
class _Kept:
    """What was at a key when it was read."""

    read_at: datetime
    text: FolderText | None
    etag: str | None


@dataclass(frozen=True)
class S3FolderFiles:
    """Fulfils `ports.FolderFiles`. One request for each key that is not kept; none for one that is."""

    client: S3Client
    clock: Clock
    kept: dict[tuple[str, str], _Kept] = field(default_factory=dict, repr=False)
    for_person: bool = False  # as for S3InputBucket

    def read(self, bucket: str, key: str, as_of: datetime) -> FolderText | None:
        """Return the file as it was at `as_of` or later. Raises SourceDenied, SourceUnreadable, ClientError."""
        now, known = self.clock(), self.kept.get((bucket, key))
        if known and now - known.read_at < KEPT and known.read_at > as_of + CLOCK_MARGIN:
            return known.text
        found = self._get(bucket, key, known, now)
        if len(self.kept) >= MAX_KEPT:
            self.kept.clear()
        self.kept[bucket, key] = found
        return found.text

    def _get(self, bucket: str, key: str, known: _Kept | None, now: datetime) -> _Kept:
        """GetObject, which sends no body if the object still has the ETag that is kept."""
        condition: dict[str, Any] = {"IfNoneMatch": known.etag} if known and known.etag else {}
        try:
            answer = self.client.get_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            if known and error.response["Error"]["Code"] in UNCHANGED:
                return _Kept(now, known.text, known.etag)
            said = as_source_error(error, "GetObject", bucket, key, for_person=self.for_person)
            if isinstance(said, SourceGone):
                return _Kept(now, None, None)
            raise said from None
        with closing(answer["Body"]) as body:
            return _Kept(now, FolderText(body.read(READ_BYTES), answer["LastModified"]), answer["ETag"])
