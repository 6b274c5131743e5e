"""The input bucket, read only: one version of an object, by head, tags, ranged reads and one stream."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.errors import SourceGone
from darkroom.model import SourceObject, Upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# NoSuchVersion and MethodNotAllowed: the version was deleted or is a delete marker. PreconditionFailed: overwritten.
GONE = frozenset(
    {"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed", "412", "PreconditionFailed"}
)
SKIP_BYTES = 256 * 1024
TRIES = 3  # of a ranged read whose connection breaks


@dataclass(frozen=True)
class S3InputBucket:
    """Fulfils `ports.InputBucket`."""

    client: S3Client

    def find(self, upload: Upload) -> SourceObject:
        """HeadObject of the version that fired the event; without one, the current version if its ETag still fits."""
        wanted = {"VersionId": upload.version_id} if upload.version_id else {}
        head = self._get(self.client.head_object, upload.key, Bucket=upload.bucket, Key=upload.key, **wanted)
        etag = head["ETag"].strip('"')
        if upload.etag and etag != upload.etag:
            raise SourceGone(f"{upload.bucket}/{upload.key} was overwritten since the event; its own event brings it")
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
            sequencer=upload.sequencer,
        )

    def tags(self, source: SourceObject) -> dict[str, str]:
        """GetObjectTagging of that version."""
        wanted = {"VersionId": source.version_id} if source.version_id else {}
        answer = self._get(self.client.get_object_tagging, source.key, Bucket=source.bucket, Key=source.key, **wanted)
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def is_deleted(self, source: SourceObject) -> bool:
        """HeadObject of the key: a delete marker answers as if nothing were there."""
        try:
            self._get(self.client.head_object, source.key, Bucket=source.bucket, Key=source.key)
        except SourceGone:
            return True
        return False

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """One ranged GET a read, and another when it breaks. Raises OSError after TRIES: never fewer bytes than the object has,
        which would be taken for its end."""

        def read(offset: int, length: int) -> bytes:
            if length <= 0 or offset >= source.size_bytes:
                return b""
            last = min(offset + length, source.size_bytes) - 1
            for _ in range(TRIES - 1):
                with suppress(OSError):
                    return self._range(source, offset, last)
            return self._range(source, offset, last)

        return read

    @contextmanager
    def part(self, source: SourceObject, offset: int, length: int) -> Iterator[S3Stream]:
        """A stream of one ranged GET. Raises SourceGone, OSError."""
        answer = self._object(source, Range=f"bytes={offset}-{offset + length - 1}")
        with closing(S3Stream(answer["Body"], length)) as stream:
            if not answer.get("ContentRange", "").startswith(f"bytes {offset}-{offset + length - 1}/"):
                raise OSError("the bucket answered with another part than was asked for")
            yield stream

    def open(self, source: SourceObject) -> IO[bytes]:
        """A stream of the whole object, opened now, so that a missing object costs nothing."""
        return cast(IO[bytes], S3Stream(self._object(source)["Body"], source.size_bytes))

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        """One request of ListObjectVersions; the cursor holds its two markers."""
        markers = dict(zip(("KeyMarker", "VersionIdMarker"), json.loads(cursor), strict=True)) if cursor else {}
        answer: Any = self.client.list_object_versions(Bucket=bucket, Prefix=prefix, **markers)
        found = [_listed(bucket, entry) for entry in answer.get("Versions", [])]
        if not answer.get("IsTruncated"):
            return found, None
        return found, json.dumps([answer["NextKeyMarker"], answer["NextVersionIdMarker"]])

    def _range(self, source: SourceObject, first: int, last: int) -> bytes:
        answer = self._object(source, Range=f"bytes={first}-{last}")
        return _exactly(answer, first, last + 1 - first)

    def _object(self, source: SourceObject, **extra: Any) -> dict[str, Any]:
        pinned = {"VersionId": source.version_id} if source.version_id else {"IfMatch": f'"{source.etag}"'}
        return self._get(self.client.get_object, source.key, Bucket=source.bucket, Key=source.key, **pinned, **extra)

    def _get(self, call: Callable[..., Any], key: str, **parameters: Any) -> dict[str, Any]:
        try:
            return cast(dict[str, Any], call(**parameters))
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                raise SourceGone(f"{parameters['Bucket']}/{key} is no longer there") from None
            raise


def _listed(bucket: str, entry: dict[str, Any]) -> SourceObject:
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


def _exactly(answer: dict[str, Any], offset: int, length: int) -> bytes:
    """The bytes asked for, also from a server that ignored the Range and sends all (ministack 1.5.33 on versions).

    Raises OSError when fewer come: the SDK gives what came before a connection was closed as if it were all there is (botocore
    1.43 over urllib3 1.26 and 2.8), and notices only at the next read.
    """
    ahead = 0 if answer.get("ContentRange") else offset
    with closing(S3Stream(answer["Body"], ahead + length)) as stream:
        while ahead > 0:
            ahead -= len(stream.read(min(ahead, SKIP_BYTES)))
        piece = stream.read(length)
        while len(piece) < length:
            piece += stream.read(length - len(piece))
    return piece


class S3Stream:
    """A body of known length, counted. What httpx needs to send it with Content-Length and no copy: `read`, `seek` to measure,
    `tell`. Handing httpx the bare body would switch to chunked framing silently, which many APIs refuse (measured 2026-11).
    """

    def __init__(self, body: Any, size_bytes: int) -> None:
        self._body, self._size_bytes, self._at = body, size_bytes, 0
        self._virtual: int | None = None  # where a measuring seek went; the body itself cannot move

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises OSError when the body breaks or ends early: a cut upload must never look whole."""
        if self._virtual not in (None, self._at):
            raise io.UnsupportedOperation("the stream can only be read forward, once")
        if self._at >= self._size_bytes:
            return b""
        piece = cast(bytes, self._ask(self._body.read, size if size >= 0 else None))
        self._count(len(piece))
        if size < 0 and self._at < self._size_bytes:
            self._count(0)  # all there is was asked for
        return piece

    def readinto(self, buffer: memoryview) -> int:
        """The next bytes into a buffer; raises as `read` does."""
        if self._at >= self._size_bytes:
            return 0
        count = cast(int, self._ask(self._body.readinto, buffer))
        self._count(count)
        return count

    def _ask(self, method: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return method(argument)
        except (BotoCoreError, OSError) as error:
            raise OSError(f"the source broke after {self._at} bytes: {type(error).__name__}") from None

    def _count(self, count: int) -> None:
        if not count:
            raise OSError(f"the source ended after {self._at} of {self._size_bytes} bytes")
        self._at += count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves only on paper, to let a client measure the length."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size_bytes}[whence]
        self._virtual = base + offset
        return self._virtual

    def tell(self) -> int:
        """The position, after any measuring seek."""
        return self._at if self._virtual is None else self._virtual

    def close(self) -> None:
        """Gives the connection back."""
        self._body.close()
