"""Schedules of synchronous calls: the worker that dies, or the answer that is lost, may take the only result with it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.play import play
from tests.faults.shapes import HELD

SCHEDULES, CHUNK = 300, 50
HAPPENED: Counter[str] = Counter()
# As in test_schedules: about a third of what so many schedules have.
NEEDED = {
    "staged": 200, "staged, and adopted": 12, "FAILED ResultLost": 8, "FAILED ProviderFailed": 40, "superseded": 5,
    "sent again after a lookup": 40, "SUBMITTING → IN_DOUBT": 40, "rerun paid again": 12, "accepted after death": 1,
    "died before staging.keep": 3, "died after staging.keep": 3, "died before staging.drop": 1,
    "died after staging.drop": 1, "cancelled from PROCESSING": 3,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_synchronous_calls(first: int) -> None:
    for number in range(first, first + CHUNK):
        played = play(number, HELD)
        if played.law is not None:
            pytest.fail(played.report, pytrace=False)
        HAPPENED.update(played.seen)


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("not all schedules were played")
    rare = {what: (HAPPENED[what], times) for what, times in NEEDED.items() if HAPPENED[what] < times}
    assert not rare, f"too rare, of how often it must be: {rare}"
