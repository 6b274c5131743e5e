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

MOST_WORKERS = 4  # for each function; a start takes 0.1 to 0.3 s of CPU time, and an invocation about 0.01 s
# Both on a machine with a free core for each busy process.
SHORT_PATIENCE_SECONDS = 0.25  # the wait before one more of them is started, because quick invocations can share one
PATIENCE_SECONDS = 3.0  # the wait before more than those are started
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

    most: int = 1
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
    """Lends one worker of a function, and one more whenever none has become free for a quarter of a second, up to four. Lends at
    most four, as long as one of them becomes free every three seconds.

    If none becomes free, the invocations are slow, or they wait for an invocation that waits here. Then the function may have
    twice as many workers. So nothing waits for ever, and ten slow invocations soon run at the same time. On an overloaded
    machine everything is slow, and more processes would make it slower. So both waits are multiplied by the load of a core.
    """

    def __init__(
        self,
        acquire: Acquire,
        release: Release,
        most: int = MOST_WORKERS,
        short_patience_seconds: float = SHORT_PATIENCE_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        overload: Callable[[], float] = overload,
    ) -> None:
        self._acquire, self._release, self._overload = acquire, release, overload
        self._most, self._short_patience_seconds, self._patience_seconds = (
            most,
            short_patience_seconds,
            patience_seconds,
        )
        self._changed = threading.Condition()
        self._functions: dict[str, _Function] = {}

    def acquire(self, name: str, *details: Any, **more: Any) -> tuple[Worker, str]:
        """Lend a worker as the emulator's `acquire_worker` does, but wait if that function refuses. This blocks the thread."""
        with self._changed:
            function = self._functions.setdefault(name, _Function())
            while True:
                worker, how = self._acquire(name, *details, **more, max_concurrency=function.most)
                if worker is not None:
                    function.lent[threading.get_ident()] = worker
                    function.moved()
                    return worker, how
                self._changed.wait(_LOOK_SECONDS)
                self._grow_if_stuck(function)

    def _grow_if_stuck(self, function: _Function) -> None:
        """Let the function have more workers if all that it may have are held for too long."""
        is_full = function.most >= self._most
        patience_seconds = self._patience_seconds if is_full else self._short_patience_seconds
        if function.is_stuck(patience_seconds * self._overload()):
            function.most += function.most if is_full else 1
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
