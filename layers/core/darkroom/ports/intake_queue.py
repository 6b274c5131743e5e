"""The port for the intake queue, to which Darkroom itself sends messages."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import JobDue, Upload


class IntakeQueue(Protocol):
    """The intake queue."""

    def requeue(self, what: Upload | JobDue, delay_seconds: int) -> None:
        """Send it as a new message, which is delivered after 0–900 s. A new message has no failed receives, so that waiting
        never leads to the dead-letter queue."""
