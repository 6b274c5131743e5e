"""Decides when to poll the provider next. The provider's eta decides at first; later, the waits grow. It must not read a clock.

A poll costs three state transitions, but a wait that is too long delays a result. tests/unit/test_poll_schedule.py measures both
for jobs of up to half an hour, and docs/decisions.md gives the reasons.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

MIN_WAIT_SECONDS = 2
OVERDUE_WAIT_SECONDS = 5  # the shortest wait once the eta has passed
MAX_WAIT_SECONDS = 600  # the longest wait before each of the first hundred polls
LATE_FRACTION = 0.15  # once the eta has passed, a wait is this fraction of the job's age
MAX_POLLS_TRUSTING_ETA = 4  # after so many polls the eta no longer shortens a wait, because it may move on for ever
SLOW_AFTER_POLLS = 100  # after so many polls the wait is twice MAX_WAIT_SECONDS, and doubles every DOUBLING_POLLS
DOUBLING_POLLS = 20


def next_poll_at(now: datetime, eta: datetime | None, submitted_at: datetime, polls: int) -> datetime:
    """Return the time of the next poll, 2–600 s from now. `polls` is the number of polls so far.

    After 100 polls the eta no longer counts: the wait is 20 minutes, then 40, and so on. So an eta that always moves on leads to
    at most 200 polls in 8 days, far below the 25,000 events that a Standard execution may have.
    """
    if polls >= SLOW_AFTER_POLLS:
        doublings = min((polls - SLOW_AFTER_POLLS) // DOUBLING_POLLS, 4) + 1
        return now + timedelta(seconds=MAX_WAIT_SECONDS * 2**doublings)
    elapsed = max((now - submitted_at).total_seconds(), 0.0)
    expected_total = 0.0 if eta is None else (eta - submitted_at).total_seconds()
    wait_seconds = _wait_seconds(elapsed, expected_total, polls)
    return now + timedelta(seconds=min(max(wait_seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS))


def _wait_seconds(elapsed: float, expected_total: float, polls: int) -> float:
    """Return the seconds until the next poll. The job has run for `elapsed` seconds and is expected to take `expected_total`
    seconds."""
    overdue = max(LATE_FRACTION * elapsed, OVERDUE_WAIT_SECONDS)
    if expected_total <= elapsed:
        return overdue
    if polls >= MAX_POLLS_TRUSTING_ETA:
        return max(expected_total - elapsed, overdue)
    remaining = expected_total - elapsed
    return remaining / max(math.ceil(round(remaining) / MAX_WAIT_SECONDS), 1)  # equal waits until the eta
