"""Tests ten thousand more schedules of the fault simulation, some of them with many more uploads."""

from __future__ import annotations

import pytest
from tests.faults.replay import play
from tests.faults.world_shapes import CALLED, FAMILIES, HELD, LINKED, STORED

FIRST, CHUNK = 100_000, 250
LARGE_FIRST, LARGE_CHUNK, TIMES = 500_000, 50, 4


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk", range(40))
def test_schedules_of_other_seeds(chunk: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    for seed in range(FIRST + chunk * CHUNK, FIRST + (chunk + 1) * CHUNK):
        played = play(seed)
        assert played.law is None, played.report


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
def test_larger_schedules(family: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    for seed in range(LARGE_FIRST, LARGE_FIRST + LARGE_CHUNK):
        played = play(seed, family, larger=TIMES)
        assert played.law is None, played.report


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk", range(40))
def test_schedules_of_a_vendor_that_calls_back(chunk: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    for seed in range(FIRST + chunk * CHUNK, FIRST + (chunk + 1) * CHUNK):
        played = play(seed, CALLED)
        assert played.law is None, played.report


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", [HELD, LINKED, STORED])
@pytest.mark.parametrize("chunk", range(8))
def test_schedules_of_other_families(chunk: int, family: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    for seed in range(FIRST + chunk * CHUNK, FIRST + (chunk + 1) * CHUNK):
        played = play(seed, family)
        assert played.law is None, played.report
