"""Threads that carry workers, kept for the next ones: making a thread costs more than most steps of a schedule."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable


class Carrier:
    """A thread that waits at its gate, runs what it is given, and waits again."""

    def __init__(self) -> None:
        self.circuit_breaker = _thread.allocate_lock()
        self.circuit_breaker.acquire()
        self.task: Callable[[], None] | None = None
        self.thread = threading.Thread(target=self._loop, name="fault-carrier", daemon=True)
        self.thread.start()

    def _loop(self) -> None:
        while True:
            self.circuit_breaker.acquire()
            task, self.task = self.task, None
            if task is None:
                return
            task()
            del task  # and with it the worker


_idle: list[Carrier] = []  # touched by whoever holds the baton, and nobody else


def take() -> Carrier:
    """An idle carrier, or a new one."""
    return _idle.pop() if _idle else Carrier()


def give_back(carrier: Carrier) -> None:
    """The carrier's task is about to end: another may be given to it."""
    _idle.append(carrier)


def dismiss() -> None:
    """Ends all idle threads."""
    while _idle:
        carrier = _idle.pop()
        carrier.circuit_breaker.release()
        carrier.thread.join()
