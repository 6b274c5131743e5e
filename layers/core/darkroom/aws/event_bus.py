"""Publishes events about jobs on EventBridge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.queue_messages import EVENT_SOURCE

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient


class EventNotSent(RuntimeError):
    """EventBridge did not accept the event. The invocation fails, and its retry sends the event again."""


@dataclass(frozen=True)
class EventBridgeBus:
    """Sends events to the account's default bus; implements `ports.EventBus`."""

    client: EventBridgeClient

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """Put one event on the bus. Raises EventNotSent if EventBridge does not accept it."""
        entry = {"Source": EVENT_SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail, ensure_ascii=False)}
        answer = self.client.put_events(Entries=[entry])  # type: ignore[list-item]
        if answer["FailedEntryCount"]:
            raise EventNotSent(f"EventBridge refused an event: {answer['Entries'][0].get('ErrorCode')}")
