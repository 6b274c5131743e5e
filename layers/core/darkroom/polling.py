"""When to ask the provider next. Pure: follows the eta, then backs off. It must not read a clock."""

from __future__ import annotations

from datetime import datetime, timedelta

MIN_WAIT_SECONDS = 2
MAX_WAIT_SECONDS = 600  # ten minutes between the first hundred polls
PATIENT_POLLS = 100  # after these the shortest wait is MAX_WAIT_SECONDS, doubled every DOUBLING_POLLS
DOUBLING_POLLS = 20


def next_poll_at(now: datetime, eta: datetime | None, submitted_at: datetime, polls: int) -> datetime:
    """The moment of the next poll: the eta while it lies ahead, else a growing back-off.

    After the eta the wait is an eighth of the job's age so far, within 2–600 s, so that a late job is found within
    about 12 % of its length. From the hundredth poll on it is 20 minutes, then 40, … whatever the eta says: an eta that
    slips for ever makes at most 200 polls in 8 days, far under the 25,000 events of a Standard execution.
    """
    if polls >= PATIENT_POLLS:
        doublings = min((polls - PATIENT_POLLS) // DOUBLING_POLLS, 4) + 1
        return now + timedelta(seconds=MAX_WAIT_SECONDS * 2**doublings)
    if eta is not None and eta > now:
        wait_seconds = (eta - now).total_seconds()
    else:
        wait_seconds = max((now - submitted_at).total_seconds(), 0.0) / 8
    return now + timedelta(seconds=min(max(wait_seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS))
