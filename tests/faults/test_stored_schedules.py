"""Schedules in which the output bucket refuses to be written for a while, and other programs write into it.

Nothing is paid for while no result can be stored, a foreign object stays whole, and every paid result is published all the same.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.replay import play
from tests.faults.world_shapes import STORED

SCHEDULES, CHUNK = 200, 50
HAPPENED: Counter[str] = Counter()
# The least number of times that each event must happen in these schedules: about a third of how often it does.
NEEDED = {
    "PROCESSING → COMPLETED": 75, "REJECTED OutputCollision": 70, "superseded": 5, "refused for storage": 190,
    "foreign object": 110, "FAILED TimedOut": 65, "result refused": 16, "headers refused": 13, "tagged later": 16,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_an_output_bucket_that_refuses(first: int) -> None:
    for number in range(first, first + CHUNK):
        played = play(number, STORED)
        if played.law is not None:
            pytest.fail(played.report, pytrace=False)
        HAPPENED.update(played.tally)


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("not all schedules were played")
    rare = {what: (HAPPENED[what], times) for what, times in NEEDED.items() if HAPPENED[what] < times}
    assert not rare, f"too rare, of how often it must be: {rare}"
