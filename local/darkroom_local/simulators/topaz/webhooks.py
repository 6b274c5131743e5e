"""The webhooks of the simulator: a POST to the `webhook_url` of a submit whenever the status of its job changes.

Source: the field `webhook_url` on https://developer.topazlabs.com/api-reference/image-api/denoise, read in November 2026. A
callback is not signed, and has no credits. After a 5xx it is sent again; after a 4xx it is not. Callbacks may come out of
order. The vendor does not publish the rest, so this is assumed: a job's first status, Pending, counts as a change; no answer
counts as a 5xx; the last wait is the longest one that is not over 15 minutes; an answer is awaited for half a minute.

This module must not know routes, and must not decide what a job does.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.presigned_links import PresignedUrls
from darkroom_local.simulators.topaz.jobs import RUNNING, Job

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 900.0
_ANSWER_SECONDS = 30.0
_ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class CallbackFaults:
    """The injected faults of one job's callbacks. They are decided when the job is accepted."""

    are_lost: bool = False
    are_doubled: bool = False
    are_reversed: bool = False
    are_early: bool = False
    late_seconds: float = 0.0


@dataclass
class Delivery:
    """One attempt to deliver a callback. `answer` is the status of the answer; None if there is none, or none yet."""

    process_id: str
    notification_id: str
    status: str
    attempt: int
    time: float
    answer: int | None = None


@dataclass
class Webhooks:
    """Sends the callbacks of all jobs, and remembers each attempt. `speed` divides all waits."""

    workers: JobWorkers
    links: PresignedUrls
    speed: float
    _last_id: int = 0
    _deliveries: list[Delivery] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def subscribe(self, url: str, origin: str, faults: CallbackFaults) -> Subscription:
        """Return what must be called at each change of a job's status. The links in the callbacks begin with `origin`."""
        return Subscription(self, url, origin, faults)

    def deliveries(self) -> list[dict[str, Any]]:
        """Return a copy of every attempt so far, oldest first. Any thread may call this."""
        with self._lock:
            return [asdict(delivery) for delivery in self._deliveries]

    def new_notification_id(self) -> str:
        """Return a new ULID that is greater than all before, so that a client can order the callbacks."""
        self._last_id = max(self._last_id + 1, new_ulid_number(time.time()))
        return ulid_text(self._last_id)

    async def deliver(self, url: str, body: dict[str, Any]) -> None:
        """Send one callback, and send it again after each 5xx until the waits are used up."""
        for attempt, wait_seconds in enumerate(_waits(), start=1):
            delivery = Delivery(body["process_id"], body["notification_id"], body["status"], attempt, time.time())
            with self._lock:
                self._deliveries.append(delivery)
            delivery.answer = await self.workers.post(url, body, _ANSWER_SECONDS)
            if delivery.answer is not None and delivery.answer < 500:
                return
            await asyncio.sleep(wait_seconds / self.speed)


@dataclass
class Subscription:
    """The callbacks of one job."""

    webhooks: Webhooks
    url: str
    origin: str
    faults: CallbackFaults
    _held: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, job: Job) -> None:
        """Send the callback about the present status. Returns at once; the callback is sent in the background."""
        if self.faults.are_lost:
            return
        body = self._body(job)
        if not self.faults.are_reversed:
            self.webhooks.workers.start(self._send([body]))
            return
        self._held.insert(0, body)
        if job.status not in RUNNING:
            self.webhooks.workers.start(self._send(self._held))

    async def _send(self, bodies: list[dict[str, Any]]) -> None:
        await asyncio.sleep(self.faults.late_seconds)
        for body in bodies:
            for _ in range(2 if self.faults.are_doubled else 1):
                await self.webhooks.deliver(self.url, body)

    def _body(self, job: Job) -> dict[str, Any]:
        """Return the published JSON body of a callback."""
        body: dict[str, Any] = {
            "notification_id": self.webhooks.new_notification_id(),
            "process_id": job.process_id,
            "status": "Completed" if self.faults.are_early else job.status,
            "creation_time": int(job.created),
            "modification_time": int(job.modified),
            "progress": job.reported_progress(time.time()),
            **self._links("input_download_url", "input_head_url", job.input_name),
        }
        if job.status == "Completed":
            body |= self._links("download_url", "head_url", job.result_name)
        return body

    def _links(self, get_name: str, head_name: str, file_name: str) -> dict[str, str]:
        links = self.webhooks.links
        expires = links.expiry()
        return {
            name: links.create(self.origin, method, file_name, expires)
            for name, method in ((get_name, "GET"), (head_name, "HEAD"))
        }


def new_ulid_number(moment: float) -> int:
    """Return a new ULID of the Unix time `moment` as a number: 48 bits of milliseconds and 80 random bits.

    Source: https://github.com/ulid/spec .
    """
    return int(moment * 1000) << 80 | secrets.randbits(80)


def ulid_text(number: int) -> str:
    """Return a ULID as the 26 characters of Crockford's base 32 that are sent."""
    return "".join(_ULID_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


def _waits() -> Iterator[float]:
    """Yield the wait after each attempt, in seconds of the vendor's time. There is no attempt after the last wait."""
    wait_seconds = FIRST_WAIT_SECONDS
    while wait_seconds <= LONGEST_WAIT_SECONDS:
        yield wait_seconds
        wait_seconds *= 2
