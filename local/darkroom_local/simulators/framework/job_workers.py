"""The workers of a simulator: tasks on the server's event loop, threads for pictures, and a folder for files.

Tasks, threads and the folder end when the server ends. This module must not know what a job is or what it costs.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from darkroom_local.simulators.framework.imaging import Recipe, ResultFile, make_result
from darkroom_local.simulators.framework.input_fetching import fetch
from darkroom_local.simulators.framework.webhook_calls import post

_WORKERS = 4
_WRONG_PIXELS = 16


class HasFile(Protocol):
    """A job or generation that makes a picture. `file` is None until the picture is finished."""

    file: ResultFile | None


Output = TypeVar("Output")
AnyHasFile = TypeVar("AnyHasFile", bound=HasFile)


class JobWorkers:
    """Runs the tasks and threads of one server. They write to `directory` and are stopped by `close`."""

    def __init__(self, name: str, directory: Path, trust: ssl.SSLContext | bool) -> None:
        """Start the threads. `name` is in their names. `trust` must come from `input_fetching.tls_trust`."""
        self.directory = directory
        self._trust = trust
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix=name)

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as a task in the background, until it ends or `close` cancels it."""
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def fetch(self, url: str, target: Path, limit_seconds: float, limit_bytes: int) -> None:
        """Fetch a URL and write the body of the response to the file `target`. Raises NotFetched if that fails."""
        await fetch(url, target, limit_seconds, limit_bytes, self._trust)

    async def post(self, url: str, body: Mapping[str, Any], limit_seconds: float) -> int | None:
        """Send a JSON body to a URL. Return the status of the answer, or None if no answer came."""
        return await post(url, body, limit_seconds, self._trust)

    async def run_in_thread(self, function: Callable[[], Output]) -> Output:
        """Run a blocking function in a thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def make_picture(self, source: Path, recipe: Recipe, *, wrong_size: bool) -> ResultFile:
        """Make a picture by the recipe and store it under a unique file name.

        With `wrong_size`, the picture is 16 pixels wider and higher than the recipe says.
        """
        if wrong_size:
            recipe = replace(recipe, width=recipe.width + _WRONG_PIXELS, height=recipe.height + _WRONG_PIXELS)
        target = self.directory / f"{uuid.uuid4()}.{recipe.format}"
        return await self.run_in_thread(partial(make_result, source, target, recipe))

    async def close(self) -> None:
        """Cancel every task and end the threads."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=True, cancel_futures=True)


def find_by_file_name(name: str, candidates: Iterable[AnyHasFile]) -> AnyHasFile | None:
    """Return the candidate whose picture has the file name `name`, or None."""
    return next((one for one in candidates if one.file is not None and one.file.path.name == name), None)


async def sleep_until(moment: float) -> None:
    """Wait until the Unix time `moment`. The call never returns earlier."""
    while (left := moment - time.time()) > 0:
        await asyncio.sleep(left)
