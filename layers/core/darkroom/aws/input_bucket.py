"""Reads the input bucket: one version of an object, its metadata and tags, and lists of versions. It writes nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.aws.result_headers import serving_headers
from darkroom.aws.source_errors import NOT_SHOWN_CODES, as_source_error, not_shown
from darkroom.errors import SourceDenied, SourceGone
from darkroom.model import SourceObject, Upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SKIP_BYTES = 256 * 1024
ATTEMPTS = 3  # for a ranged read whose connection breaks


@dataclass(frozen=True)
class S3InputBucket:
    """Reads uploads from S3; implements `ports.InputBucket`.

    Every method may raise SourceDenied. Methods that read bytes may raise SourceUnreadable if the object is archived.
    """

    client: S3Client
    for_person: bool = False  # whether a person reads, whose credentials may allow less than those of the stack's roles

    def find(self, upload: Upload) -> SourceObject:
        """Return the event's version, by HeadObject. If the event has no version, return the current version, which must have the
        event's ETag. Raises SourceGone."""
        wanted = {"VersionId": upload.version_id} if upload.version_id else {}
        head = self._get("HeadObject", self.client.head_object, Bucket=upload.bucket, Key=upload.key, **wanted)
        etag = head["ETag"].strip('"')
        _check_etag(upload, etag)
        version = upload.version_id or head.get("VersionId")
        return SourceObject(
            bucket=upload.bucket,
            key=upload.key,
            version_id=None if version == "null" else version,
            etag=etag,
            size_bytes=head["ContentLength"],
            last_modified=head["LastModified"],
            content_type=head.get("ContentType"),
            metadata=head.get("Metadata", {}),
            serving_headers=serving_headers(head),
            sequencer=upload.sequencer,
        )

    def identify(self, upload: Upload) -> SourceObject:
        """Return the event's version by ListObjectVersions, which needs no permission for the object itself. Its job id is the
        same as from `find`. Raises SourceGone."""
        for entry in self._versions(upload.bucket, upload.key):
            if upload.version_id in (None, entry["VersionId"]) and (upload.version_id or entry["IsLatest"]):
                source = _to_source_object(upload.bucket, entry)
                _check_etag(upload, source.etag)
                return replace(source, sequencer=upload.sequencer)
        raise SourceGone(f"{upload.bucket}/{upload.key} is no longer there")

    def _versions(self, bucket: str, key: str) -> Iterator[dict[str, Any]]:
        """Yield only the versions of that key, the newest first. The listing has all keys that begin with it, but this key comes
        first (S3 API reference, ListObjectVersions)."""
        markers: dict[str, str] = {}
        while True:
            answer = self._get(
                "ListObjectVersions", self.client.list_object_versions, key=key, Bucket=bucket, Prefix=key, **markers
            )
            entries = answer.get("Versions", [])
            yield from (entry for entry in entries if entry["Key"] == key)
            if not answer.get("IsTruncated") or answer["NextKeyMarker"] != key:
                return
            markers = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}

    def tags(self, source: SourceObject) -> dict[str, str]:
        """Return the tags of that version, by GetObjectTagging. Raises SourceGone."""
        wanted = {"VersionId": source.version_id} if source.version_id else {}
        answer = self._get(
            "GetObjectTagging", self.client.get_object_tagging, Bucket=source.bucket, Key=source.key, **wanted
        )
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def is_deleted(self, source: SourceObject) -> bool:
        """Return whether the object is deleted, by HeadObject. It finds nothing if the latest version is a delete marker. A
        latest version that may not be read is not deleted."""
        try:
            self._get("HeadObject", self.client.head_object, Bucket=source.bucket, Key=source.key)
        except SourceGone:
            return True
        except SourceDenied:
            return False
        return False

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """Return a function `read(offset, length)`. It makes one ranged GET, and another one if the connection breaks.

        The function raises OSError after ATTEMPTS. It never returns fewer bytes than the object has there, because the caller
        would take that for the object's end.
        """

        def read(offset: int, length: int) -> bytes:
            if length <= 0 or offset >= source.size_bytes:
                return b""
            last = min(offset + length, source.size_bytes) - 1
            for _ in range(ATTEMPTS - 1):
                with suppress(OSError):
                    return self._range(source, offset, last)
            return self._range(source, offset, last)

        return read

    @contextmanager
    def part(self, source: SourceObject, offset: int, length: int) -> Iterator[S3Stream]:
        """Open a stream of one ranged GET. Raises SourceGone, OSError."""
        answer = self._object(source, Range=f"bytes={offset}-{offset + length - 1}")
        with closing(S3Stream(answer["Body"], length)) as stream:
            if not answer.get("ContentRange", "").startswith(f"bytes {offset}-{offset + length - 1}/"):
                raise OSError("the bucket answered with another part than was requested")
            yield stream

    def open(self, source: SourceObject) -> IO[bytes]:
        """Return a stream of the whole object. The GET is made immediately, so that a missing object is noticed before money is
        spent. Raises SourceGone."""
        return cast(IO[bytes], S3Stream(self._object(source)["Body"], source.size_bytes))

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        """Return one page of ListObjectVersions. The cursor contains the two markers of the request."""
        markers = dict(zip(("KeyMarker", "VersionIdMarker"), json.loads(cursor), strict=True)) if cursor else {}
        answer: Any = self.client.list_object_versions(Bucket=bucket, Prefix=prefix, **markers)
        found = [_to_source_object(bucket, entry) for entry in answer.get("Versions", [])]
        if not answer.get("IsTruncated"):
            return found, None
        return found, json.dumps([answer["NextKeyMarker"], answer["NextVersionIdMarker"]])

    def _range(self, source: SourceObject, first: int, last: int) -> bytes:
        answer = self._object(source, Range=f"bytes={first}-{last}")
        return _read_exactly(answer, first, last + 1 - first)

    def _object(self, source: SourceObject, **extra: Any) -> dict[str, Any]:
        pinned = {"VersionId": source.version_id} if source.version_id else {"IfMatch": f'"{source.etag}"'}
        return self._get("GetObject", self.client.get_object, Bucket=source.bucket, Key=source.key, **pinned, **extra)

    def _get(
        self, operation: str, call: Callable[..., Any], *, key: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        try:
            return cast(dict[str, Any], call(**parameters))
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_SHOWN_CODES and self._lists(**parameters):
                raise not_shown(parameters["Bucket"], parameters["Key"]) from None
            place = parameters["Bucket"], key or parameters["Key"]
            raise as_source_error(error, operation, *place, for_person=self.for_person) from None

    def _lists(self, *, Bucket: str, Key: str | None = None, VersionId: str | None = None, **_: Any) -> bool:
        """Return whether the listing has the object that a request asked for. Who may not list is told that it is gone."""
        if Key is None:
            return False  # the request was no request for an object
        with suppress(ClientError, SourceDenied):
            return any(
                entry["VersionId"] == VersionId if VersionId else entry["IsLatest"]
                for entry in self._versions(Bucket, Key)
            )
        return False


def _check_etag(upload: Upload, etag: str) -> None:
    if upload.etag and etag != upload.etag:
        raise SourceGone(
            f"{upload.bucket}/{upload.key} was overwritten since the event; the newer object has an event of its own"
        )


def _to_source_object(bucket: str, entry: dict[str, Any]) -> SourceObject:
    version = entry.get("VersionId")
    return SourceObject(
        bucket=bucket,
        key=entry["Key"],
        version_id=None if version == "null" else version,
        etag=entry["ETag"].strip('"'),
        size_bytes=entry["Size"],
        last_modified=entry["LastModified"],
        is_latest=entry["IsLatest"],
    )


def _read_exactly(answer: dict[str, Any], offset: int, length: int) -> bytes:
    """Return the requested bytes, even if the server ignores the Range header and sends the whole object. ministack 1.5.33 does
    that for versions.

    Raises OSError if fewer bytes come. After a closed connection, the SDK first returns the bytes that came as if they were all,
    and raises only at the next read (botocore 1.43 with urllib3 1.26 and 2.8).
    """
    to_skip = 0 if answer.get("ContentRange") else offset
    with closing(S3Stream(answer["Body"], to_skip + length)) as stream:
        while to_skip > 0:
            to_skip -= len(stream.read(min(to_skip, SKIP_BYTES)))
        chunk = stream.read(length)
        while len(chunk) < length:
            chunk += stream.read(length - len(chunk))
    return chunk


class S3Stream:
    """A body of known length that counts its bytes.

    httpx finds the length by `seek` and `tell`, and then sends the body with a Content-Length and without a copy. With the SDK's
    own body, httpx would use chunked framing, which many APIs refuse (measured 2026-11).
    """

    def __init__(self, body: Any, size_bytes: int) -> None:
        self._body, self._size_bytes, self._position = body, size_bytes, 0
        self._seek_position: int | None = None  # the position that `seek` noted; the body itself cannot move

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raises OSError if the body breaks or ends early, so that a truncated upload never looks
        complete."""
        if self._seek_position not in (None, self._position):
            raise io.UnsupportedOperation("the stream can only be read forward, once")
        if self._position >= self._size_bytes:
            return b""
        chunk = cast(bytes, self._call(self._body.read, size if size >= 0 else None))
        self._count(len(chunk))
        if size < 0 and self._position < self._size_bytes:
            self._count(0)  # the body should have returned all bytes, but has returned too few
        return chunk

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into `buffer` and return their number. Raises the same errors as `read`."""
        if self._position >= self._size_bytes:
            return 0
        count = cast(int, self._call(self._body.readinto, buffer))
        self._count(count)
        return count

    def _call(self, method: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return method(argument)
        except (BotoCoreError, OSError) as error:
            raise OSError(f"the source broke after {self._position} bytes: {type(error).__name__}") from None

    def _count(self, count: int) -> None:
        if not count:
            raise OSError(f"the source ended after {self._position} of {self._size_bytes} bytes")
        self._position += count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Note the position without moving the body, so that a client can measure the length."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size_bytes}[whence]
        self._seek_position = base + offset
        return self._seek_position

    def tell(self) -> int:
        """Return the position that `seek` noted, otherwise the position that reading has reached."""
        return self._position if self._seek_position is None else self._seek_position

    def close(self) -> None:
        """Close the body, which gives its connection back to the pool."""
        self._body.close()
