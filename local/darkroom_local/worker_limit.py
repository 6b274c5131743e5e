"""Limits the worker processes of each Lambda function in the emulator. An invocation waits while all of them are lent.

No invocation is refused: on AWS a function is not throttled at so few.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

MOST_WORKERS = 4  # of one function. To start one takes half a second of CPU, an invocation a hundredth of that
SHORT_PATIENCE_SECONDS = 0.25  # before a further one of those is started: quick invocations need no second
PATIENCE_SECONDS = 3.0  # before there are more than those, on a machine with a core for each process that wants one
_LOOK_SECONDS = 0.2  # the emulator may drop a worker, which frees its place, without telling


class Worker(Protocol):
    """What is used of the emulator's worker."""

    _start_time: float | None  # None until its process is ready for its first invocation


Acquire = Callable[..., tuple[Worker | None, str]]
Release = Callable[[Worker | None], None]


@dataclass
class _Function:
    """One function: how many workers it may have, which are lent (by the borrowing thread), and when that last changed."""

    most: int = 1
    lent: dict[int, Worker] = field(default_factory=dict)
    moved_at: float = field(default_factory=time.monotonic)

    def moved(self) -> None:
        self.moved_at = time.monotonic()

    def is_stuck(self, seconds: float) -> bool:
        """Return whether no worker came free for so long, although all have started."""
        if any(worker._start_time is None for worker in self.lent.values()):
            self.moved()
        return time.monotonic() - self.moved_at > seconds


def overload() -> float:
    """Return how many processes wanted each core during the last minute; at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class WorkerLimit:
    """Lends one worker of a function as long as it comes free every quarter of a second, else one more, up to four as long as one
    of them comes free every three seconds.

    If none does, the invocations are slow, or they wait for one that waits here. Then the function may have twice as many
    workers. So nothing waits for ever, and ten slow invocations soon run side by side. On an overloaded machine all is slow,
    and more processes would make it slower: both patiences are multiplied by the load of a core.
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
        """Lend a worker as the emulator's `acquire_worker` does, but wait where that one refuses. Blocks the thread."""
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
        """Take a worker back, from the thread that borrowed it. None: the emulator has dropped the worker meanwhile."""
        with self._changed:
            self._release(worker)
            for function in self._functions.values():
                if function.lent.pop(threading.get_ident(), None):
                    function.moved()
            self._changed.notify_all()
