"""The clients that listen to events now. Events are not kept for clients that connect later.

A cancelled generation and a synchronous call cause no event.
"""

from __future__ import annotations

import asyncio

from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.published_facts import CANCELLED


class EventListeners:
    """The connected clients, each with a queue of the events it has not read."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Queue[Job]] = set()

    def notify(self, job: Job) -> None:
        """Send a generation that ended to every listener."""
        if job.listed and job.status != CANCELLED:
            for queue in self._waiting:
                queue.put_nowait(job)

    def join(self) -> asyncio.Queue[Job]:
        """Add a listener."""
        queue: asyncio.Queue[Job] = asyncio.Queue()
        self._waiting.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Job]) -> None:
        """Remove a listener."""
        self._waiting.discard(queue)
