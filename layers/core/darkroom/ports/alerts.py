"""Calls for a person."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import Alarm, Note


class Alerts(Protocol):
    """Calls for a person, or counts what may one day explain something."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """One count of the alarm's metric and an error in the log. May be repeated."""

    def note(self, note: Note, message: str, *, count: int = 1, **facts: str) -> None:
        """`count` counts of the note's metric and a warning in the log; nobody is called. May be repeated."""
