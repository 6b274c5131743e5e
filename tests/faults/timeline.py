"""The timeline of a schedule. It has the events in order, so that people can read them and two runs can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Event(NamedTuple):
    """Holds one event, which is one line of the timeline. `seconds` counts from the start of the schedule, without skew."""

    step: int
    seconds: float
    worker: str  # empty for events of the schedule itself
    what: str  # spawned, before, after, at, refused, lost, raised, sleeps, killed, died, ended, clock, note or story
    label: str


def timeline(events: Iterable[Event]) -> str:
    """Return the events as text. Each line has the step, the time, the worker and what happened."""
    rows = list(events)
    width = max((len(event.worker) for event in rows), default=0)
    return "\n".join(
        f"{event.step:>5} {event.seconds:>+10.3f}s  {event.worker:<{width}}  {event.what:<8} {event.label}".rstrip()
        for event in rows
    )
