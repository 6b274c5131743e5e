"""In-memory buckets for thousands of copies of one picture. To save memory, the output bucket does not keep the results."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import IO, Any

from tests.fakes.aws_account import INPUT, OUTPUT
from tests.faults.memory_buckets import SMALL

from benchmarks.scaling.world import World
from darkroom.errors import SourceGone
from darkroom.model import ImageFormat, SourceObject, UnfinishedUpload, Upload
from darkroom.ports import ResultHeaders, StandingObject

PAGE = 1_000
BODY = SMALL[ImageFormat.JPEG]


class InputBucket:
    """Implements `ports.InputBucket` in memory. Every upload has the same tags. Old versions are not kept."""

    def __init__(self, world: World, tags: Mapping[str, str]) -> None:
        self.world, self.every_tag = world, dict(tags)
        self.kept: dict[str, SourceObject] = {}

    def put(self, number: int) -> Upload:
        """Upload the picture number `number`, and return the upload as the event of S3 would name it."""
        at, key = self.world.clock().replace(microsecond=0), f"burst/{number:06}.jpg"
        self.kept[key] = SourceObject(INPUT, key, f"v{number}", f"etag-{number}", len(BODY), at)
        return Upload(INPUT, key, f"v{number}", f"etag-{number}", f"{number:016X}")

    def find(self, upload: Upload) -> SourceObject:
        if upload.key not in self.kept:
            raise SourceGone(f"{upload.key} is no longer there")
        return replace(self.kept[upload.key], sequencer=upload.sequencer)

    def tags(self, source: SourceObject) -> dict[str, str]:
        return dict(self.every_tag)

    def is_deleted(self, source: SourceObject) -> bool:
        return False

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        return lambda offset, length: BODY[offset : offset + length]

    def open(self, source: SourceObject) -> IO[bytes]:
        return io.BytesIO(BODY)

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        keys = [
            key for key in self.kept if cursor is None or key > cursor
        ]  # the dict is sorted, as uploads come by key
        page = [self.kept[key] for key in keys[:PAGE]]
        return page, page[-1].key if len(keys) > PAGE else None


class OutputBucket:
    """Implements `ports.OutputBucket` in memory. `writes` counts how often each key was written."""

    bucket = OUTPUT

    def __init__(self) -> None:
        self.receipts: dict[str, Mapping[str, str]] = {}
        self.writes: Counter[str] = Counter()
        self.reports: set[str] = set()

    def prove(self) -> None:
        """Fulfil `ports.StorageProof`: it takes every result."""

    def find(self, key: str) -> StandingObject | None:
        receipt = self.receipts.get(key)
        return None if receipt is None else StandingObject("etag", receipt)

    def write(self, key: str, link: Any, headers: ResultHeaders, replaced: StandingObject | None) -> None:
        b"".join(link.stream())
        self.receipts[key] = dict(headers.receipt)
        self.writes[key] += 1

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        self.reports.add(key)

    def remove_report(self, key: str, order: str) -> None:
        self.reports.discard(key)

    def list_unfinished(self) -> list[UnfinishedUpload]:
        return []

    def abort(self, upload: UnfinishedUpload) -> None:
        """Do nothing, because there is never an unfinished multipart upload."""

    def oldest_left(self) -> timedelta | None:
        return None
