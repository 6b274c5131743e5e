"""Runs events and workers in virtual time. Each worker is a greenlet, and only one of them runs at a time.

No real clock is read. Future events wait on a heap. The proxies of the fault simulation (tests/faults) call this world
instead of their scheduler, so that each call of a port takes virtual time.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import greenlet

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


class Overtime(RuntimeError):
    """The virtual time allowed for a run is over, but there is still work."""


class Worker:
    """One invocation of a function. It runs in its own greenlet."""

    __slots__ = ("greenlet", "name", "work")

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name, self.work = name, work
        self.greenlet: greenlet | None = None  # None until the worker runs for the first time


class World:
    """Holds the clock and the events of one simulation.

    `durations` maps the label of a port's call to the virtual seconds that it takes. Any other call takes no time. All random
    numbers come from `rng`, so the same seed gives the same run.
    """

    def __init__(self, seed: int, durations: Mapping[str, float]) -> None:
        self.start, self.seconds, self.steps = START, 0.0, 0
        self.rng = self.fault_rng = random.Random(seed)
        self.durations = durations
        self.counts: Counter[str] = Counter()
        self._heap: list[tuple[float, int, Callable[[], None] | Worker]] = []
        self._number = 0
        self._running: Worker | None = None

    @property
    def running(self) -> str | None:
        """Return the name of the running worker, or None if no worker runs."""
        return self._running.name if self._running else None

    def clock(self) -> datetime:
        """Return the virtual time."""
        return self.start + timedelta(seconds=self.seconds)

    def at(self, delay: float, act: Callable[[], None]) -> None:
        """Call `act` in `delay` virtual seconds. No worker runs until `act` has returned."""
        self._push(delay, act)

    def spawn(self, name: str, work: Callable[[], Any], then: Callable[[object], None], delay: float = 0.0) -> None:
        """Run `work` on a worker after `delay` virtual seconds. `then` gets the value that it returned or the exception."""

        def whole() -> None:
            try:
                outcome: object = work()
            except Exception as error:
                outcome = error
            self._running = None
            then(outcome)

        self._push(delay, Worker(name, whole))

    def sleep(self, seconds: float) -> None:
        """Let the running worker sleep for virtual seconds. Does nothing if no worker runs."""
        worker = self._running
        if worker is None or seconds <= 0:
            return
        self._push(seconds, worker)
        worker.greenlet.parent.switch()  # type: ignore[union-attr]

    def spread(self, seconds: float, share: float = 0.3) -> float:
        """Return a random time that differs from `seconds` by at most `share` of it, evenly distributed."""
        return seconds * (1 + share * (2 * self.rng.random() - 1))

    def run(self, until: Callable[[], bool], most_seconds: float) -> None:
        """Run until `until` returns True. It is called after each event.

        Raises Overtime if there is still work after `most_seconds`, and any error that an event raised.
        """
        before = random.getstate()
        random.seed(self.rng.random())  # the adapters take random waits from the global generator
        try:
            while self._heap and not until():
                at, _, what = heapq.heappop(self._heap)
                if at > most_seconds:
                    raise Overtime(f"there is still work after {most_seconds:.0f} virtual seconds")
                self.seconds = at
                self.steps += 1
                if isinstance(what, Worker):
                    self._go(what)
                else:
                    what()
        finally:
            random.setstate(before)

    def point(self, label: str, when: str = "at") -> None:
        """Count a call of a port and let its time pass. The proxies call this before and after the port does its work."""
        if when == "before":
            self.counts[label] += 1
            if label in self.durations:
                self.sleep(self.spread(self.durations[label]))

    def record(self, what: str, label: str) -> None:
        """Count the errors that ports raise. Other records are ignored."""
        if what == "raised":
            self.counts[f"{label} raised"] += 1

    def dying(self) -> bool:
        """Return False, because no worker dies in this simulation. The tests in tests/faults cover that."""
        return False

    def keep(self, part: object) -> None:
        """Do nothing. The fault simulation needs this call for workers that die, but none dies here."""

    def _push(self, delay: float, what: Callable[[], None] | Worker) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.seconds + max(delay, 0.0), self._number, what))

    def _go(self, worker: Worker) -> None:
        """Let the worker run until it sleeps or ends."""
        if worker.greenlet is None:
            worker.greenlet = greenlet(worker.work)
        self._running = worker
        try:
            worker.greenlet.switch()
        finally:
            self._running = None
