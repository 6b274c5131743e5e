"""Where jobs run: tasks on the server's loop, pictures in worker threads, all ended together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Made = TypeVar("Made")
_WORKERS = 4


class Workshop:
    """Tasks and threads that end with the server."""

    def __init__(self, name: str) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix=name)

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a job beside the server."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def make(self, call: Callable[[], Made]) -> Made:
        """Do blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, call)

    async def close(self) -> None:
        """Stop every job."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._workers.shutdown(wait=True, cancel_futures=True)


async def sleep_until(moment: float) -> None:
    """Wait for a Unix time; never wakes early."""
    while (left := moment - time.time()) > 0:
        await asyncio.sleep(left)
