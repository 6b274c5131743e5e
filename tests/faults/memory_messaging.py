"""SQS and EventBridge in memory, with the methods of boto3's clients that the real adapters call, and a recorder of alarms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from darkroom.model import Alarm, WarningMetric
from tests.faults.scheduler import Scheduler

VISIBILITY = 300.0
MOST_RECEIVES = 5


@dataclass
class Message:
    """Holds one message of the intake queue. It may be received several times."""

    number: int
    body: str
    is_double: bool = False  # whether it is a copy of a message that was sent before
    received: int = 0
    endings: list[BaseException] = field(default_factory=list)  # the error of each receive that failed


@dataclass
class Queue:
    """Stands in for SQS. It delivers each message at least once, in any order.

    `deliver` lets a function receive a message after a delay in seconds.
    """

    scheduler: Scheduler
    deliver: Callable[[Message, float], None]
    doubled: float = 0.1
    dead: list[Message] = field(default_factory=list)
    made: int = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> dict[str, Any]:
        """Send a message that becomes visible after the delay."""
        if not 0 <= DelaySeconds <= 900:
            raise AssertionError(f"DelaySeconds must be from 0 to 900, as SQS requires, but is {DelaySeconds}")
        self.put(MessageBody, DelaySeconds)
        return {}

    def put(self, body: str, delay: float, *, is_double: bool = False) -> None:
        """Deliver a message after the delay and up to two seconds more. With probability `doubled`, deliver a copy, too."""
        rng = self.scheduler.rng
        self.deliver(self._new(body, is_double=is_double), delay + rng.random() * 2)
        if rng.random() < self.doubled:
            self.deliver(self._new(body, is_double=True), delay + rng.random() * 400)

    def not_acknowledged(self, message: Message, received_at: float, why: BaseException) -> None:
        """Make the message visible again after the visibility timeout. After too many receives, move it to `dead` instead."""
        message.endings.append(why)
        if message.received >= MOST_RECEIVES:
            self.dead.append(message)
        else:
            self.deliver(message, max(received_at + VISIBILITY - self.scheduler.seconds, 0.0))

    def _new(self, body: str, *, is_double: bool) -> Message:
        self.made += 1
        return Message(self.made, body, is_double)


@dataclass
class Bus:
    """Stands in for EventBridge. `on_event` is called for every event, before the event is counted in `sent`."""

    on_event: Callable[[str, dict[str, Any]], None]
    sent: Counter[tuple[str, int, str]] = field(default_factory=Counter)  # counts events by job id, run and detail type

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:
        """Accept an event. Exactly one entry must be given."""
        (entry,) = Entries
        detail = json.loads(entry["Detail"])
        self.on_event(entry["DetailType"], detail)
        self.sent[detail["job_id"], detail["run"], entry["DetailType"]] += 1
        return {"FailedEntryCount": 0, "Entries": [{}]}


@dataclass
class MemoryAlerts:
    """Fulfils `ports.Alerts` and counts the alarms, all in all and by job. `on_doubt` is called for an alarm about a job in
    doubt, so that operators can act.
    """

    scheduler: Scheduler
    rung: Counter[Alarm] = field(default_factory=Counter)
    by_job: Counter[tuple[Alarm, str]] = field(default_factory=Counter)
    on_doubt: Callable[[], None] = lambda: None
    doubts_at: float = -1.0

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        self.rung[alarm] += 1
        self.by_job[alarm, facts.get("job_id", "")] += 1
        if alarm is Alarm.IN_DOUBT:
            self.doubts_at = self.scheduler.seconds
            self.on_doubt()

    def warn(self, metric: WarningMetric, message: str, *, count: int = 1, **facts: str) -> None:
        """Do nothing. A warning is a metric without an alarm, and no schedule looks at it."""

    def alarmed_since(self, seconds: float) -> bool:
        """Say whether there was an alarm about a job in doubt at that second of the schedule or later."""
        return self.doubts_at >= seconds
