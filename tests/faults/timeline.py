"""What happened in a schedule, in order, as a timeline for people and as a value that two runs can be compared by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Event(NamedTuple):
    """One line of the timeline. `seconds` since the schedule began, by the base clock."""

    step: int
    seconds: float
    worker: str  # empty where the schedule itself did it
    what: str  # spawned, before, after, at, refused, lost, raised, sleeps, killed, died, ended, clock, note
    label: str


def timeline(events: Iterable[Event]) -> str:
    """Events as lines: step, time, worker, what happened."""
    rows = list(events)
    width = max((len(event.worker) for event in rows), default=0)
    return "\n".join(
        f"{event.step:>5} {event.seconds:>+10.3f}s  {event.worker:<{width}}  {event.what:<8} {event.label}".rstrip()
        for event in rows
    )
