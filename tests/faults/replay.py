"""Plays schedules and says what went wrong in words with which it can be played again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.faults.invariants import Broken
from tests.faults.scheduler import Stalled
from tests.faults.simulation import Simulation
from tests.faults.timeline import timeline
from tests.faults.world_shapes import Shape, shape_of

REPLAY = ".venv/bin/pytest tests/faults/test_schedules.py --seed {seed} --family {family}"
LAST = 60
STORY = {"story", "died", "killed", "refused", "lost"}  # what a timeline is about, without the steps between


@dataclass
class Played:
    """What became of a schedule."""

    shape: Shape
    seen: Counter[str]
    law: str | None = None  # that was broken
    report: str = ""
    steps: int = 0

    @property
    def tally(self) -> Counter[str]:
        """How often what happened, and how often with this kind of vendor (`lists: adopted`)."""
        return self.seen + Counter({f"{self.shape.vendor}: {what}": times for what, times in self.seen.items()})


def play(seed: int, family: str | None = None, *, larger: int = 1, last: int = LAST) -> Played:
    """One schedule, by its seed."""
    shape = shape_of(seed, family, larger=larger)
    world = Simulation(shape)
    try:
        world.run()
    except (AssertionError, Stalled) as broken:
        law = broken.law if isinstance(broken, Broken) else type(broken).__name__
        again = REPLAY.format(seed=seed, family=shape.family) + (f" --larger {larger}" if larger > 1 else "")
        story = timeline([event for event in world.scheduler.trace if event.what in STORY][-last:])
        told = f"the story:\n{story}\n\n{world.scheduler.timeline(last)}"
        report = f"{broken}\nseed {seed}, {shape}\n\n{told}\n\nagain: {again}\n"
        return Played(shape, world.seen, law, report, world.scheduler.steps)
    seen = world.seen
    seen["schedules"] += 1
    for before, event in zip(world.scheduler.trace, world.scheduler.trace[1:], strict=False):
        if event.what == "died":
            seen[f"died {before.what} {event.label}"] += 1
    return Played(shape, seen, None, "", world.scheduler.steps)
