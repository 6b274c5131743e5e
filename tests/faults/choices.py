"""The random choices of a schedule: which worker runs next, and which worker dies where.

Each choice keeps its own state here. The random number generator is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Protocol


class Picker(Protocol):
    """Chooses the worker that runs next."""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """Return the index of one of the ready workers, which are in the order of their spawning. At least one is
        ready.
        """


class Uniform:
    """Every ready worker is equally likely at every step."""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """Return any index."""
        return int(rng.random() * len(ready))


@dataclass
class Bursts:
    """The last worker continues with probability `stay`, so that workers make progress between switches."""

    stay: float = 0.8
    last: str = ""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """Return the last worker's index, or any."""
        goes_on = rng.random() < self.stay
        index = ready.index(self.last) if goes_on and self.last in ready else int(rng.random() * len(ready))
        self.last = ready[index]
        return index


@dataclass
class Priorities:
    """Each worker has a random rank, and the highest runs. `changes` times within `horizon` steps, it drops to the
    lowest.

    This finds races of few ordered steps that uniform choice rarely hits (probabilistic concurrency testing).
    """

    changes: int = 3
    horizon: int = 300
    ranks: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    falls: set[int] | None = None

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """Return the index of the worker with the highest rank."""
        if self.falls is None:
            self.falls = {rng.randrange(self.horizon) for _ in range(self.changes)}
        for name in ready:
            if name not in self.ranks:
                self.ranks[name] = rng.random()
        index = max(range(len(ready)), key=lambda at: self.ranks[ready[at]])
        if self.steps in self.falls:
            self.ranks[ready[index]] = -float(self.steps + 1)
        self.steps += 1
        return index


class Deaths(Protocol):
    """Chooses which worker dies where."""

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Say whether the worker dies at this point. `when` is `before`, `after` or `at`."""


class Immortal:
    """No worker dies."""

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Return False."""
        return False


@dataclass
class RandomDeaths:
    """Any worker may die at any point, at most `most` times in all. Shell patterns can limit the workers and points."""

    chance: float = 0.01
    most: int = 3
    worker: str = "*"
    label: str = "*"

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Decide by chance."""
        if rng.random() >= self.chance or self.most <= 0:
            return False
        struck = fnmatchcase(worker, self.worker) and fnmatchcase(label, self.label)
        self.most -= struck
        return struck


@dataclass
class DeathAt:
    """One worker dies, at the `nth` point that matches."""

    label: str
    when: str = "*"
    worker: str = "*"
    nth: int = 1

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Return True at that point only."""
        if not (fnmatchcase(label, self.label) and fnmatchcase(when, self.when) and fnmatchcase(worker, self.worker)):
            return False
        self.nth -= 1
        return self.nth == 0
