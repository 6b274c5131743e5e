"""Tests bursts of a few hundred uploads within seconds of simulated time. All jobs end rightly, whatever slows the burst down.

Larger bursts are in `tests/soak/test_scale.py`, and `make bench` prints their figures.
"""

from __future__ import annotations

from functools import cache

import pytest
from benchmarks.scaling import limits
from benchmarks.scaling.burst import Burst, Scenario
from benchmarks.scaling.figures import broken
from benchmarks.scaling.scenarios import HELD, LINKED
from benchmarks.scaling.vendor import Pace


def burst(name: str = "", uploads: int = 200, within: float = 2.0, **more: object) -> Burst:
    return Burst(Scenario(name, uploads, within, **more)).run()  # type: ignore[arg-type]


@cache
def contended() -> Burst:
    """Return a burst, played once, whose transactions meet each other on the month's rows most of the time."""
    return burst(concurrent_submits=200, occupied=0.05)


@pytest.mark.parametrize("tags", [{}, LINKED, HELD, HELD | LINKED], ids=["upload", "link", "held", "held link"])
def test_a_burst_comes_through_in_every_manner_of_sending(tags: dict[str, str]) -> None:
    simulation = burst(uploads=100, tags=tags, concurrent_submits=50)
    assert broken(simulation) == {}
    assert simulation.statuses["COMPLETED"] == 100


def test_conflicts_on_the_months_rows_cost_tries_and_nothing_else() -> None:
    simulation = contended()
    assert simulation.dynamo.counts["conflicts"] > 200
    assert simulation.dynamo.counts["given up"] > 0
    assert broken(simulation) == {}


def test_a_submit_that_gave_up_comes_back_by_its_own_message_and_not_by_the_sweep() -> None:
    simulation = contended()
    assert simulation.verdicts["RetryLater"] > 0
    assert simulation.sweeps["Claims"] == 0
    assert max(simulation.ended_at) < limits.template().visibility  # no job waited until its lease was over


def test_a_limit_in_the_middle_of_a_burst_is_filled_exactly_and_never_passed() -> None:
    simulation = burst(monthly_credits=77, concurrent_submits=100, occupied=0.03, pace=Pace(submits_a_minute=600))
    assert broken(simulation) == {}
    assert (simulation.statuses["COMPLETED"], simulation.statuses["REJECTED"]) == (77, 123)
    assert simulation.most_committed == 77


def test_a_provider_that_refuses_most_submits_gets_all_of_them_in_the_end() -> None:
    simulation = burst(uploads=80, pace=Pace(submits_a_minute=60, retry_after=20), concurrent_submits=50)
    assert simulation.vendor.throttled > 80
    assert broken(simulation) == {}


def test_an_account_that_is_too_small_throttles_and_dead_letters_nothing() -> None:
    simulation = burst(account_concurrency=5, concurrent_submits=5, uploads=60)
    assert simulation.functions.throttles.total() > 0
    assert broken(simulation) == {}


def test_what_waited_for_a_paused_provider_follows_when_it_is_resumed() -> None:
    simulation = burst(uploads=100, paused_until=600.0)
    assert (simulation.sweeps["Claims"], broken(simulation)) == (100, {})
    assert min(simulation.ended_at) > 600


def test_starts_of_executions_that_are_throttled_are_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "START_BUCKET", 5)
    monkeypatch.setattr(limits, "START_REFILL", 2)
    simulation = burst(uploads=100, concurrent_submits=100)
    assert simulation.executions.throttled_starts > 50
    assert broken(simulation) == {}


def test_one_seed_is_one_burst() -> None:
    first, second = burst(uploads=40, seed=7), burst(uploads=40, seed=7)
    assert (first.world.steps, first.ended_at) == (second.world.steps, second.ended_at)


def test_the_simulation_notices_a_submit_that_pays_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Burst(Scenario("", 20, 1.0))
    accept = simulation.vendor._accept

    def twice(*args: object) -> object:
        accept(*args)  # type: ignore[arg-type]
        return accept(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(simulation.vendor, "_accept", twice)
    assert broken(simulation.run())["no upload is sent twice"] == 20
