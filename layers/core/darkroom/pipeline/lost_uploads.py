"""Lost uploads: finds uploads whose event was lost, and sends them to the intake queue. A task of the sweep, every 15 minutes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from darkroom import output_keys
from darkroom.model import SourceObject, Upload
from darkroom.ports import Clock, InputBucket, IntakeQueue, SweepQueries

EVERY = timedelta(minutes=15)
PAGES = 5  # pages of at most 1,000 versions that one call reads; the next call continues there
MAX_SENT = 100  # the most uploads that one call sends to the intake queue
LOOKUP_BATCH = 100  # job ids in one query
EVENT_DELAY = timedelta(minutes=15)  # an event may take a minute; after this time it counts as lost
MAX_AGE = timedelta(days=30)  # older objects are ignored; `SKIPPED` rows are kept longer than this
RESEND_INTERVAL = timedelta(
    days=1
)  # when an upload that still has no job is sent again, such as one that cannot be read
LATEST = "f" * 40  # stands for the sequencer, which a listing lacks: sorts after all earlier versions of the key


@dataclass(frozen=True)
class Walk:
    """One pass through the whole bucket, which may take several calls."""

    began: datetime
    since: datetime  # objects that are older were handled by an earlier walk
    whole: datetime  # when the last walk began that handled all objects again
    page: str | None = None  # the listing's cursor
    after: str | None = None  # the job id of the last object on that page that was sent to the queue, if any
    is_over: bool = False

    @property
    def text(self) -> str:
        """The walk as JSON, as it is stored between two calls."""
        return json.dumps(asdict(self), default=datetime.isoformat)


def next_walk(text: str | None, now: datetime) -> Walk:
    """Return the unfinished walk. If there is none, return a new one: for the objects since the last walk began, and once a
    day for all objects."""
    last = _stored_walk(text)
    if last is None or (last.is_over and now - last.whole >= RESEND_INTERVAL):
        return Walk(now, now - MAX_AGE, now)
    return Walk(now, last.began - EVENT_DELAY, last.whole) if last.is_over else last


def _stored_walk(text: str | None) -> Walk | None:
    try:
        stored = json.loads(text or "null")
        times = {name: datetime.fromisoformat(stored[name]) for name in ("began", "since", "whole")}
        return Walk(**{**stored, **times})
    except (ValueError, TypeError, KeyError):  # there is none, or another release stored it
        return None


@dataclass(frozen=True, kw_only=True)
class LostUploads:
    """Finds objects of the input bucket that have no job and are newer than the first sweep of the bucket."""

    sources: InputBucket
    queries: SweepQueries
    intake: IntakeQueue
    clock: Clock
    bucket: str
    prefix: str
    suffixes: Sequence[str]

    def __call__(self) -> int:
        """Send lost uploads to the intake queue and return their number. Repeat safe: two messages for one upload make one
        job."""
        since, sent = self.queries.first_swept_at(self.bucket, self.clock()), 0
        walk = next_walk(self.queries.cursor(self.bucket), self.clock())
        for _ in range(PAGES):
            page, next_page = self.sources.page(self.bucket, self.prefix, walk.page)
            rest = _after(page, walk.after)
            lost = self._without_job([one for one in rest if self._is_lost(one, max(since, walk.since))])
            chosen = lost[: MAX_SENT - sent]
            for one in chosen:
                self.intake.requeue(_upload(one), 0)
            sent += len(chosen)
            if len(chosen) < len(lost):  # the next call continues after them, whether or not they have jobs by then
                walk = replace(walk, after=chosen[-1].job_id if chosen else walk.after)
                break
            walk = replace(walk, page=next_page, after=None, is_over=next_page is None)
            if walk.is_over:
                break
        self.queries.save_cursor(self.bucket, walk.text)
        return sent

    def _is_lost(self, source: SourceObject, since: datetime) -> bool:
        """Whether it is an upload of this stack whose event must have arrived by now."""
        now = self.clock()
        is_upload = output_keys.is_upload(source.key, self.prefix, self.suffixes)
        is_late = max(since, now - MAX_AGE) <= source.last_modified <= now - EVENT_DELAY
        return is_upload and is_late and _can_be_named(source)

    def _without_job(self, sources: Sequence[SourceObject]) -> list[SourceObject]:
        unknown: set[str] = set()
        for start in range(0, len(sources), LOOKUP_BATCH):
            unknown |= self.queries.find_without_job([one.job_id for one in sources[start : start + LOOKUP_BATCH]])
        return [one for one in sources if one.job_id in unknown]


def _can_be_named(source: SourceObject) -> bool:
    """Whether a message can name this version: it has an id, or it is the latest, which is found by its key alone."""
    return source.version_id is not None or source.is_latest is not False


def _upload(source: SourceObject) -> Upload:
    """Return the upload as its event would have named it. The latest version gets a sequencer that sorts it after others of
    the same second."""
    return Upload(source.bucket, source.key, source.version_id, source.etag, LATEST if source.is_latest else None)


def _after(page: Sequence[SourceObject], job_id: str | None) -> Sequence[SourceObject]:
    """Return the objects after the one with that job id; the whole page if it is no longer there."""
    places = (place for place, one in enumerate(page, start=1) if one.job_id == job_id)
    return page[next(places, 0) :]
