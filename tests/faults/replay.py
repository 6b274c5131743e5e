"""Runs schedules. The report of a failure contains the command that replays the schedule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.faults.invariants import InvariantBroken
from tests.faults.simulation import Simulation
from tests.faults.timeline import timeline
from tests.faults.world_shapes import Shape, shape_of

REPLAY = ".venv/bin/pytest tests/faults/test_schedules.py --seed {seed} --family {family}"
LAST = 60
STORY = {"story", "died", "killed", "refused", "lost"}  # the kinds of events in the short timeline


@dataclass
class Played:
    """Holds what happened in a schedule."""

    shape: Shape
    seen: Counter[str]
    law: str | None = None  # the name of the broken invariant, or None
    report: str = ""
    steps: int = 0

    @property
    def tally(self) -> Counter[str]:
        """Count each event, and count it again for the kind of vendor, as in `lists: adopted`."""
        return self.seen + Counter({f"{self.shape.vendor}: {what}": times for what, times in self.seen.items()})


def play(seed: int, family: str | None = None, *, larger: int = 1, last: int = LAST) -> Played:
    """Run the schedule of `seed` and return what happened. A failure is returned as a report with the last `last` events."""
    shape = shape_of(seed, family, larger=larger)
    simulation = Simulation(shape)
    try:
        simulation.run()
    except AssertionError as broken:
        law = broken.law if isinstance(broken, InvariantBroken) else type(broken).__name__
        again = REPLAY.format(seed=seed, family=shape.family) + (f" --larger {larger}" if larger > 1 else "")
        story = timeline([event for event in simulation.scheduler.trace if event.what in STORY][-last:])
        told = f"the most important events:\n{story}\n\n{simulation.scheduler.timeline(last)}"
        report = f"{broken}\nseed {seed}, {shape}\n\n{told}\n\nreplay it with: {again}\n"
        return Played(shape, simulation.seen, law, report, simulation.scheduler.steps)
    seen = simulation.seen
    seen["schedules"] += 1
    for before, event in zip(simulation.scheduler.trace, simulation.scheduler.trace[1:], strict=False):
        if event.what == "died":
            seen[f"died {before.what} {event.label}"] += 1
    return Played(shape, seen, None, "", simulation.scheduler.steps)
