"""A pool of threads on which workers run. Threads are reused, because starting one takes longer than most steps of a schedule."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable


class WorkerThread:
    """A thread that waits for a task, runs it, and waits again."""

    def __init__(self) -> None:
        self.turn = _thread.allocate_lock()
        self.turn.acquire()
        self.task: Callable[[], None] | None = None
        self.thread = threading.Thread(target=self._loop, name="fault-carrier", daemon=True)
        self.thread.start()

    def _loop(self) -> None:
        while True:
            self.turn.acquire()
            task, self.task = self.task, None
            if task is None:
                return
            task()
            del task  # so that the worker which it holds can be freed


_idle: list[WorkerThread] = []  # only the thread that holds the baton may touch it


def take() -> WorkerThread:
    """Return an idle thread. Start a new one if there is none."""
    return _idle.pop() if _idle else WorkerThread()


def give_back(thread: WorkerThread) -> None:
    """Put a thread back into the pool. Its task must be about to end."""
    _idle.append(thread)


def dismiss() -> None:
    """End all idle threads, and wait until they have ended."""
    while _idle:
        thread = _idle.pop()
        thread.turn.release()
        thread.thread.join()
