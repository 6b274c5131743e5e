"""Virtual time: events on a heap, and workers on threads that sleep in it. One runs at a time; no real clock is read.

Takes the place of the fault simulation's scheduler under its proxies: a call of a port costs its worker virtual time.
"""

from __future__ import annotations

import _thread
import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults import thread_pool

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


class Overtime(RuntimeError):
    """The world did not come to rest in the virtual time it was given."""


class Worker:
    """One invocation: a plain callable on a thread of its own."""

    __slots__ = ("carrier", "name", "work")

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name, self.work = name, work
        self.carrier: thread_pool.Carrier | None = None  # None before its first step


class World:
    """The clock of one simulation. `durations`: label of a port's call → virtual seconds; a label that is not in it takes
    none. `rng` decides all that is random: one seed is one run."""

    def __init__(self, seed: int, durations: Mapping[str, float]) -> None:
        self.start, self.seconds, self.steps = START, 0.0, 0
        self.rng = self.fault_rng = random.Random(seed)
        self.durations = durations
        self.counts: Counter[str] = Counter()
        self._heap: list[tuple[float, int, Callable[[], None] | Worker]] = []
        self._number = 0
        self._running: Worker | None = None
        self._until: Callable[[], bool] = lambda: False
        self._latest = 0.0
        self._failure: BaseException | None = None
        self._gate = _thread.allocate_lock()
        self._gate.acquire()

    @property
    def running(self) -> str | None:
        """The name of the worker that runs, None outside of one."""
        return self._running.name if self._running else None

    def clock(self) -> datetime:
        """The time, the same for all."""
        return self.start + timedelta(seconds=self.seconds)

    def at(self, delay: float, act: Callable[[], None]) -> None:
        """Something happens in `delay` seconds, at once and whole."""
        self._push(delay, act)

    def spawn(self, name: str, work: Callable[[], Any], then: Callable[[object], None], delay: float = 0.0) -> None:
        """A worker that begins after `delay`; `then` hears what it returned, or the exception it ended with."""

        def whole() -> None:
            try:
                outcome: object = work()
            except Exception as error:
                outcome = error
            self._running = None
            then(outcome)

        self._push(delay, Worker(name, whole))

    def sleep(self, seconds: float) -> None:
        """The running worker goes on so much later. Outside of workers it is nothing."""
        worker = self._running
        if worker is None or seconds <= 0:
            return
        self._push(seconds, worker)
        following = self._turn()
        if following is not worker:
            self._hand_to(following)
            worker.carrier.circuit_breaker.acquire()  # type: ignore[union-attr]
        self._running = worker

    def spread(self, seconds: float, share: float = 0.3) -> float:
        """About so many seconds: evenly within ± `share`."""
        return seconds * (1 + share * (2 * self.rng.random() - 1))

    def run(self, until: Callable[[], bool], most_seconds: float) -> None:
        """Until `until` holds, asked after each event. Raises Overtime, and whatever an event raised."""
        self._until, self._latest = until, most_seconds
        before = random.getstate()
        random.seed(self.rng.random())  # what the adapters jitter by
        try:
            first = self._turn()
            if first is not None:
                self._hand_to(first)
                self._gate.acquire()
        finally:
            random.setstate(before)
        if self._failure is not None:
            raise self._failure

    def point(self, label: str, when: str = "at") -> None:
        """A call of a port: it takes its time before its effect."""
        if when == "before":
            self.counts[label] += 1
            if label in self.durations:
                self.sleep(self.spread(self.durations[label]))

    def record(self, what: str, label: str) -> None:
        """Counts errors that ports raise."""
        if what == "raised":
            self.counts[f"{label} raised"] += 1

    def dying(self) -> bool:
        """Nobody dies here: that is the fault simulation's."""
        return False

    def keep(self, part: object) -> None:
        """What a port hands out is the worker's own."""

    def _push(self, delay: float, what: Callable[[], None] | Worker) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.seconds + max(delay, 0.0), self._number, what))

    def _turn(self) -> Worker | None:
        """Lets happen what comes before the next worker; None when the run is over."""
        self._running = None
        try:
            while self._heap and self._failure is None and not self._until():
                at, _, what = heapq.heappop(self._heap)
                if at > self._latest:
                    raise Overtime(f"not at rest after {self._latest:.0f} s")
                self.seconds = at
                self.steps += 1
                if isinstance(what, Worker):
                    return what
                what()
        except BaseException as failure:
            self._failure = failure
        return None

    def _hand_to(self, worker: Worker | None) -> None:
        if worker is None:
            self._gate.release()
            return
        if worker.carrier is None:
            worker.carrier = thread_pool.take()
            worker.carrier.task = lambda: self._carry(worker)
        worker.carrier.circuit_breaker.release()

    def _carry(self, worker: Worker) -> None:
        self._running = worker
        try:
            worker.work()
        except BaseException as failure:
            self._failure = failure
        thread_pool.give_back(worker.carrier)  # type: ignore[arg-type]
        self._hand_to(self._turn())
