"""lost_uploads: finds uploads whose event was lost. Part of the sweep, every quarter of an hour."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from darkroom import output_keys
from darkroom.model import SourceObject, Upload
from darkroom.ports import Clock, InputBucket, IntakeQueue, SweepQueries

EVERY = timedelta(minutes=15)
PAGES = 5  # of at most 1,000 versions each, in one round; the next goes on from there
FED = 100  # uploads that one round feeds to the intake at most
LOOKUP = 100  # job ids looked up at once
EVENT_LATE = timedelta(minutes=15)  # an event may take a minute; one that took longer is taken for lost
EVENT_KEPT = timedelta(days=30)  # older objects were decided on long ago; `SKIPPED` rows are kept longer than this
FED_AGAIN = timedelta(days=1)  # what was fed and still has no job, since nobody may read it, say
LATEST = "f" * 40  # for a sequencer, which a listing lacks: above all versions of the key that were there by then


@dataclass(frozen=True)
class Walk:
    """One way through the bucket, in as many rounds as it takes."""

    began: datetime
    since: datetime  # what is older was fed by an earlier walk
    whole: datetime  # when the last walk began that fed again what earlier ones had fed
    page: str | None = None  # the listing's cursor
    after: str | None = None  # the job id of the last object on that page that was fed, if any
    is_over: bool = False

    @property
    def text(self) -> str:
        """As it is kept between two rounds."""
        return json.dumps(asdict(self), default=datetime.isoformat)


def walk_of(text: str | None, now: datetime) -> Walk:
    """The walk that is under way; else a new one, which feeds what came late since the last one began, once a day all."""
    last = _kept(text)
    if last is None or (last.is_over and now - last.whole >= FED_AGAIN):
        return Walk(now, now - EVENT_KEPT, now)
    return Walk(now, last.began - EVENT_LATE, last.whole) if last.is_over else last


def _kept(text: str | None) -> Walk | None:
    try:
        kept = json.loads(text or "null")
        times = {name: datetime.fromisoformat(kept[name]) for name in ("began", "since", "whole")}
        return Walk(**{**kept, **times})
    except (ValueError, TypeError, KeyError):  # none, or noted by another release
        return None


@dataclass(frozen=True)
class LostUploads:
    """Objects of the input bucket without a job, as far as they are newer than Darkroom's first look at the bucket."""

    sources: InputBucket
    queries: SweepQueries
    intake: IntakeQueue
    clock: Clock
    bucket: str
    prefix: str
    suffixes: Sequence[str]

    def __call__(self) -> int:
        """How many were fed to the intake. Repeat safe: one that is fed twice makes one job."""
        since, fed = self.queries.first_swept_at(self.bucket, self.clock()), 0
        walk = walk_of(self.queries.cursor(self.bucket), self.clock())
        for _ in range(PAGES):
            page, following = self.sources.page(self.bucket, self.prefix, walk.page)
            rest = _after(page, walk.after)
            lost = self._without_job([one for one in rest if self._is_lost(one, max(since, walk.since))])
            chosen = lost[: FED - fed]
            for one in chosen:
                self.intake.requeue(_upload(one), 0)
            fed += len(chosen)
            if len(chosen) < len(lost):  # the next round goes on behind them, whether they have jobs by then or not
                walk = replace(walk, after=chosen[-1].job_id if chosen else walk.after)
                break
            walk = replace(walk, page=following, after=None, is_over=following is None)
            if walk.is_over:
                break
        self.queries.save_cursor(self.bucket, walk.text)
        return fed

    def _is_lost(self, source: SourceObject, since: datetime) -> bool:
        """Whether its event must have come by now."""
        now = self.clock()
        is_meant = output_keys.is_upload(source.key, self.prefix, self.suffixes)
        is_late = max(since, now - EVENT_KEPT) <= source.last_modified <= now - EVENT_LATE
        return is_meant and is_late and _can_be_named(source)

    def _without_job(self, sources: Sequence[SourceObject]) -> list[SourceObject]:
        unknown: set[str] = set()
        for start in range(0, len(sources), LOOKUP):
            unknown |= self.queries.without_job([one.job_id for one in sources[start : start + LOOKUP]])
        return [one for one in sources if one.job_id in unknown]


def _can_be_named(source: SourceObject) -> bool:
    """Whether a message brings this version. One without an id is found by its key alone: only while nothing stands over it."""
    return source.version_id is not None or source.is_latest is not False


def _upload(source: SourceObject) -> Upload:
    """What its event would have named. The latest version is above others of the same second, whose events were not lost."""
    return Upload(source.bucket, source.key, source.version_id, source.etag, LATEST if source.is_latest else None)


def _after(page: Sequence[SourceObject], job_id: str | None) -> Sequence[SourceObject]:
    """What comes behind that object; the whole page when it is no longer there."""
    places = (place for place, one in enumerate(page, start=1) if one.job_id == job_id)
    return page[next(places, 0) :]
