"""The port for alerts: alarms that call a person, and warnings that are only counted."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import Alarm, Note


class Alerts(Protocol):
    """Raises alarms, and counts warnings that may explain something later."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """Count the alarm's metric, which calls a person, and log an error. Repeat safe."""

    def note(self, note: Note, message: str, **facts: str) -> None:
        """Count the note's metric, which calls nobody, and log a warning. Repeat safe."""
