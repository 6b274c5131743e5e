"""Tests that the simulation catches bugs. Each bug of the catalog breaks an invariant within a thousand schedules or so."""

from __future__ import annotations

import warnings
from functools import cache

import pytest

from tests.faults.bug_catalog import BUGS, Bug
from tests.faults.replay import Played, play
from tests.faults.schedule_series import is_played

MOST_SEEDS = 1500  # the rarest bug shows once in about a thousand schedules


@cache
def without_bug(seed: int, family: str) -> Played:
    """Play a schedule, which several bugs may share, without any bug."""
    return play(seed, family)


@pytest.mark.filterwarnings("default:another seed:UserWarning")
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_simulation_catches(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try the catalog's seed first. If it misses the bug, search for another seed and name that one in a warning. Without the
    bug, the same schedule breaks no invariant.
    """
    seeds = (bug.seed, *range(MOST_SEEDS))
    with monkeypatch.context() as patch:
        bug.seed_it(patch)
        caught = next((found for seed in seeds if (found := play(seed, bug.family)).law), None)
    assert caught is not None, f"{bug.name} broke no invariant in {MOST_SEEDS} schedules of the family {bug.family}"
    if caught.shape.seed != bug.seed:
        warnings.warn(f"another seed catches {bug.name!r}: {caught.shape.seed}, not {bug.seed}", stacklevel=1)
    assert caught.law in bug.laws, caught.report
    if not is_played(caught.shape.seed, bug.family):  # otherwise, test_schedules checks it
        sound = without_bug(caught.shape.seed, bug.family)
        assert sound.law is None, sound.report
