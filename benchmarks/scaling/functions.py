"""Simulates Lambda: cold and warm containers, in an account with limited concurrency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from benchmarks.scaling import limits
from benchmarks.scaling.world import World

Then = Callable[[object], None]


class TooManyRequests(Exception):
    """Stands for Lambda's TooManyRequestsException: the account's limit on concurrency is reached."""


class Functions:
    """Runs and counts the invocations of all functions. `billed` has the seconds of each function, with its cold starts."""

    def __init__(self, world: World, account_concurrency: int) -> None:
        self.world, self.most, self.running = world, account_concurrency, 0
        self.template = limits.template()
        self.invocations: Counter[str] = Counter()
        self.throttles: Counter[str] = Counter()
        self.cold: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.overran: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        self.peak = 0
        self.peaks: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._warm: Counter[str] = Counter()

    def invoke(self, kind: str, work: Callable[[datetime], Any], then: Then) -> bool:
        """Invoke a function. Return False and do nothing if the account's limit on concurrency is reached.

        `work` gets the time at which the invocation times out. `then` gets the outcome of `work`.
        """
        world = self.world
        if self.running >= self.most:
            self.throttles[kind] += 1
            return False
        self.running += 1
        self._running[kind] += 1
        self.peak, self.peaks[kind] = max(self.peak, self.running), max(self.peaks[kind], self._running[kind])
        self.invocations[kind] += 1
        begins = limits.BEGINNING
        if self._warm[kind]:
            self._warm[kind] -= 1
            begins = 0.0
        else:
            self.cold[kind] += 1
        came = world.seconds
        ends = world.clock() + timedelta(seconds=begins + self.template.timeouts[kind])

        def ended(outcome: object) -> None:
            self.running -= 1
            self._running[kind] -= 1
            self._warm[kind] += 1
            self.billed[kind] += world.seconds - came  # type: ignore[assignment]
            self.overran[kind] += world.seconds - came - begins > self.template.timeouts[kind]
            if isinstance(outcome, BaseException):
                self.failed[f"{kind}: {type(outcome).__name__}: {str(outcome)[:150]}"] += 1
            then(outcome)

        world.spawn(kind, lambda: work(ends), ended, delay=begins)
        return True
