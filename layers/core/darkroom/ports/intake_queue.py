"""The port for the intake queue, to which Darkroom itself sends messages."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import JobDue, Upload


class IntakeQueue(Protocol):
    """Sends messages to the intake queue."""

    def requeue(self, what: Upload | JobDue, delay_seconds: int) -> None:
        """Send a new message about the upload or job, to be delivered after `delay_seconds` (0–900). SQS counts no failed
        receives for a new message, so waiting never leads to the dead-letter queue."""
