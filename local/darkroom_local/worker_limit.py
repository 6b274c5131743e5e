"""Limits the worker processes of each Lambda function in the emulator. If all of them are busy, an invocation waits.

No invocation is refused, because on AWS so few invocations would not be throttled.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

MOST_WORKERS = 4  # for each function; a start takes half a second of CPU time, and an invocation a hundredth of that
PATIENCE_SECONDS = 3.0  # on a machine with a free core for each busy process
_LOOK_SECONDS = 0.2  # the emulator may drop a worker, which frees a place, without a notification


class Worker(Protocol):
    """The part of the emulator's worker that this module uses."""

    _start_time: float | None  # None until its process is ready for its first invocation


Acquire = Callable[..., tuple[Worker | None, str]]
Release = Callable[[Worker | None], None]


@dataclass
class _Function:
    """The state of one function: how many workers it may have, thread id → lent worker, and when the lent workers last
    changed."""

    most: int
    lent: dict[int, Worker] = field(default_factory=dict)
    moved_at: float = field(default_factory=time.monotonic)

    def moved(self) -> None:
        self.moved_at = time.monotonic()

    def is_stuck(self, seconds: float) -> bool:
        """Return whether no worker has become free for `seconds`, although all workers have started."""
        if any(worker._start_time is None for worker in self.lent.values()):
            self.moved()
        return time.monotonic() - self.moved_at > seconds


def overload() -> float:
    """Return the average number of busy processes for each core in the last minute, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class WorkerLimit:
    """Lends at most four workers of a function, as long as one of them becomes free every three seconds.

    If none becomes free, the invocations are slow, or they wait for an invocation that waits here. Then the function may have
    twice as many workers. So nothing waits for ever, and ten slow invocations soon run at the same time. On an overloaded
    machine everything is slow, and more processes would make it slower. So the three seconds are multiplied by the load of a
    core.
    """

    def __init__(
        self,
        acquire: Acquire,
        release: Release,
        most: int = MOST_WORKERS,
        patience_seconds: float = PATIENCE_SECONDS,
        overload: Callable[[], float] = overload,
    ) -> None:
        self._acquire, self._release, self._overload = acquire, release, overload
        self._most, self._patience_seconds = most, patience_seconds
        self._changed = threading.Condition()
        self._functions: dict[str, _Function] = {}

    def acquire(self, name: str, *details: Any, **more: Any) -> tuple[Worker, str]:
        """Lend a worker as the emulator's `acquire_worker` does, but wait if that function refuses. This blocks the thread."""
        with self._changed:
            function = self._functions.setdefault(name, _Function(self._most))
            while True:
                worker, how = self._acquire(name, *details, **more, max_concurrency=function.most)
                if worker is not None:
                    function.lent[threading.get_ident()] = worker
                    function.moved()
                    return worker, how
                self._changed.wait(_LOOK_SECONDS)
                if function.is_stuck(self._patience_seconds * self._overload()):
                    function.most *= 2
                    function.moved()

    def release(self, worker: Worker | None) -> None:
        """Take a worker back from the thread that borrowed it. `worker` is None if the emulator has dropped it in the
        meantime."""
        with self._changed:
            self._release(worker)
            for function in self._functions.values():
                if function.lent.pop(threading.get_ident(), None):
                    function.moved()
            self._changed.notify_all()
