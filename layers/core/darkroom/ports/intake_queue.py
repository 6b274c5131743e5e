"""The intake queue, as Darkroom itself sends to it."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import JobDue, Upload


class IntakeQueue(Protocol):
    """The intake queue, as submit sends to it."""

    def requeue(self, what: Upload | JobDue, delay_seconds: int) -> None:
        """Delivers it again after a delay of 0–900 s, as a new message: waiting never counts as failing."""
