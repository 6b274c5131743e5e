"""Who listens to the events at this moment; nothing is kept for who connects later.

A cancelled generation and a synchronous call are no news.
"""

from __future__ import annotations

import asyncio

from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.published_facts import CANCELLED


class Listeners:
    """Everybody connected now, each with what is still to be told."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Queue[Job]] = set()

    def tell(self, job: Job) -> None:
        """Pass a generation that ended on to all who listen."""
        if job.listed and job.status != CANCELLED:
            for queue in self._waiting:
                queue.put_nowait(job)

    def join(self) -> asyncio.Queue[Job]:
        """Listen from now on."""
        queue: asyncio.Queue[Job] = asyncio.Queue()
        self._waiting.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Job]) -> None:
        """Listen no longer."""
        self._waiting.discard(queue)
