"""Where jobs run: tasks on the server's loop, pictures in worker threads and in a folder, all ended together.

It must not know what a job is, nor what it costs.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from darkroom_local.simulators.framework.imaging import Recipe, ResultFile, make_result
from darkroom_local.simulators.framework.input_fetching import fetch

_WORKERS = 4
_WRONG_PIXELS = 16


class Making(Protocol):
    """Whatever ends with a picture."""

    file: ResultFile | None


Made = TypeVar("Made")
AnyMaking = TypeVar("AnyMaking", bound=Making)


class Workshop:
    """Tasks and threads that end with the server, and the folder they write to."""

    def __init__(self, name: str, directory: Path, trust: ssl.SSLContext | bool) -> None:
        """`trust` as `fetching.trust_in` gives it."""
        self.directory = directory
        self._trust = trust
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix=name)

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a job beside the server."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def fetch(self, url: str, target: Path, limit_seconds: float, limit_bytes: int) -> None:
        """Writes what an address answers with to a file. Raises NotFetched."""
        await fetch(url, target, limit_seconds, limit_bytes, self._trust)

    async def make(self, call: Callable[[], Made]) -> Made:
        """Do blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, call)

    async def picture(self, source: Path, recipe: Recipe, *, wrong_size: bool) -> ResultFile:
        """A picture by a recipe, under a name of its own; on request wider and higher than the recipe says."""
        if wrong_size:
            recipe = replace(recipe, width=recipe.width + _WRONG_PIXELS, height=recipe.height + _WRONG_PIXELS)
        target = self.directory / f"{uuid.uuid4()}.{recipe.format}"
        return await self.make(partial(make_result, source, target, recipe))

    async def close(self) -> None:
        """Stop every job."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._workers.shutdown(wait=True, cancel_futures=True)


def made_as(name: str, makings: Iterable[AnyMaking]) -> AnyMaking | None:
    """The one whose picture bears that file name."""
    return next((one for one in makings if one.file is not None and one.file.path.name == name), None)


async def sleep_until(moment: float) -> None:
    """Wait for a Unix time; never wakes early."""
    while (left := moment - time.time()) > 0:
        await asyncio.sleep(left)
