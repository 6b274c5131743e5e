"""Defines the workers of a schedule, and the errors with which a worker can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import greenlet

MAX_SKEW_SECONDS = 20.0
FOREVER = float("inf")


class WorkerDied(BaseException):
    """Raised in a worker that is killed. Nothing that the worker does after it has an effect."""


class Outage(Exception):
    """Stands for the error of a cloud service that does not answer. It is not one of Darkroom's own errors."""


class Worker:
    """Holds one worker of a schedule: an invocation, or one run of any other function."""

    __slots__ = ("dead", "dies_at", "greenlet", "name", "skew", "wakes_at", "work")

    def __init__(self, name: str, work: Callable[[], Any], skew: float, wakes_at: float, dies_at: float) -> None:
        self.name, self.work, self.skew, self.wakes_at, self.dies_at = name, work, skew, wakes_at, dies_at
        self.dead = False
        self.greenlet: greenlet | None = None  # None before the worker's first step
