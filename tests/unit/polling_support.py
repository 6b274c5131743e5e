"""Computes when a job is polled, without a clock and without waiting. The provider is simulated by two numbers: how long a
job takes, and the eta that the provider names for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from darkroom.poll_schedule import next_poll_at

START = datetime(2026, 11, 21, 14, tzinfo=UTC)
TICK = 1e-3  # the rounding difference between datetimes and floats that is allowed, in seconds
# Takes the job's age and returns the job length that the provider announces, both in seconds. None: it announces none.
Eta = Callable[[float], float | None]
Maker = Callable[[float], Eta]  # takes the job's real length and returns its eta function


@dataclass(frozen=True)
class Found:
    """Holds how long a job ran and when it was polled."""

    length: float
    ages: tuple[float, ...]  # the job's age in seconds at each poll

    @property
    def polls(self) -> int:
        return len(self.ages)

    @property
    def late(self) -> float:
        """Return how many seconds after the job's end the poll that notices it takes place."""
        return self.ages[-1] - self.length

    @property
    def share(self) -> float:
        return self.late / self.length


def follow(length: float, eta: Eta) -> Found:
    """Poll until the job is over. An eta is kept until the provider names another one, as the ledger does."""
    ages: list[float] = []
    age, announced = 0.0, eta(0.0)
    while age < length:
        moment = None if announced is None else START + timedelta(seconds=announced)
        age = (next_poll_at(START + timedelta(seconds=age), moment, START, len(ages)) - START).total_seconds()
        ages.append(age)
        said = eta(age)
        announced = announced if said is None else said
    return Found(length, tuple(ages))


def constant(announced: float) -> Eta:
    return lambda age: announced


def honest(length: float) -> Eta:
    """Return an eta as a simulator announces it, in whole seconds, rounded up."""
    return constant(math.ceil(length + 0.05))


def times(factor: float) -> Maker:
    return lambda length: constant(factor * length)


def corrected(length: float) -> Eta:
    """Return an eta that is half the job's length at first. From the first poll on it is exact (rounded up)."""
    return lambda age: length / 2 if age == 0 else math.ceil(length)


def slipping(seconds: float) -> Eta:
    """Return an eta that always lies `seconds` after the present."""
    return lambda age: age + seconds


def none_at_all(age: float) -> None:
    return None


# Draw a job length in seconds: mostly short, mostly long, or evenly over all orders of magnitude.
DISTRIBUTIONS: dict[str, Callable[[Random], float]] = {
    "mostly a quarter of a minute": lambda rng: min(max(rng.lognormvariate(math.log(15), 0.6), 5), 1800),
    "mostly a minute": lambda rng: min(max(rng.lognormvariate(math.log(60), 0.8), 5), 1800),
    "five seconds to half an hour": lambda rng: math.exp(rng.uniform(math.log(5), math.log(1800))),
}
