"""The port for the event bus, which tells other programs about jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class EventBus(Protocol):
    """Sends events to the account's default event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Send one event. The event may arrive more than once."""
