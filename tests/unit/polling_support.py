"""A provider that consists of a job length and an eta, and the polls of its jobs. No clock and no waiting."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from darkroom.poll_schedule import next_poll_at

START = datetime(2026, 11, 21, 14, tzinfo=UTC)
TICK = 1e-3  # the difference that datetimes and floats may have, in seconds
Eta = Callable[[float], float | None]  # the job's age → its announced length, both in seconds; None: it announces none
Maker = Callable[[float], Eta]  # takes the job's real length


@dataclass(frozen=True)
class Found:
    """How a job was polled."""

    length: float
    ages: tuple[float, ...]  # at each poll

    @property
    def polls(self) -> int:
        return len(self.ages)

    @property
    def late(self) -> float:
        """Return the seconds between the end of the job and the poll that finds it."""
        return self.ages[-1] - self.length

    @property
    def share(self) -> float:
        return self.late / self.length


def follow(length: float, eta: Eta) -> Found:
    """Poll until the job is over. Like the ledger, keep an eta until the provider names another."""
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
    """Return the eta of the simulator: whole seconds, rounded up."""
    return constant(math.ceil(length + 0.05))


def times(factor: float) -> Maker:
    return lambda length: constant(factor * length)


def corrected(length: float) -> Eta:
    """Return an eta that is half the length at first, and exact (rounded up) from the first poll on."""
    return lambda age: length / 2 if age == 0 else math.ceil(length)


def slipping(seconds: float) -> Eta:
    """Return an eta that is always that many seconds ahead."""
    return lambda age: age + seconds


def none_at_all(age: float) -> None:
    return None


# Lengths of jobs, drawn once: many short ones, many long ones, and all orders of magnitude equally.
DISTRIBUTIONS: dict[str, Callable[[Random], float]] = {
    "mostly a quarter of a minute": lambda rng: min(max(rng.lognormvariate(math.log(15), 0.6), 5), 1800),
    "mostly a minute": lambda rng: min(max(rng.lognormvariate(math.log(60), 0.8), 5), 1800),
    "five seconds to half an hour": lambda rng: math.exp(rng.uniform(math.log(5), math.log(1800))),
}
