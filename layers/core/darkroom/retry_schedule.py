"""Retry schedule: when a job is tried again whose source may not be read, or that fails for an unknown reason. Pure functions.

An object that may not be read is tried at most 8 times within a quarter of an hour. After an unknown failure the queue delivers
the same message again, until it moves it to the dead-letter queue. The sweep sends no other message for so long, and then ever
more seldom. So an upload that always fails costs at most about 30 invocations a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

READS_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (15, 45, 105, 195, 345, 585, 885)
)  # since the first denial
# The longest that a message can go round: 10 receives (maxReceiveCount) of 900 s (SubmitTimeoutSeconds) each, and waits between.
MESSAGE_LIFE = timedelta(hours=3)


def next_read_at(denied_since: datetime, now: datetime) -> datetime | None:
    """Return when to read an object again that may not be read now; None after the last time."""
    return next((denied_since + after for after in READS_AFTER if denied_since + after > now), None)


def next_look_at(failing_since: datetime, now: datetime, deadline_at: datetime) -> datetime:
    """Return when the sweep looks at a job again whose attempts have failed since then: when its message must be gone, after
    twice the time at most, and at its deadline."""
    later = now + max(MESSAGE_LIFE, now - failing_since)
    return min(later, deadline_at) if now < deadline_at else now + MESSAGE_LIFE
