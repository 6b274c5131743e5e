"""Run schedules, and describe a failure with the command that replays it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.faults.invariants import InvariantBroken
from tests.faults.scheduler import Stalled
from tests.faults.simulation import Simulation
from tests.faults.timeline import timeline
from tests.faults.world_shapes import Shape, shape_of

REPLAY = ".venv/bin/pytest tests/faults/test_schedules.py --seed {seed} --family {family}"
LAST = 60
STORY = {"story", "died", "killed", "refused", "lost"}  # the events of a short timeline, without the steps between them


@dataclass
class Played:
    """What happened in a schedule."""

    shape: Shape
    seen: Counter[str]
    law: str | None = None  # the invariant that was broken
    report: str = ""
    steps: int = 0

    @property
    def tally(self) -> Counter[str]:
        """Count how often each thing happened, also for each kind of vendor (`lists: adopted`)."""
        return self.seen + Counter({f"{self.shape.vendor}: {what}": times for what, times in self.seen.items()})


def play(seed: int, family: str | None = None, *, larger: int = 1, last: int = LAST) -> Played:
    """Run the schedule of one seed."""
    shape = shape_of(seed, family, larger=larger)
    simulation = Simulation(shape)
    try:
        simulation.run()
    except (AssertionError, Stalled) as broken:
        law = broken.law if isinstance(broken, InvariantBroken) else type(broken).__name__
        again = REPLAY.format(seed=seed, family=shape.family) + (f" --larger {larger}" if larger > 1 else "")
        story = timeline([event for event in simulation.scheduler.trace if event.what in STORY][-last:])
        told = f"the timeline in short:\n{story}\n\n{simulation.scheduler.timeline(last)}"
        report = f"{broken}\nseed {seed}, {shape}\n\n{told}\n\nagain: {again}\n"
        return Played(shape, simulation.seen, law, report, simulation.scheduler.steps)
    seen = simulation.seen
    seen["schedules"] += 1
    for before, event in zip(simulation.scheduler.trace, simulation.scheduler.trace[1:], strict=False):
        if event.what == "died":
            seen[f"died {before.what} {event.label}"] += 1
    return Played(shape, seen, None, "", simulation.scheduler.steps)
