"""The port for the event bus, on which other programs learn of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class EventBus(Protocol):
    """The default event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Send one event. It may arrive more than once."""
