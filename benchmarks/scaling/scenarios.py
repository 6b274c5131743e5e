"""The bursts that are played, and how: each in a process of its own, since a simulation takes one core and no network."""

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

# How long a transaction holds the month's rows is nobody's promise: the same burst at a half and at twice as long.
CONTENTION = tuple(
    Scenario(f"{concurrent} at once, {milliseconds} ms", 3_000, 18.0, concurrent, occupied=milliseconds / 1_000)
    for concurrent in (10, 100, 1_000)
    for milliseconds in (5, 10, 20)
)


@dataclass(frozen=True)
class Played:
    """A burst that came to rest."""

    figures: Figures
    broken: dict[str, int]


def play(scenario: Scenario) -> Played:
    """One burst, from its first upload to its rest."""
    burst = Burst(scenario).run()
    return Played(figures(burst), broken(burst))


def smaller(scenario: Scenario, times: int) -> Scenario:
    """The same burst with so many times fewer uploads, at the same rate."""
    return replace(
        scenario,
        uploads=scenario.uploads // times,
        within=scenario.within / times,
        monthly_credits=scenario.monthly_credits // times,
    )


def play_all(scenarios: Sequence[Scenario]) -> list[Played]:
    """All of them, a core each; their time is virtual, so that how busy the machine is changes nothing but the waiting."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(play, scenarios))
