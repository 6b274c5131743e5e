"""Send events to the clients that are connected now. Events are not kept for clients that connect later.

A cancelled generation and a synchronous call cause no event.
"""

from __future__ import annotations

import asyncio

from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.published_facts import CANCELLED


class EventListeners:
    """Holds one queue for each connected client, with the events that the client has not read."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Queue[Job]] = set()

    def notify(self, job: Job) -> None:
        """Put a generation that has ended into the queue of every client, unless it causes no event."""
        if job.listed and job.status != CANCELLED:
            for queue in self._waiting:
                queue.put_nowait(job)

    def join(self) -> asyncio.Queue[Job]:
        """Add a client. Return the queue from which it reads events."""
        queue: asyncio.Queue[Job] = asyncio.Queue()
        self._waiting.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Job]) -> None:
        """Remove the client that reads from this queue."""
        self._waiting.discard(queue)
