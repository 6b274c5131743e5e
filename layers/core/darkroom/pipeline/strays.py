"""strays: uploads whose event was lost, and multipart uploads whose worker died. Part of the sweep, every quarter of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import naming
from darkroom.model import SourceObject, Upload
from darkroom.ports import Backlog, Clock, Intake, Outputs, Sources

EVERY = timedelta(minutes=15)
PAGES = 5  # of at most 1,000 versions each, in one round; the next goes on from there
FED = 100  # uploads that one round feeds to the intake at most
LOOKUP = 100  # job ids looked up at once
EVENT_LATE = timedelta(minutes=15)  # an event may take a minute; one that took longer is taken for lost
EVENT_KEPT = timedelta(days=30)  # older objects were decided on long ago; `SKIPPED` rows are kept longer than this
UPLOAD_ABANDONED = timedelta(hours=1)  # longer than any worker lives


@dataclass(frozen=True)
class LostUploads:
    """Objects of the input bucket without a job, as far as they are newer than Darkroom's first look at the bucket."""

    sources: Sources
    backlog: Backlog
    intake: Intake
    clock: Clock
    bucket: str
    prefix: str
    suffixes: Sequence[str]

    def __call__(self) -> int:
        """How many were fed to the intake. Repeat safe: one that is fed twice makes one job."""
        since, fed = self.backlog.watched_since(self.bucket, self.clock()), 0
        cursor = self.backlog.cursor(self.bucket)
        for _ in range(PAGES):
            page, following = self.sources.page(self.bucket, self.prefix, cursor)
            lost = self._without_job([one for one in page if self._is_lost(one, since)])
            for one in lost[: FED - fed]:
                self.intake.again(Upload(one.bucket, one.key, one.version_id, one.etag), 0)
            fed += min(len(lost), FED - fed)
            if fed >= FED:
                break  # the same page again next time: what was fed has a job by then
            cursor = following
            if cursor is None:
                break
        self.backlog.keep_cursor(self.bucket, cursor)
        return fed

    def _is_lost(self, source: SourceObject, since: datetime) -> bool:
        """Whether its event must have come by now."""
        now = self.clock()
        earliest = max(since, now - EVENT_KEPT)
        is_meant = naming.is_upload(source.key) and (not self.suffixes or source.key.endswith(tuple(self.suffixes)))
        return is_meant and earliest <= source.last_modified <= now - EVENT_LATE

    def _without_job(self, sources: Sequence[SourceObject]) -> list[SourceObject]:
        unknown: set[str] = set()
        for start in range(0, len(sources), LOOKUP):
            unknown |= self.backlog.without_job([one.job_id for one in sources[start : start + LOOKUP]])
        return [one for one in sources if one.job_id in unknown]


@dataclass(frozen=True)
class AbandonedUploads:
    """Multipart uploads to our own keys or those that jobs claimed, begun an hour ago and written by nobody now."""

    outputs: Outputs
    backlog: Backlog
    clock: Clock
    bucket: str

    def __call__(self) -> int:
        """How many were aborted. Repeat safe; other people's uploads to the same bucket are left alone."""
        aborted = 0
        for upload in self.outputs.unfinished():
            if upload.initiated_at > self.clock() - UPLOAD_ABANDONED:
                continue
            if self._is_abandoned(upload.key):
                self.outputs.abort(upload)
                aborted += 1
        return aborted

    def _is_abandoned(self, key: str) -> bool:
        if key.startswith(naming.OWN_PREFIX):
            return True  # of a submit, which never lasts an hour
        return self.backlog.is_written(self.bucket, naming.plain_key(key), self.clock()) is False
