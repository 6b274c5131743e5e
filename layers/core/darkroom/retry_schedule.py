"""Decides when a job is tried again if its source may not be read, or if it failed for an unknown reason. Pure functions.

An object that may not be read is tried at most 8 times within a quarter of an hour. After an unknown failure, SQS delivers the
same message again, and at last moves it to the dead-letter queue. Until then the sweep sends no other message for the job.
Afterwards it sends messages at growing intervals. So an upload that always fails costs at most about 30 invocations a day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

READS_AFTER = tuple(
    timedelta(seconds=seconds) for seconds in (15, 45, 105, 195, 345, 585, 885)
)  # the times of the tries, since the first denial
# The longest time until a message is in the dead-letter queue: 10 receives (maxReceiveCount) of 900 s (SubmitTimeoutSeconds), and
# the waits between them.
MESSAGE_LIFE = timedelta(hours=3)


def next_read_at(denied_since: datetime, now: datetime) -> datetime | None:
    """Return when to try again to read an object that may not be read now; None after the last try."""
    return next((denied_since + after for after in READS_AFTER if denied_since + after > now), None)


def next_look_at(failing_since: datetime, now: datetime, deadline_at: datetime) -> datetime:
    """Return when the sweep looks again at a job whose attempts have failed since `failing_since`.

    It waits until the job's message has certainly left the queue. Each later wait is as long as the job has been failing, but
    no wait passes the job's deadline.
    """
    later = now + max(MESSAGE_LIFE, now - failing_since)
    return min(later, deadline_at) if now < deadline_at else now + MESSAGE_LIFE
