"""Tests up to 10,000 simulated uploads within a minute. No upload is lost, paid twice or sent to the dead-letter queue,
and no limit is exceeded.

The simulations are those of `benchmarks/scale.py`, at full size. The tests check what happens to the uploads, never how
long it takes.
"""

from __future__ import annotations

import pytest
from benchmarks.scaling.burst import Scenario
from benchmarks.scaling.scenarios import SCENARIOS, play


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_burst_keeps_every_promise(scenario: Scenario) -> None:
    played = play(scenario)
    assert played.broken == {}
    assert played.figures.completed + played.figures.rejected == scenario.uploads


def test_the_default_stack_is_given_10000_uploads_within_a_minute() -> None:
    assert (SCENARIOS[0].uploads, SCENARIOS[0].within, SCENARIOS[0].concurrent_submits) == (10_000, 60.0, 0)
