"""When to ask the provider next. Pure: follows the eta, then backs off. It must not read a clock."""

from __future__ import annotations

from datetime import datetime, timedelta

MIN_WAIT_SECONDS = 2
MAX_WAIT_SECONDS = 600  # ten minutes between polls, however long a job runs
MAX_POLLS = 200  # keeps an execution far under the 25,000 events of a Step Functions Standard execution


def next_poll_at(now: datetime, eta: datetime | None, submitted_at: datetime, polls: int) -> datetime:
    """The moment of the next poll: the eta while it lies ahead, else a growing back-off.

    After the eta the wait is an eighth of the job's age so far, within 2–600 s, doubled each 20 polls, so that a late
    job is found within about 12 % of its length and 200 polls last beyond any deadline.
    """
    cap = timedelta(seconds=MAX_WAIT_SECONDS)
    if eta is not None and eta > now and polls < MAX_POLLS:
        return min(max(eta, now + timedelta(seconds=MIN_WAIT_SECONDS)), now + cap)
    age_seconds = max((now - submitted_at).total_seconds(), 0.0)
    wait_seconds = max(age_seconds / 8, MIN_WAIT_SECONDS) * 2 ** (min(polls, MAX_POLLS) // 20)
    return now + min(timedelta(seconds=wait_seconds), cap)
