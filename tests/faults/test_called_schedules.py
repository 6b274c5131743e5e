"""Schedules with a vendor that calls back: late, twice, out of order, too early, wrongly or never, before the bind, before the
wait, while finalize runs and after the end. Others forge callbacks, and clear the vendor's list.

No callback changes what a job comes to, and none that was accepted waits for the clock.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.replay import play
from tests.faults.world_shapes import CALLED

SCHEDULES, CHUNK = 120, 40
HAPPENED: Counter[str] = Counter()
# The least number of times that each event must happen in these schedules: about a third of how often it does.
NEEDED = {
    "waited to be told": 900, "timed out untold": 800, "told while PROCESSING": 120, "told while SUBMITTING": 10,
    "told while IN_DOUBT": 1, "lost submit made due": 6, "forged": 120, "started late": 6, "PROCESSING → COMPLETED": 90,
    "PROCESSING → FAILED": 25, "adopted": 30, "SUBMITTING → IN_DOUBT": 20, "rerun paid again": 12,
    "cleared by others": 5,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_a_vendor_that_calls_back(first: int) -> None:
    for number in range(first, first + CHUNK):
        played = play(number, CALLED)
        if played.law is not None:
            pytest.fail(played.report, pytrace=False)
        HAPPENED.update(played.tally)


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("not all schedules were played")
    rare = {what: (HAPPENED[what], times) for what, times in NEEDED.items() if HAPPENED[what] < times}
    assert not rare, f"too rare, of how often it must be: {rare}"
