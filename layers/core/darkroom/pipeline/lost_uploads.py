"""Finds uploads whose event was lost, and sends them to the intake queue. The sweep runs this task every 15 minutes."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from darkroom import output_keys
from darkroom.model import SourceObject, Upload, WarningMetric
from darkroom.ports import Alerts, Clock, InputBucket, IntakeQueue, SweepQueries

EVERY = timedelta(minutes=15)
PAGES = 100  # the most pages, of at most 1,000 versions each, that one call reads; the next call continues after them
MAX_SENT = 100  # the most uploads that one call sends to the intake queue
LOOKUP_BATCH = 100  # job ids in one query
EVENT_DELAY = timedelta(minutes=15)  # an event may take a minute; after this time it counts as lost
MAX_AGE = timedelta(days=30)  # older objects are ignored; `SKIPPED` rows are kept longer than this
RESEND_INTERVAL = timedelta(
    days=1
)  # after this time, an upload that still has no job is sent again, such as one that cannot be read
LATEST = "f" * 40  # stands for the sequencer, which a listing lacks; it sorts after all earlier versions of the key

log = logging.getLogger(__name__)


class UploadsNotSent(RuntimeError):
    """The queue refused some uploads. All others were sent."""


@dataclass(frozen=True)
class Walk:
    """One pass through the whole bucket, which may take several calls."""

    began: datetime
    since: datetime  # an earlier walk has handled the objects that are older
    whole: datetime  # the beginning of the last walk that handled all objects
    page: str | None = None  # the listing's cursor of the page to read next
    after: str | None = None  # the job id of the last object on that page that was sent to the queue, if any
    is_over: bool = False

    @property
    def text(self) -> str:
        """The walk as JSON, which is stored between two calls."""
        return json.dumps(asdict(self), default=datetime.isoformat)


def next_walk(text: str | None, now: datetime) -> Walk:
    """Return the unfinished walk, or a new walk if there is none. A new walk handles the objects since the beginning of the last
    walk. Once a day, it handles all objects."""
    last = _stored_walk(text)
    if last is None or (last.is_over and now - last.whole >= RESEND_INTERVAL):
        return Walk(now, now - MAX_AGE, now)
    return Walk(now, last.began - EVENT_DELAY, last.whole) if last.is_over else last


def _stored_walk(text: str | None) -> Walk | None:
    try:
        stored = json.loads(text or "null")
        times = {name: datetime.fromisoformat(stored[name]) for name in ("began", "since", "whole")}
        return Walk(**{**stored, **times})
    except (ValueError, TypeError, KeyError):  # no walk is stored, or another release stored it
        return None


@dataclass(frozen=True, kw_only=True)
class LostUploads:
    """Finds objects of the input bucket that have no job and are newer than the first sweep of the bucket."""

    sources: InputBucket
    queries: SweepQueries
    intake: IntakeQueue
    alerts: Alerts
    clock: Clock
    bucket: str
    prefix: str
    suffixes: Sequence[str]

    def __call__(self, until: datetime) -> int:
        """Send lost uploads to the intake queue and return their number. Pages are read until `until`. Repeat safe, because two
        messages for one upload make one job.

        The place in the bucket is always stored, also after an error. Raises UploadsNotSent if the queue refused an upload, but
        only after all others were sent.
        """
        since = self.queries.first_swept_at(self.bucket, self.clock())
        walk = next_walk(self.queries.cursor(self.bucket), self.clock())
        sent, refused, is_full = 0, 0, False
        try:
            for _ in range(PAGES):
                if walk.is_over or is_full or self.clock() > until:
                    break
                page, next_page = self.sources.page(self.bucket, self.prefix, walk.page)
                rest = _after(page, walk.after)
                lost = self._without_job([one for one in rest if self._is_lost(one, max(since, walk.since))])
                chosen, is_full = lost[: MAX_SENT - sent], len(lost) > MAX_SENT - sent
                refused += sum(not self._send(one) for one in chosen)
                sent += len(chosen)
                if is_full:  # the next call continues after these uploads, even if they have no jobs by then
                    walk = replace(walk, after=chosen[-1].job_id if chosen else walk.after)
                else:
                    walk = replace(walk, page=next_page, after=None, is_over=next_page is None)
        finally:
            self.queries.save_cursor(self.bucket, walk.text)
        self._warn_if_slow(walk)
        if refused:
            raise UploadsNotSent(
                f"{refused} of {sent} lost uploads could not be sent; each is tried again within a day"
            )
        return sent

    def _send(self, source: SourceObject) -> bool:
        """Send the upload, and return whether the queue took it. A refused upload must not keep the others from being sent."""
        try:
            self.intake.requeue(_upload(source), 0)
        except Exception:  # UploadsNotSent is raised after the other uploads were sent
            log.exception("a lost upload could not be sent to the intake queue", extra={"key": source.key})
            return False
        return True

    def _warn_if_slow(self, walk: Walk) -> None:
        if not walk.is_over and self.clock() - walk.began > RESEND_INTERVAL:
            why = f"reading all of {self.bucket} takes more than a day, so lost uploads are found later"
            self.alerts.warn(WarningMetric.WALK_LATE, why, bucket=self.bucket)

    def _is_lost(self, source: SourceObject, since: datetime) -> bool:
        """Return whether the object is an upload of this stack whose event must have arrived by now."""
        now = self.clock()
        is_upload = output_keys.is_upload(source.key, self.prefix, self.suffixes)
        is_late = max(since, now - MAX_AGE) <= source.last_modified <= now - EVENT_DELAY
        return is_upload and is_late and _can_be_named(source)

    def _without_job(self, sources: Sequence[SourceObject]) -> list[SourceObject]:
        unknown: set[str] = set()
        job_ids = [one.job_id for one in sources]
        for start in range(0, len(job_ids), LOOKUP_BATCH):
            unknown |= self.queries.find_without_job(job_ids[start : start + LOOKUP_BATCH])
        return [one for one, job_id in zip(sources, job_ids, strict=True) if job_id in unknown]


def _can_be_named(source: SourceObject) -> bool:
    """Return whether a message can name this version. That is so if it has a version id, or if it is the latest version, which is
    found by its key alone."""
    return source.version_id is not None or source.is_latest is not False


def _upload(source: SourceObject) -> Upload:
    """Return the upload as its event would have named it. The latest version gets a sequencer that sorts it after other versions
    of the same second."""
    return Upload(source.bucket, source.key, source.version_id, source.etag, LATEST if source.is_latest else None)


def _after(page: Sequence[SourceObject], job_id: str | None) -> Sequence[SourceObject]:
    """Return the objects after the one with that job id, or the whole page if that object is not there."""
    if job_id is None:
        return page
    places = (place for place, one in enumerate(page, start=1) if one.job_id == job_id)
    return page[next(places, 0) :]
