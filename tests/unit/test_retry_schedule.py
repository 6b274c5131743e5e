"""Tests when a job is tried again. A denied read is tried eight times in a quarter of an hour, a failing job less and
less often.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom.retry_schedule import MESSAGE_LIFE, next_look_at, next_read_at

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
DAY = timedelta(hours=24)
RECEIVES, LONGEST_VISIBILITY = 10, timedelta(seconds=900)  # maxReceiveCount, and the largest SubmitTimeoutSeconds


def test_a_denied_read_is_tried_eight_times_with_growing_pauses_within_a_quarter_of_an_hour() -> None:
    tries = [NOW]
    while (again := next_read_at(NOW, tries[-1])) is not None:
        tries.append(again)
    pauses = [later - earlier for earlier, later in pairwise(tries)]
    assert len(tries) == 8
    assert pauses == sorted(pauses)
    assert tries[-1] - NOW <= timedelta(minutes=15)


@given(st.lists(st.floats(min_value=0, max_value=2000), max_size=40))
def test_tries_that_come_late_are_no_more(delays: list[float]) -> None:
    at, tries = NOW, 1
    for delay in delays:
        again = next_read_at(NOW, at)
        if again is None:
            break
        at, tries = again + timedelta(seconds=delay), tries + 1
    assert tries <= 8


@each_row("hours", [24, 96])
def test_the_sweep_looks_at_a_failing_job_when_its_message_is_gone_then_after_twice_the_time_and_at_the_deadline(
    hours: int,
) -> None:
    deadline = NOW + timedelta(hours=hours)
    looks = [NOW]
    while looks[-1] < deadline:
        looks.append(next_look_at(NOW, looks[-1], deadline))
    assert [(at - NOW) / timedelta(hours=1) for at in looks[1:5]] == [3, 6, 12, 24]
    assert looks[-1] == deadline
    assert RECEIVES * LONGEST_VISIBILITY < MESSAGE_LIFE


def test_a_job_that_cannot_even_be_ended_is_tried_every_three_hours_after_its_deadline() -> None:
    late = NOW + 2 * DAY
    assert next_look_at(NOW, late, NOW + DAY) - late == MESSAGE_LIFE
