"""When the provider is asked again: at the eta, then less and less often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from darkroom.polling import next_poll_at

START = datetime(2026, 11, 21, 14, tzinfo=UTC)
Eta = Callable[[datetime, datetime], datetime | None]


def wait(age: float, polls: int = 0, eta_in: float | None = None) -> float:
    now = START + timedelta(seconds=age)
    eta = None if eta_in is None else now + timedelta(seconds=eta_in)
    return (next_poll_at(now, eta, START, polls) - now).total_seconds()


@pytest.mark.parametrize(("eta_in", "expected"), [(30, 30), (0.5, 2), (599, 599), (600, 600), (7200, 600)])
def test_the_eta_is_followed_within_two_seconds_and_ten_minutes(eta_in: float, expected: float) -> None:
    assert wait(0, eta_in=eta_in) == expected


@pytest.mark.parametrize("eta_in", [None, 0, -5, -10_000])
@pytest.mark.parametrize(
    ("age", "expected"), [(0, 2), (15, 2), (16, 2), (80, 10), (800, 100), (4800, 600), (90_000, 600)]
)
def test_after_the_eta_the_wait_is_an_eighth_of_the_age(eta_in: float | None, age: float, expected: float) -> None:
    assert wait(age, eta_in=eta_in) == expected


@pytest.mark.parametrize(
    ("polls", "minutes"), [(99, 10), (100, 20), (119, 20), (120, 40), (140, 80), (160, 160), (180, 320), (999, 320)]
)
@pytest.mark.parametrize("eta_in", [None, 3])
def test_from_the_hundredth_poll_the_wait_doubles_whatever_the_eta_says(
    polls: int, minutes: int, eta_in: float | None
) -> None:
    if polls < 100 and eta_in is not None:
        return
    assert wait(50_000, polls, eta_in) == minutes * 60


def test_a_clock_that_runs_backwards_does_not_poll_in_a_loop() -> None:
    assert wait(-500) == 2


ETAS: dict[str, Eta] = {
    "no eta": lambda now, start: None,
    "an eta that slips for ever": lambda now, start: now + timedelta(seconds=1),
    "an eta always half a minute ahead": lambda now, start: now + timedelta(seconds=30),
    "an eta in the past": lambda now, start: start - timedelta(days=1),
    "an eta after the deadline": lambda now, start: start + timedelta(days=30),
}


@pytest.mark.parametrize("eta", ETAS.values(), ids=list(ETAS))
@pytest.mark.parametrize("days", [1, 4, 7])
def test_two_hundred_polls_last_beyond_any_deadline(days: int, eta: Eta) -> None:
    now, polls = START, 0
    while now < START + timedelta(days=days):
        now = next_poll_at(now, eta(now, START), START, polls)
        polls += 1
    assert polls <= 200


@pytest.mark.parametrize("length", [5, 60, 700, 7200, 80_000])
def test_a_late_job_is_found_within_an_eighth_of_its_length(length: float) -> None:
    now, polls = START, 0
    while now < START + timedelta(seconds=length):
        now = next_poll_at(now, None, START, polls)
        polls += 1
    assert (now - START).total_seconds() <= length * 1.125 + 2
