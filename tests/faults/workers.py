"""A worker of a schedule, and the two ways in which it ends badly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.thread_pool import Carrier

MAX_SKEW_SECONDS = 20.0
FOREVER = float("inf")


class WorkerDied(BaseException):
    """What a killed process looks like from inside: nothing after it has an effect."""


class Stalled(AssertionError):
    """A worker that does not come back to a point."""


class Worker:
    """One invocation, or one run of anything: from its first step to its end."""

    __slots__ = ("carrier", "dead", "dies_at", "ident", "name", "skew", "wakes_at", "work")

    def __init__(self, name: str, work: Callable[[], Any], skew: float, wakes_at: float, dies_at: float) -> None:
        self.name, self.work, self.skew, self.wakes_at, self.dies_at = name, work, skew, wakes_at, dies_at
        self.dead, self.ident = False, 0
        self.carrier: Carrier | None = None  # None before its first step
