"""Simulates the intake queue and Lambda's pollers.

A message that was received shows again after its visibility timeout. After too many receives it becomes a dead letter.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.scaling import limits
from benchmarks.scaling.functions import Functions
from benchmarks.scaling.world import World

LONGEST_BACKOFF = 60.0


@dataclass
class Message:
    """One message of the queue. It may be received several times."""

    body: str
    received: int = 0
    deleted: bool = False
    showing: bool = False  # whether the message is visible in the queue


class IntakeQueue:
    """Stands in for the SQS client and for Lambda's event source mapping. Each invocation gets one message.

    As in Lambda, a poller keeps a message whose invocation is throttled, and tries again until the message's visibility
    timeout ends.
    """

    def __init__(self, world: World, functions: Functions, most: int, submit: Callable[[str, datetime], Any]) -> None:
        self.world, self.functions, self.most, self.submit = world, functions, most, submit
        self.visible: deque[Message] = deque()
        self.dead: list[Message] = []
        self.made = self.alive = self.in_work = 0
        self.receives: Counter[int] = Counter()  # number of receives → how many deleted messages had so many
        self._busy_since: float | None = None
        self._timed = False

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> dict[str, Any]:
        """Send a message that becomes visible after the delay."""
        self.put(MessageBody, DelaySeconds)
        return {}

    def put(self, body: str, delay: float) -> None:
        """Send a new message that becomes visible after `delay` seconds."""
        self.made += 1
        self.alive += 1
        self.world.at(delay, lambda: self._appears(Message(body)))

    def _appears(self, message: Message) -> None:
        message.showing = True
        self.visible.append(message)
        self._pump()

    def _allowed(self) -> int:
        """Return how many pollers may work now: five at first, and 300 more with each minute in which there is work."""
        if self._busy_since is None:
            self._busy_since = self.world.seconds
        minutes = (self.world.seconds - self._busy_since) / 60
        return min(self.most, int(limits.POLLERS_AT_FIRST + limits.POLLERS_A_MINUTE * minutes))

    def _pump(self) -> None:
        while self.visible and self.in_work < self._allowed():
            self._receive(self.visible.popleft())
        if not self.visible and not self.in_work:
            self._busy_since = None
        if self.visible and self._allowed() < self.most and not self._timed:
            self._timed = True
            self.world.at(1.0, self._look_again)

    def _look_again(self) -> None:
        self._timed = False
        self._pump()

    def _receive(self, message: Message) -> None:
        message.showing, template = False, self.functions.template
        if message.deleted:
            return
        if message.received >= template.most_receives:
            self.dead.append(message)
            self.alive -= 1
            return
        message.received += 1
        self.in_work += 1
        receipt = message.received
        self.world.at(template.visibility, lambda: self._shows_again(message, receipt))
        self._try(message, receipt, 0)

    def _shows_again(self, message: Message, receipt: int) -> None:
        if not message.deleted and message.received == receipt:
            self._appears(message)

    def _try(self, message: Message, receipt: int, attempt: int) -> None:
        if message.deleted or message.received != receipt or message.showing:
            self._leaves()  # the message's visibility timeout ended before an invocation could start
        elif not self.functions.invoke("submit", lambda ends: self.submit(message.body, ends), self._ended(message)):
            wait = self.world.spread(min(2.0**attempt, LONGEST_BACKOFF), 0.5)
            self.world.at(wait, lambda: self._try(message, receipt, attempt + 1))

    def _ended(self, message: Message) -> Callable[[object], None]:
        def then(outcome: object) -> None:
            if not isinstance(outcome, BaseException) and not message.deleted:
                message.deleted = True
                self.alive -= 1
                self.receives[message.received] += 1
            self._leaves()

        return then

    def _leaves(self) -> None:
        self.in_work -= 1
        self._pump()
