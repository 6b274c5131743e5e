"""When to ask the provider next. Pure: follows the eta as far as it deserves it, then backs off. It must not read a clock.

What it promises of jobs of up to half an hour is counted in tests/unit/test_poll_schedule.py, and why it is so is in
docs/decisions.md. Each look costs three state transitions, each second of waiting too long delays a result.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

MIN_WAIT_SECONDS = 2
OVERDUE_WAIT_SECONDS = 5  # the least once an eta has passed
MAX_WAIT_SECONDS = 600  # ten minutes between the first hundred polls
LATE = 0.15  # of its age: how late a job may be found once its eta has passed
TRUSTED_POLLS = 4  # then a moved eta no longer shortens a wait: it may slip for ever
PATIENT_POLLS = 100  # after these the shortest wait is MAX_WAIT_SECONDS, doubled every DOUBLING_POLLS
DOUBLING_POLLS = 20


def next_poll_at(now: datetime, eta: datetime | None, submitted_at: datetime, polls: int) -> datetime:
    """The moment of the next poll, 2–600 s from now; `polls` is how many were made.

    From the hundredth poll on it is 20 minutes, then 40, … whatever the eta says: an eta that slips for ever makes at most
    200 polls in 8 days, far under the 25,000 events of a Standard execution.
    """
    if polls >= PATIENT_POLLS:
        doublings = min((polls - PATIENT_POLLS) // DOUBLING_POLLS, 4) + 1
        return now + timedelta(seconds=MAX_WAIT_SECONDS * 2**doublings)
    age = max((now - submitted_at).total_seconds(), 0.0)
    announced = 0.0 if eta is None else (eta - submitted_at).total_seconds()
    wait_seconds = _wait_seconds(age, announced, polls)
    return now + timedelta(seconds=min(max(wait_seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS))


def _wait_seconds(age: float, announced: float, polls: int) -> float:
    """Seconds until the next look at a job of that age, announced to take so long altogether."""
    overdue = max(LATE * age, OVERDUE_WAIT_SECONDS)
    if announced <= age:
        return overdue
    if polls >= TRUSTED_POLLS:
        return max(announced - age, overdue)
    ahead = announced - age
    return ahead / max(math.ceil(round(ahead) / MAX_WAIT_SECONDS), 1)  # at the eta, in equal steps, none too long
