"""Helpers for tests of the walk through the input bucket: rounds of the sweep, and listings of many objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import INPUT

from darkroom.model import SourceObject, Upload

HOUR = timedelta(hours=1)
LATE = timedelta(minutes=16)


def watch(application: ApplicationUnderTest) -> None:
    """Sweep the bucket for the first time and let an hour pass. Objects made after this call are new to the sweep."""
    application.clock.now = datetime.now(UTC) - HOUR
    application.sweep()
    application.clock.advance(HOUR)


def fed(application: ApplicationUnderTest) -> list[str]:
    return [what.key for what, _ in application.queue.sent if isinstance(what, Upload)]


def rounds(application: ApplicationUnderTest, count: int, **only: Any) -> None:
    """Run `count` rounds of the sweep, and deliver the messages of each."""
    for _ in range(count):
        application.clock.advance(LATE)
        before = len(application.queue.sent)
        application.sweep(**only)
        for what, _ in application.queue.sent[before:]:
            application.submit(what)


class Listing:
    """Stands in for `ports.InputBucket` and lists `objects` in pages of 1,000. `asked` records each cursor."""

    def __init__(self, objects: Sequence[SourceObject]) -> None:
        self.objects, self.asked = objects, list[str | None]()

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        self.asked.append(cursor)
        start = int(cursor or 0)
        end = start + 1000
        return list(self.objects[start:end]), str(end) if end < len(self.objects) else None


def listed(application: ApplicationUnderTest, count: int) -> list[SourceObject]:
    return [SourceObject(INPUT, f"{n:05}.jpg", f"v{n}", "e", 9, application.clock()) for n in range(count)]
