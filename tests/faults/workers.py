"""A worker of a schedule, and the ways in which it can end badly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.thread_pool import WorkerThread

MAX_SKEW_SECONDS = 20.0
FOREVER = float("inf")


class WorkerDied(BaseException):
    """A killed process, as seen from inside: nothing after it has an effect."""


class Outage(Exception):
    """An error of a cloud service that does not answer. It is not one of our errors."""


class Stalled(AssertionError):
    """A worker did not reach its next point in time."""


class Worker:
    """One invocation, or one run of any function, from its first step to its end."""

    __slots__ = ("dead", "dies_at", "ident", "name", "skew", "thread", "wakes_at", "work")

    def __init__(self, name: str, work: Callable[[], Any], skew: float, wakes_at: float, dies_at: float) -> None:
        self.name, self.work, self.skew, self.wakes_at, self.dies_at = name, work, skew, wakes_at, dies_at
        self.dead, self.ident = False, 0
        self.thread: WorkerThread | None = None  # None before its first step
