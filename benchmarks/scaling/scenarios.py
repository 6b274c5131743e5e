"""The bursts that are simulated. Each simulation runs in its own process, so that all cores are used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

from benchmarks.scaling.burst import Burst, Scenario
from benchmarks.scaling.figures import Figures, broken, figures
from benchmarks.scaling.vendor import Pace

HELD = {"synchronous": "true"}
LINKED = {"input_by": "link"}
SLOW = Pace(submits_a_minute=120, retry_after=30)

SCENARIOS = (
    Scenario("the default stack"),
    Scenario("MaxConcurrentSubmits 100", concurrent_submits=100),
    Scenario("MaxConcurrentSubmits 1000", concurrent_submits=1_000),
    Scenario("the provider takes 120 a minute", pace=SLOW),
    Scenario("120 a minute, no Retry-After, 100 at once", 2_000, 12.0, 100, pace=Pace(submits_a_minute=120)),
    Scenario("resumed after half an hour's pause", paused_until=1_800.0),
    Scenario("an account of 10, all for submit", account_concurrency=10, concurrent_submits=10),
    Scenario("an account of 10, five for submit", account_concurrency=10, concurrent_submits=5),
    Scenario("a limit in the middle", monthly_credits=5_000),
    Scenario("a limit in the middle, 100 at once", monthly_credits=5_000, concurrent_submits=100),
    Scenario("by link", tags=LINKED),
    Scenario("held for 30 s, 100 at once", tags=HELD, concurrent_submits=100),
    Scenario("held by link, 100 at once", tags=HELD | LINKED, concurrent_submits=100),
)

# AWS does not say how long a transaction holds its rows. So these bursts are also simulated with half and twice the time.
CONTENTION = tuple(
    Scenario(f"{concurrent} at once, {milliseconds} ms", 3_000, 18.0, concurrent, occupied=milliseconds / 1_000)
    for concurrent in (10, 100, 1_000)
    for milliseconds in (5, 10, 20)
)


@dataclass(frozen=True)
class Played:
    """The figures and broken promises of a burst that has ended."""

    figures: Figures
    broken: dict[str, int]


def play(scenario: Scenario) -> Played:
    """Simulate one burst to its end."""
    burst = Burst(scenario).run()
    return Played(figures(burst), broken(burst))


def smaller(scenario: Scenario, times: int) -> Scenario:
    """Return a scenario with the uploads, their time and the credits divided by `times`. The rate of uploads stays."""
    return replace(
        scenario,
        uploads=scenario.uploads // times,
        within=scenario.within / times,
        monthly_credits=scenario.monthly_credits // times,
    )


def play_all(scenarios: Sequence[Scenario]) -> list[Played]:
    """Simulate all bursts, one on each core. Time is virtual, so a busy machine does not change the figures."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(play, scenarios))
