"""The simulation catches bugs: each of these bugs breaks an invariant within a few hundred schedules."""

from __future__ import annotations

import pytest

from tests.faults.bug_catalog import BUGS, Bug
from tests.faults.replay import play

MOST_SEEDS = 300


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_simulation_catches(bug: Bug, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as patch:
        bug.seed_it(patch)
        caught = next((found for seed in range(MOST_SEEDS) if (found := play(seed, bug.family)).law), None)
    assert caught is not None, f"{bug.name} broke no law within {MOST_SEEDS} schedules of the family {bug.family}"
    with capsys.disabled():
        print(f"\n{bug.name}: caught by seed {caught.shape.seed} of {bug.family}: {caught.law}", end=" ")
    assert caught.law in bug.laws, caught.report
    sound = play(caught.shape.seed, bug.family)
    assert sound.law is None, sound.report
