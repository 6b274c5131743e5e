"""Clock, state machine, event bus, queue, and the way to a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from darkroom.model import Alarm, Due, Note, Tick, Upload

Clock = Callable[[], datetime]  # aware UTC


class Workflow(Protocol):
    """The state machine."""

    def start(self, tick: Tick, attempt: int) -> None:
        """Starts the job's execution unless it is running. Repeat safe."""


class Events(Protocol):
    """The default event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Sends one event. At least once."""


class Intake(Protocol):
    """The intake queue, as submit sends to it."""

    def again(self, what: Upload | Due, delay_seconds: int) -> None:
        """Delivers it again after a delay of 0–900 s, as a new message: waiting never counts as failing."""


class Attention(Protocol):
    """Calls for a person, or counts what may one day explain something."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """One count of the alarm's metric and an error in the log. May be repeated."""

    def note(self, note: Note, message: str, **facts: str) -> None:
        """One count of the note's metric and a warning in the log; nobody is called. May be repeated."""
