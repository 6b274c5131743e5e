"""The event bus that tells others of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class EventBus(Protocol):
    """The default event bus."""

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Sends one event. At least once."""
