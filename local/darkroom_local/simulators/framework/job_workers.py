"""The workers of a simulator: tasks on the server's event loop, threads for pictures, and a folder for files.

All of them end with the server. This module must not know what a job is, nor what it costs.
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


class HasFile(Protocol):
    """A job or generation that ends with a picture."""

    file: ResultFile | None


Output = TypeVar("Output")
AnyHasFile = TypeVar("AnyHasFile", bound=HasFile)


class JobWorkers:
    """The tasks and threads that end with the server, and the folder they write to."""

    def __init__(self, name: str, directory: Path, trust: ssl.SSLContext | bool) -> None:
        """`trust` is the result of `input_fetching.tls_trust`."""
        self.directory = directory
        self._trust = trust
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix=name)

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a job in the background."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def fetch(self, url: str, target: Path, limit_seconds: float, limit_bytes: int) -> None:
        """Write the response of a URL to a file. Raises NotFetched."""
        await fetch(url, target, limit_seconds, limit_bytes, self._trust)

    async def run_in_thread(self, function: Callable[[], Output]) -> Output:
        """Run a blocking function in a thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def make_picture(self, source: Path, recipe: Recipe, *, wrong_size: bool) -> ResultFile:
        """Make a picture by the recipe, under a unique file name. With `wrong_size`, make it 16 pixels wider and
        higher.
        """
        if wrong_size:
            recipe = replace(recipe, width=recipe.width + _WRONG_PIXELS, height=recipe.height + _WRONG_PIXELS)
        target = self.directory / f"{uuid.uuid4()}.{recipe.format}"
        return await self.run_in_thread(partial(make_result, source, target, recipe))

    async def close(self) -> None:
        """Stop every job."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)


def find_by_file_name(name: str, candidates: Iterable[AnyHasFile]) -> AnyHasFile | None:
    """Return the candidate whose picture has that file name, or None."""
    return next((one for one in candidates if one.file is not None and one.file.path.name == name), None)


async def sleep_until(moment: float) -> None:
    """Wait until a Unix time; never return early."""
    while (left := moment - time.time()) > 0:
        await asyncio.sleep(left)
