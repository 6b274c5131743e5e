"""The default event bus on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.messages import EVENT_SOURCE

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient


class EventNotSent(RuntimeError):
    """The bus refused the event; whoever called is retried."""


@dataclass(frozen=True)
class EventBridgeBus:
    """Fulfils `ports.EventBus` on the default bus."""

    client: EventBridgeClient

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """One entry. Raises EventNotSent when the bus answers that it failed."""
        entry = {"Source": EVENT_SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail, ensure_ascii=False)}
        answer = self.client.put_events(Entries=[entry])  # type: ignore[list-item]
        if answer["FailedEntryCount"]:
            raise EventNotSent(f"EventBridge refused an event: {answer['Entries'][0].get('ErrorCode')}")
