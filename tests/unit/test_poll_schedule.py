"""Tests when the provider is polled. The provider is simulated by two numbers: how long a job takes, and the eta that the
provider names for it. The tests count the polls and measure the delays.
"""

from __future__ import annotations

import math
from datetime import timedelta
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row
from tests.unit.polling_support import (
    DISTRIBUTIONS,
    START,
    TICK,
    Eta,
    constant,
    corrected,
    follow,
    honest,
    none_at_all,
    slipping,
    times,
)

from darkroom.poll_schedule import OVERDUE_WAIT_SECONDS, next_poll_at

SHORT_SECONDS = 10.0  # a delay that is acceptable for a job of any length
LENGTHS = st.floats(5, 1800)


@pytest.fixture(params=DISTRIBUTIONS.values(), ids=list(DISTRIBUTIONS))
def lengths(request: pytest.FixtureRequest) -> list[float]:
    rng = Random(7)
    return [request.param(rng) for _ in range(1001)]


def test_the_median_job_with_an_honest_eta_needs_at_most_two_polls(lengths: list[float]) -> None:
    assert median(follow(length, honest(length)).polls for length in lengths) <= 2


@given(LENGTHS)
def test_every_job_with_an_honest_eta_is_found_within_two_seconds(length: float) -> None:
    assert 0 <= follow(length, honest(length)).late <= 2


@given(st.floats(0.01, 599))
def test_a_job_with_an_honest_eta_is_found_by_one_poll_at_it(length: float) -> None:
    found = follow(length, honest(length))
    assert (found.polls, found.ages) == (1, (max(math.ceil(length + 0.05), 2),))


@given(LENGTHS)
def test_no_job_of_up_to_half_an_hour_with_an_honest_eta_needs_more_than_four_polls(length: float) -> None:
    assert follow(length, honest(length)).polls <= 4


@given(LENGTHS)
def test_a_job_that_takes_twice_its_eta_is_found_within_fifteen_percent_or_five_seconds(length: float) -> None:
    assert follow(length, times(0.5)(length)).late <= max(0.15 * length, OVERDUE_WAIT_SECONDS) + TICK


def test_the_median_job_that_takes_twice_its_eta_is_found_within_fifteen_percent() -> None:
    rng = Random(7)
    jobs = [DISTRIBUTIONS["five seconds to half an hour"](rng) for _ in range(1001)]
    assert median(follow(length, times(0.5)(length)).share for length in jobs) <= 0.15


@given(LENGTHS, st.floats(0.5, 1))
def test_an_eta_that_is_up_to_half_too_short_costs_seven_polls_at_most(length: float, part: float) -> None:
    found = follow(length, times(part)(length))
    assert found.late <= max(0.15 * length, SHORT_SECONDS) + TICK
    assert found.polls <= 7 + (length * part > 600)  # an eta more than ten minutes away takes one more poll


@given(LENGTHS, st.floats(1.001, 2))
def test_an_eta_that_is_too_long_costs_what_it_is_too_long_by_and_no_more(length: float, part: float) -> None:
    found = follow(length, times(part)(length))
    assert found.late <= (part - 1) * length + TICK
    assert found.polls <= 5


@given(LENGTHS)
def test_an_eta_that_the_provider_corrects_is_followed(length: float) -> None:
    found = follow(length, corrected(length))
    assert found.late <= 2
    assert found.polls <= 5


@given(LENGTHS, st.sampled_from([none_at_all, constant(0), constant(-86_400), constant(10), constant(15)]))
def test_without_an_eta_or_past_it_a_job_is_found_within_fifteen_percent_or_ten_seconds(
    length: float, eta: Eta
) -> None:
    found = follow(length, eta)
    assert found.late <= max(0.15 * length, SHORT_SECONDS) + TICK
    assert found.polls <= 8 + max(math.log(length / 34) / math.log(1.15), 0)


@given(LENGTHS, st.floats(0.1, 5))
def test_an_eta_that_is_always_a_moment_ahead_is_not_asked_for_every_two_seconds(length: float, ahead: float) -> None:
    found = follow(length, slipping(ahead))
    assert found.late <= max(0.15 * length, SHORT_SECONDS) + TICK
    assert found.polls <= 12 + max(math.log(length / 34) / math.log(1.15), 0)


# --- bounds


def wait(age: float, polls: int = 0, eta_in: float | None = None) -> float:
    now = START + timedelta(seconds=age)
    eta = None if eta_in is None else now + timedelta(seconds=eta_in)
    return (next_poll_at(now, eta, START, polls) - now).total_seconds()


@given(st.floats(-1e6, 1e6), st.integers(0, 99), st.none() | st.floats(-1e7, 1e7))
def test_no_wait_is_shorter_than_two_seconds_or_longer_than_ten_minutes(
    age: float, polls: int, eta_in: float | None
) -> None:
    assert 2 <= wait(age, polls, eta_in) <= 600


@each_row(("eta_in", "expected"), [(0.5, 2), (30, 30), (600, 600), (604, 302), (1800, 600), (7200, 600)])
def test_the_first_look_is_at_the_eta_and_a_far_one_is_reached_in_equal_steps(eta_in: float, expected: float) -> None:
    assert wait(0, eta_in=eta_in) == expected


@each_row("eta_in", [None, 0, -5, -10_000])
@each_row(("age", "expected"), [(0, 5), (20, 5), (80, 12), (800, 120), (4000, 600), (90_000, 600)])
def test_once_the_eta_has_passed_the_wait_follows_the_age(eta_in: float | None, age: float, expected: float) -> None:
    assert wait(age, eta_in=eta_in) == expected


def test_after_four_polls_a_moved_eta_no_longer_shortens_the_wait() -> None:
    assert (wait(100, 3, eta_in=3), wait(100, 4, eta_in=3), wait(100, 4, eta_in=40)) == (3, 15, 40)


@each_row(
    ("polls", "minutes"), [(99, 10), (100, 20), (119, 20), (120, 40), (140, 80), (160, 160), (180, 320), (999, 320)]
)
@each_row("eta_in", [None, 3])
def test_from_the_hundredth_poll_the_wait_doubles_whatever_the_eta_says(
    polls: int, minutes: int, eta_in: float | None
) -> None:
    assert wait(50_000, polls, eta_in) == minutes * 60


def test_a_clock_that_runs_backwards_does_not_poll_in_a_loop() -> None:
    assert wait(-500) == 5


ETAS: dict[str, Eta] = {
    "no eta": none_at_all,
    "an eta that slips for ever": slipping(1),
    "an eta always half a minute ahead": slipping(30),
    "an eta in the past": constant(-86_400),
    "an eta after the deadline": constant(30 * 86_400),
}


@each_row("eta", ETAS.values(), ids=list(ETAS))
@each_row("days", [1, 4, 7])
def test_two_hundred_polls_last_beyond_any_deadline(days: int, eta: Eta) -> None:
    assert follow(days * 86_400, eta).polls <= 200
