"""The timeline of a schedule: its events in order, for people to read and for comparing two runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Event(NamedTuple):
    """One line of the timeline. `seconds` since the start of the schedule, by the base clock."""

    step: int
    seconds: float
    worker: str  # empty for events of the schedule itself
    what: str  # spawned, before, after, at, refused, lost, raised, sleeps, killed, died, ended, clock, note
    label: str


def timeline(events: Iterable[Event]) -> str:
    """Return the events as lines: step, time, worker, what happened."""
    rows = list(events)
    width = max((len(event.worker) for event in rows), default=0)
    return "\n".join(
        f"{event.step:>5} {event.seconds:>+10.3f}s  {event.worker:<{width}}  {event.what:<8} {event.label}".rstrip()
        for event in rows
    )
