"""Schedules of submits by link to a vendor whose list names nothing but which keeps the images. All images of a format are equal,
so that the lookup meets many processes that could be a job's own."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.replay import play
from tests.faults.world_shapes import LINKED

SCHEDULES, CHUNK = 300, 50
HAPPENED: Counter[str] = Counter()
# The least number of times that each event must happen in these schedules. As in test_schedules, each in fact happens about
# three times as often. `exchanged`: a job took the process of another run that had asked for the same model and settings.
NEEDED = {
    "adopted": 75, "exchanged": 4, "SUBMITTING → IN_DOUBT": 90, "adopted by a person": 20, "resubmitted by a person": 80,
    "PROCESSING → COMPLETED": 150, "rerun paid again": 10,
}  # fmt: skip
NEVER = ("sent again after a lookup",)


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_submits_by_link(first: int) -> None:
    for number in range(first, first + CHUNK):
        played = play(number, LINKED)
        if played.law is not None:
            pytest.fail(played.report, pytrace=False)
        HAPPENED.update(played.tally)


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("not all schedules were played")
    rare = {what: (HAPPENED[what], times) for what, times in NEEDED.items() if HAPPENED[what] < times}
    assert not rare, f"too rare, of how often it must be: {rare}"
    assert not any(HAPPENED[what] for what in NEVER), {what: HAPPENED[what] for what in NEVER}
