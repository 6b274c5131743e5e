"""Plays random schedules (orders of events and faults) with synchronous calls. There, a worker's death or a lost answer may
destroy the only copy of the result."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.replay import play
from tests.faults.world_shapes import HELD

SCHEDULES, CHUNK = 400, 50
HAPPENED: Counter[str] = Counter()
# The least number of times that each event must happen in these schedules. In fact, it happens about three times as often.
NEEDED = {
    "staged": 200, "staged, and adopted": 20, "FAILED ResultLost": 20, "FAILED ProviderFailed": 45, "superseded": 5,
    "sent again after a lookup": 50, "SUBMITTING → IN_DOUBT": 60, "rerun paid again": 40, "accepted after death": 1,
    "died before staging.stage": 9, "died after staging.stage": 7, "died before staging.drop": 1,
    "died after staging.drop": 1, "cancelled from PROCESSING": 15,
    "lists: staged": 100, "lists: staged, and adopted": 12, "lists: FAILED ResultLost": 10,
    "lists: sent again after a lookup": 40, "blind: staged": 50, "blind: staged, and adopted": 4,
    "blind: SUBMITTING → IN_DOUBT": 45, "rotates: staged": 40, "rotates: staged, and adopted": 6,
    "rotates: SUBMITTING → IN_DOUBT": 15, "rotates: sent again after a lookup": 12,
}  # fmt: skip
NEVER = ("blind: sent again after a lookup",)


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_synchronous_calls(first: int) -> None:
    for number in range(first, first + CHUNK):
        played = play(number, HELD)
        if played.law is not None:
            pytest.fail(played.report, pytrace=False)
        HAPPENED.update(played.tally)


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("this test counts events over all schedules, and only some of them ran")
    rare = {what: (HAPPENED[what], times) for what, times in NEEDED.items() if HAPPENED[what] < times}
    assert not rare, f"these events happened too rarely (how often, how often needed): {rare}"
    assert not any(HAPPENED[what] for what in NEVER), {what: HAPPENED[what] for what in NEVER}
