"""When a job is tried again that could not be sent for its own reasons. Pure; it must not know a clock.

An object that may not be read is tried at most 8 times within a quarter of an hour. A try that failed for an unknown reason is
repeated by its message, which the queue delivers until it gives it to the dead-letter queue; the sweep stays away for so long,
and then comes ever more seldom. So an upload that always fails costs some 30 invocations a day at most.
"""

from __future__ import annotations

from datetime import datetime, timedelta

READS_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (15, 45, 105, 195, 345, 585, 885)
)  # since the first denial
# The longest that a message can go round: 10 receives (maxReceiveCount) of 900 s (SubmitTimeoutSeconds) each, and waits between.
MESSAGE_LIFE = timedelta(hours=3)


def next_read_at(denied_since: datetime, now: datetime) -> datetime | None:
    """Return when an object is tried again that may not be read `now`; None if it was tried for long enough."""
    return next((denied_since + after for after in READS_AFTER if denied_since + after > now), None)


def next_look_at(failing_since: datetime, now: datetime, deadline_at: datetime) -> datetime:
    """Return when the sweep looks again at a job whose tries have failed since then: once no message of it can be left, after
    twice the time at most, and at its deadline."""
    later = now + max(MESSAGE_LIFE, now - failing_since)
    return min(later, deadline_at) if now < deadline_at else now + MESSAGE_LIFE
