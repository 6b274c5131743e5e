"""A simulated intake queue for tests that run over hours. It delivers messages again until they reach the dead-letter queue,
and runs a sweep every minute.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from tests.fakes.application import ApplicationUnderTest
from tests.integration.time_support import WorkerDied

from darkroom.model import JobDue, Upload
from darkroom.pipeline.message_outcomes import RetryLater

VISIBILITY, MOST_RECEIVES = timedelta(seconds=300), 10  # the values that the template gives the intake queue
MINUTE = timedelta(minutes=1)


@dataclass(order=True)
class Message:
    """Holds a message of the intake queue, when it becomes visible, and how often it was received."""

    visible_at: datetime
    number: int
    what: Upload | JobDue = field(compare=False)
    received: int = field(default=0, compare=False)


@dataclass
class Intake:
    """Delivers messages like SQS and sweeps every minute. `invocations` counts how often each key's messages were received."""

    application: ApplicationUnderTest
    invocations: Counter[str] = field(default_factory=Counter)
    dead: list[Upload | JobDue] = field(default_factory=list)
    _waiting: list[Message] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)
    _keys: dict[str, str] = field(default_factory=dict)
    _next_due: tuple[int, datetime | None] = (-1, None)  # the revision of the table, and when its first job is due

    def put(self, what: Upload | JobDue, delay_seconds: float = 0) -> None:
        """Put a message into the queue. It becomes visible after `delay_seconds`."""
        visible_at = self.application.clock() + timedelta(seconds=delay_seconds)
        heapq.heappush(self._waiting, Message(visible_at, next(self._numbers), what))

    def run(self, length: timedelta) -> None:
        """Let the time `length` pass, with the deliveries and sweeps that fall into it."""
        clock, ends = self.application.clock, self.application.clock() + length
        swept = clock()
        while True:
            first = self._waiting[0].visible_at if self._waiting else ends
            if min(first, swept + MINUTE) >= ends:
                clock.now = ends
                return
            if first <= swept + MINUTE:
                clock.now = max(first, clock())
                self._receive(heapq.heappop(self._waiting))
            else:
                clock.now = swept = swept + MINUTE
                self._sweep()

    def _receive(self, message: Message) -> None:
        message.received += 1
        self.invocations[self._key(message.what)] += 1
        begins = self.application.clock()
        try:
            outcome = self.application.submit(message.what, is_repeated=message.received > 1)
        except (Exception, WorkerDied):
            if message.received >= MOST_RECEIVES:
                self.dead.append(message.what)
            else:
                message.visible_at = begins + VISIBILITY
                heapq.heappush(self._waiting, message)
            return
        if isinstance(outcome, RetryLater):
            self.put(message.what, outcome.seconds)

    def _sweep(self) -> None:
        due_at = self._first_due_at()
        if due_at is None or due_at > self.application.clock():
            return  # no job is due, so a sweep would find nothing
        before = len(self.application.queue.sent)
        self.application.sweep()
        for what, delay in self.application.queue.sent[before:]:
            self.put(what, delay)

    def _first_due_at(self) -> datetime | None:
        """Return when the first job is due. The jobs are read again only after the table has changed."""
        cloud = self.application.cloud
        if self._next_due[0] != cloud.dynamodb.revision:
            due = [job.due_at for job in cloud.jobs() if job.due_at is not None]
            self._next_due = cloud.dynamodb.revision, min(due, default=None)
        return self._next_due[1]

    def _key(self, what: Upload | JobDue) -> str:
        if isinstance(what, Upload):
            return what.key
        if what.job_id not in self._keys:
            self._keys |= {job.job_id: job.source_key for job in self.application.cloud.jobs()}
        return self._keys[what.job_id]
