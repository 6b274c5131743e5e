"""Tests schedules in which uploads cannot be read, for good or for a while, from the beginning or only later.

Each upload comes to an end and costs a bounded number of invocations. If its failure is of an unknown kind, its message
reaches the dead-letter queue.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.replay import play
from tests.faults.world_shapes import UNREAD

SCHEDULES, CHUNK = 200, 50
HAPPENED: Counter[str] = Counter()
# The least number of times that each event must happen in these schedules. In fact, it happens about three times as often.
NEEDED = {
    "REJECTED SourceUnreadable": 60, "PROCESSING → COMPLETED": 80, "FAILED TimedOut": 70, "FAILED SourceUnreadable": 12,
    "outage until the deadline": 6, "deadly until the deadline": 4,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_unreadable_uploads(first: int) -> None:
    for number in range(first, first + CHUNK):
        played = play(number, UNREAD)
        if played.law is not None:
            pytest.fail(played.report, pytrace=False)
        HAPPENED.update(played.tally)


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("this test counts events over all schedules, and only some of them ran")
    rare = {what: (HAPPENED[what], times) for what, times in NEEDED.items() if HAPPENED[what] < times}
    assert not rare, f"these events happened too rarely (how often, how often needed): {rare}"
