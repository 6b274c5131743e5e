"""The input bucket and the output bucket, in memory. As in S3, versions can be deleted, an object is complete or absent, and
a dead worker leaves a multipart upload behind.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import IO, Any

from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.errors import SourceDenied, SourceGone, SourceUnreadable
from darkroom.model import ImageFormat, SourceObject, UnfinishedUpload, Upload
from darkroom.ports import ResultHeaders, StandingObject
from tests.fakes.application import picture
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.fakes.memory_dynamodb import refusal
from tests.faults.scheduler import Scheduler
from tests.faults.workers import Outage
from tests.faults.world_shapes import Trouble

FOREIGN = b"another program's object"
MAX_HEADER_BYTES = 8192  # S3 user guide, "Working with object metadata": of all headers of a request together
SIGNATURE_BYTES = 800  # host, date, checksum and signature
PARTS = 16  # of a result that is written in parts
PAGE = 2  # object versions on one page of a listing
LONGER_THAN_A_WORKER_LIVES = 1000.0
SMALL = {form: picture(8, 6, form.value) for form in (ImageFormat.JPEG, ImageFormat.PNG)}
SIZES = b"\x00\x06\x00\x08"  # height and width in a JPEG's frame header


@lru_cache(maxsize=256)
def drawn(width: int, height: int, form: ImageFormat, signed: str) -> bytes:
    """Return a picture whose header has this size and whose comment is `signed`. Its pixel data is that of a small picture,
    because no test decodes it.
    """
    small, name = SMALL[form], signed.encode()
    if form is ImageFormat.JPEG:
        comment = b"\xff\xfe" + struct.pack(">H", len(name) + 2) + name
        return small[:2] + comment + small[2:].replace(SIZES, struct.pack(">HH", height, width), 1)
    header = _chunk(b"IHDR", struct.pack(">II", width, height) + small[24:29])
    return small[:8] + header + _chunk(b"tEXt", b"Author\0" + name) + small[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@dataclass(frozen=True)
class Stored:
    """Holds one version of an object in the input bucket."""

    source: SourceObject
    body: bytes
    tags: Mapping[str, str]


class InputBucket:
    """Fulfils `ports.InputBucket`. Without versioning, it keeps only the last object of each key."""

    def __init__(self, scheduler: Scheduler, *, versioned: bool) -> None:
        self.scheduler, self.versioned, self._numbers = scheduler, versioned, count(1)
        self.kept: dict[str, list[Stored]] = defaultdict(list)
        self.hidden: set[str] = set()  # keys whose newest version is a delete marker
        self.put_in: list[SourceObject] = []  # every object that was ever uploaded
        self.troubles: dict[str, Trouble] = {}  # job id → why the job's source cannot be read
        self.has_job: Callable[[str], bool] = lambda job_id: False

    def put(
        self,
        key: str,
        tags: Mapping[str, str],
        trouble: Trouble | None = None,
        metadata: Mapping[str, str] = MappingProxyType({}),
    ) -> Upload:
        """Upload a picture. Return the upload as its event would name it."""
        number = next(self._numbers)
        body = SMALL[ImageFormat.PNG if key.endswith(".png") else ImageFormat.JPEG]
        at = self.scheduler.clock().replace(microsecond=0)
        version, etag = f"v{number}" if self.versioned else None, f"etag-{number}"
        source = SourceObject(INPUT, key, version, etag, len(body), at, metadata=metadata)
        self.kept[key] = [*(self.kept[key] if self.versioned else ()), Stored(source, body, tags)]
        self.put_in.append(source)
        if trouble is not None:
            self.troubles[source.job_id] = trouble
        self.hidden.discard(key)
        return Upload(INPUT, key, version, etag, f"{number:016X}")

    def delete(self, source: SourceObject) -> None:
        """Delete this version of the object for good."""
        self.kept[source.key] = [one for one in self.kept[source.key] if one.source.etag != source.etag]

    def hide(self, source: SourceObject) -> None:
        """Delete the object as its owner would. In a versioned bucket, a delete marker then hides the versions."""
        if self.versioned:
            self.hidden.add(source.key)
        else:
            self.delete(source)

    def holds(self, source: SourceObject) -> bool:
        """Say whether this version of the object still exists."""
        return any(one.source.etag == source.etag for one in self.kept[source.key])  # each upload has its own etag

    def find(self, upload: Upload) -> SourceObject:
        source = self.identify(upload)
        trouble = self._trouble(source)
        if trouble is not None and trouble.kind == "denied" and trouble.head:
            raise SourceDenied(f"{upload.key}: 403")
        # The outage begins only once the upload has a job. Otherwise the upload would never become a job.
        if trouble is not None and trouble.kind == "outage" and self.has_job(source.job_id):
            raise Outage
        return source

    def identify(self, upload: Upload) -> SourceObject:
        versions = self.kept[upload.key]
        found = [one.source for one in versions if upload.version_id in (None, one.source.version_id)]
        if not found or (upload.etag and found[-1].etag != upload.etag):
            raise SourceGone(f"{upload.key} is no longer there")
        return SourceObject(**{**vars(found[-1]), "sequencer": upload.sequencer})

    def tags(self, source: SourceObject) -> dict[str, str]:
        trouble = self._trouble(source)
        if trouble is not None and trouble.kind not in ("archived", "deadly"):
            self._read(source)
        return dict(self._stored(source).tags)

    def is_deleted(self, source: SourceObject) -> bool:
        return source.key in self.hidden or not self.kept[source.key]

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        return lambda offset, length: self._read(source)[offset : offset + length]

    def open(self, source: SourceObject) -> IO[bytes]:
        return io.BytesIO(self._read(source))

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        listed = sorted((one.source for of_key in self.kept.values() for one in of_key), key=_place)
        rest = [source for source in listed if cursor is None or _place(source) > cursor]
        return rest[:PAGE], _place(rest[PAGE - 1]) if len(rest) > PAGE else None

    def _read(self, source: SourceObject) -> bytes:
        body, trouble = self._stored(source).body, self._trouble(source)
        match trouble.kind if trouble is not None else None:
            case "archived":
                raise SourceUnreadable(f"{source.key} is archived")
            case "denied":
                raise SourceDenied(f"{source.key}: AccessDenied")
            case "outage":
                raise Outage
            case "deadly":
                self.scheduler.sleep(LONGER_THAN_A_WORKER_LIVES)
        return body

    def _trouble(self, source: SourceObject) -> Trouble | None:
        """Return why the object cannot be read now, or None. Outages and deadly reads happen to submit only, because no other
        function reads all bytes.
        """
        found = self.troubles.get(source.job_id) if self.troubles else None
        if found is not None and found.kind in ("outage", "deadly") and not self._is_submit():
            return None
        return found if found is not None and found.begins <= self.scheduler.seconds < found.ends else None

    def _is_submit(self) -> bool:
        return (self.scheduler.running or "").startswith("submit")

    def _stored(self, source: SourceObject) -> Stored:
        for one in self.kept[source.key]:
            if (one.source.version_id, one.source.etag) == (source.version_id, source.etag):
                return one
        raise SourceGone(f"{source.key} is no longer there")


def _place(source: SourceObject) -> str:
    return f"{source.key}#{source.version_id}"


@dataclass(frozen=True)
class Result:
    """Holds an object of the output bucket: its receipt and its bytes."""

    receipt: Mapping[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return f'"{hash((tuple(sorted(self.receipt.items())), self.body)):x}"'


def header_bytes(metadata: Mapping[str, str], more: Mapping[str, Any], token_bytes: int) -> int:
    """Return about how many bytes the headers of a PutObject have: what S3 limits to MAX_HEADER_BYTES. Each name of the metadata
    stands in the list of signed headers too."""
    given = sum(2 * len(f"x-amz-meta-{name}: ") + len(value) for name, value in metadata.items())
    return given + sum(len(name) + len(str(value)) for name, value in more.items()) + SIGNATURE_BYTES + token_bytes


@dataclass
class OutputBucket:
    """Fulfils `ports.OutputBucket`. `on_result` is called for each object that becomes visible."""

    scheduler: Scheduler
    on_result: Callable[[str, Result | None, Result], None]
    results: dict[str, Result] = field(default_factory=dict)
    reports: dict[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)
    begun: dict[str, UnfinishedUpload] = field(default_factory=dict)
    aborted: int = 0
    bucket: str = OUTPUT
    refuses: tuple[float, float] = (0.0, 0.0)  # from and until which seconds it refuses to be written
    foreign: set[str] = field(default_factory=set)  # keys that other programs wrote
    unwritten: set[str] = field(default_factory=set)  # keys of the reports that it refused
    token_bytes: int = 900  # the length of the session token that signs every request
    headers_refused: int = 0
    tagged_later: set[str] = field(default_factory=set)  # keys whose tags were set after the object was written
    proven: list[float] = field(default_factory=list)  # when it was proven that it takes results

    @property
    def is_refusing(self) -> bool:
        """Whether it refuses to be written now."""
        return self.refuses[0] <= self.scheduler.seconds < self.refuses[1]

    def prove(self) -> str | None:
        """Fulfil `ports.StorageProof`."""
        self.scheduler.point("outputs.prove")
        if self.is_refusing:
            return "the bucket refuses"
        self.proven.append(self.scheduler.seconds)
        return None

    def find(self, key: str) -> StandingObject | None:
        found = self.results.get(key)
        return None if found is None else StandingObject(found.etag, found.receipt)

    def write(self, key: str, link: Any, headers: ResultHeaders, replaced: StandingObject | None) -> None:
        """Write as the application's adapter does. This bucket is its client."""
        S3OutputBucket(self, self.bucket).write(key, link, headers, replaced)  # type: ignore[arg-type]

    def put_object(self, *, Body: IO[bytes], Key: str, Metadata: Mapping[str, str], **more: Any) -> None:
        """Put an object as a whole, or half of the time in parts. Between the parts a worker may die."""
        if header_bytes(Metadata, more, self.token_bytes) > MAX_HEADER_BYTES:
            self.headers_refused += 1
            raise refusal("RequestHeaderSectionTooLarge", "PutObject")
        result = Result(dict(Metadata), Body.read())
        if self.scheduler.rng.random() < 0.5:
            self._appears(Key, result, more.get("IfMatch"))
            return
        upload_id = f"upload-{len(self.begun) + self.aborted}-{self.scheduler.steps}"
        self.begun[upload_id] = UnfinishedUpload(Key, upload_id, self.scheduler.clock())
        try:
            for _ in range(PARTS):
                self.scheduler.point("outputs.upload_part")
            self.scheduler.point("outputs.complete")
        finally:
            if not self.scheduler.dying():  # a dead worker does not abort its upload
                del self.begun[upload_id]
        self._appears(Key, result, more.get("IfMatch"))

    def put_object_tagging(self, *, Key: str, **more: Any) -> None:
        """Take the tags of an object that was written before."""
        self.scheduler.point("outputs.tag")
        self.tagged_later.add(Key)

    def put_foreign(self, key: str) -> None:
        """Write an object as another program does, unless there is one."""
        if key not in self.results:
            self.results[key] = Result({}, FOREIGN)
            self.foreign.add(key)

    def _appears(self, key: str, result: Result, replaced: str | None) -> None:
        """Let the object stand if the condition of its write is met, like S3. `replaced` is the ETag of If-Match; None stands
        for If-None-Match."""
        before = self.results.get(key)
        if self.is_refusing:
            raise refusal("AccessDenied", "PutObject")
        if (before and before.etag) != replaced:
            raise refusal("PreconditionFailed", "PutObject")
        self.results[key] = result
        self.on_result(key, before, result)

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        if self.is_refusing:
            self.unwritten.add(key)
            return
        if self.reports.get(key, ("", {}))[0] <= order:
            self.reports[key] = order, report

    def remove_report(self, key: str, order: str) -> None:
        if key in self.reports and self.reports[key][0] <= order and not self.is_refusing:
            del self.reports[key]

    def list_unfinished(self) -> list[UnfinishedUpload]:
        return list(self.begun.values())

    def abort(self, upload: UnfinishedUpload) -> None:
        self.aborted += self.begun.pop(upload.upload_id, None) is not None

    def oldest_left(self) -> timedelta | None:
        """Return the age of the oldest unfinished multipart upload, or None if there is none."""
        now = self.scheduler.clock()
        return max((now - one.initiated_at for one in self.begun.values()), default=None)
