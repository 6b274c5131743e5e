"""Tests that the simulation catches bugs. Each bug of the catalog breaks an invariant within a thousand schedules or so."""

from __future__ import annotations

import warnings

import pytest

from tests.faults.bug_catalog import BUGS, Bug
from tests.faults.replay import play

MOST_SEEDS = 1500  # the rarest bug shows once in about a thousand schedules


@pytest.mark.filterwarnings("default:another seed:UserWarning")
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_simulation_catches(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try the catalog's seed first. If it misses the bug, search for another seed and name that one in a warning."""
    seeds = (bug.seed, *range(MOST_SEEDS))
    with monkeypatch.context() as patch:
        bug.seed_it(patch)
        caught = next((found for seed in seeds if (found := play(seed, bug.family)).law), None)
    assert caught is not None, f"{bug.name} broke no invariant in {MOST_SEEDS} schedules of the family {bug.family}"
    if caught.shape.seed != bug.seed:
        warnings.warn(f"another seed catches {bug.name!r}: {caught.shape.seed}, not {bug.seed}", stacklevel=1)
    assert caught.law in bug.laws, caught.report
    sound = play(caught.shape.seed, bug.family)
    assert sound.law is None, sound.report
