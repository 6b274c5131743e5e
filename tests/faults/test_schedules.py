"""Tests, in some hundred schedules with all kinds of faults, that no upload is paid twice or lost and no limit is passed.

If a schedule breaks an invariant, the test prints its seed, its shape, the invariant, the last events, and the command that
replays the schedule. `make soak` plays ten thousand others.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from tests.fakes.state_machine import definition
from tests.faults.memory_step_functions import TASKS, TOKEN_WAIT
from tests.faults.replay import play
from tests.faults.schedule_series import SERIES, Series
from tests.faults.world_shapes import FAMILIES, shape_of

CHUNK = 20
CHUNKS = [pytest.param(it, first, id=f"{it.family}-{first}") for it in SERIES for first in range(0, it.quick, CHUNK)]
HAPPENED: defaultdict[str | None, Counter[str]] = defaultdict(Counter)  # the events of each series


def _succeed(seed: int, family: str | None, *, larger: int = 1, last: int = 60) -> Counter[str]:
    """Play a schedule and return its events. Fail if it breaks an invariant."""
    played = play(seed, family, larger=larger, last=last)
    if played.law is not None:
        pytest.fail(played.report, pytrace=False)
    return played.tally


@pytest.mark.parametrize(("series", "first"), CHUNKS)
def test_schedules(series: Series, first: int, request: pytest.FixtureRequest) -> None:
    options = request.config.option
    if options.seed is None:
        for number in range(first, first + CHUNK):
            HAPPENED[series.family].update(_succeed(number, series.family))
    elif (series, first) == tuple(CHUNKS[0].values):
        _succeed(options.seed, options.family, larger=options.larger, last=100_000)


@pytest.mark.parametrize("series", SERIES, ids=lambda series: str(series.family))
def test_the_schedules_were_interesting(series: Series) -> None:
    happened = HAPPENED[series.family]
    rare = series.too_rare(happened)
    assert not rare, f"these events happened too rarely (how often, how often needed): {rare}"
    assert not any(happened[what] for what in series.never), {what: happened[what] for what in series.never}


def test_one_seed_is_one_schedule() -> None:
    first, second = play(3), play(3)
    assert (first.steps, first.seen) == (second.steps, second.seen)


def test_every_family_and_every_vendor_is_among_them() -> None:
    shapes = [shape_of(seed) for seed in range(100)]
    assert {shape.family for shape in shapes} == set(FAMILIES)
    assert {shape.vendor for shape in shapes} == {"lists", "blind", "rotates"}
    assert {shape.versioned for shape in shapes} == {True, False}


def test_the_state_machine_that_is_run_is_the_applications() -> None:
    kinds = {name: state["Type"] for name, state in definition()["States"].items()}
    assert set(kinds.values()) <= {"Wait", "Task", "Choice", "Succeed", "Fail"}
    tasks = [state for state in definition()["States"].values() if state["Type"] == "Task"]
    functions = [state for state in tasks if not state["Resource"].endswith(TOKEN_WAIT)]
    assert {state["Resource"] for state in functions} == set(TASKS)
    assert all(state["Retry"] and len(state["Catch"]) == 1 for state in functions)
    assert len(tasks) - len(functions) == 1
