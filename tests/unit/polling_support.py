"""A provider made of a length and an eta, and jobs that are followed by the schedule. Pure: no clock, no wait."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from darkroom.poll_schedule import next_poll_at

START = datetime(2026, 11, 21, 14, tzinfo=UTC)
TICK = 1e-3  # what datetimes and floats may differ by, seconds
Eta = Callable[[float], float | None]  # the job's age → its announced length, both in seconds; None: it says none
Maker = Callable[[float], Eta]  # of the job's real length


@dataclass(frozen=True)
class Found:
    """How a job was followed."""

    length: float
    ages: tuple[float, ...]  # at each poll

    @property
    def polls(self) -> int:
        return len(self.ages)

    @property
    def late(self) -> float:
        """Seconds between the result's being ready and the poll that finds it."""
        return self.ages[-1] - self.length

    @property
    def share(self) -> float:
        return self.late / self.length


def follow(length: float, eta: Eta) -> Found:
    """Polls until the job is over, as the ledger would: an eta stays until the provider names another."""
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
    """As the simulator announces: whole seconds, rounded up."""
    return constant(math.ceil(length + 0.05))


def times(factor: float) -> Maker:
    return lambda length: constant(factor * length)


def corrected(length: float) -> Eta:
    """Half the length at first; once asked, the truth, rounded up."""
    return lambda age: length / 2 if age == 0 else math.ceil(length)


def slipping(seconds: float) -> Eta:
    """Always so far ahead."""
    return lambda age: age + seconds


def none_at_all(age: float) -> None:
    return None


# What jobs may take, drawn once: many small ones, many long ones, and every order of magnitude alike.
DISTRIBUTIONS: dict[str, Callable[[Random], float]] = {
    "mostly a quarter of a minute": lambda rng: min(max(rng.lognormvariate(math.log(15), 0.6), 5), 1800),
    "mostly a minute": lambda rng: min(max(rng.lognormvariate(math.log(60), 0.8), 5), 1800),
    "five seconds to half an hour": lambda rng: math.exp(rng.uniform(math.log(5), math.log(1800))),
}
