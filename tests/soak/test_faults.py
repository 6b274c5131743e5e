"""Tests ten thousand schedules more of the fault simulation, as many with a vendor that calls back, and larger ones."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from tests.faults.replay import play
from tests.faults.schedule_series import CALLING, SERIES, USUAL, Series
from tests.faults.world_shapes import FAMILIES

FIRST, CHUNK = 100_000, 250
LARGE_FIRST, LARGE_CHUNK, TIMES = 500_000, 50, 4
MOST, OTHERS = 10_000, 2_000  # schedules of the two main series, and of each other one
CHUNKS = [
    pytest.param(it, first, id=f"{it.family}-{first}")
    for it in SERIES
    for first in range(FIRST, FIRST + (MOST if it in (USUAL, CALLING) else OTHERS), CHUNK)
]
HAPPENED: defaultdict[str | None, Counter[str]] = defaultdict(Counter)  # the events of each series


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("series", "first"), CHUNKS)
def test_schedules_of_other_seeds(series: Series, first: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    for seed in range(first, first + CHUNK):
        played = play(seed, series.family)
        assert played.law is None, played.report
        HAPPENED[series.family].update(played.tally)


@pytest.mark.parametrize("series", SERIES, ids=lambda series: str(series.family))
def test_the_schedules_were_interesting(series: Series) -> None:
    happened = HAPPENED[series.family]
    rare = series.too_rare(happened)
    assert not rare, f"these events happened too rarely (how often, how often needed): {rare}"
    assert not any(happened[what] for what in series.never), {what: happened[what] for what in series.never}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
def test_larger_schedules(family: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    for seed in range(LARGE_FIRST, LARGE_FIRST + LARGE_CHUNK):
        played = play(seed, family, larger=TIMES)
        assert played.law is None, played.report
