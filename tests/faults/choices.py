"""What a schedule decides by its seed: who goes next, and who dies where. All state is in here, all chance is handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Protocol


class Picker(Protocol):
    """Who goes next."""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """The index of one of the ready workers, in the order they were spawned; at least one is."""


class Uniform:
    """Anyone, at every step."""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """One of them."""
        return int(rng.random() * len(ready))


@dataclass
class Bursts:
    """The last one goes on with probability `stay`, so that workers get far between switches."""

    stay: float = 0.8
    last: str = ""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """The last one, or one of them."""
        goes_on = rng.random() < self.stay
        index = ready.index(self.last) if goes_on and self.last in ready else int(rng.random() * len(ready))
        self.last = ready[index]
        return index


@dataclass
class Priorities:
    """Each worker has a random rank and the highest goes; `changes` times within `horizon` steps it falls to the last.

    Finds races of few ordered steps that uniform choice rarely hits (probabilistic concurrency testing).
    """

    changes: int = 3
    horizon: int = 300
    ranks: dict[str, float] = field(default_factory=dict)
    steps: int = 0
    falls: set[int] | None = None

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """The one of the highest rank."""
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
    """Who dies where."""

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Whether the worker dies at this point. `when` is `before`, `after` or `at`."""


class Immortal:
    """Nobody dies."""

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Never."""
        return False


@dataclass
class RandomDeaths:
    """Anyone may die at any point, `most` times in all. Patterns as a shell's narrow it down."""

    chance: float = 0.01
    most: int = 3
    worker: str = "*"
    label: str = "*"

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """By chance."""
        if rng.random() >= self.chance or self.most <= 0:
            return False
        struck = fnmatchcase(worker, self.worker) and fnmatchcase(label, self.label)
        self.most -= struck
        return struck


@dataclass
class DeathAt:
    """One death: at the `nth` point that matches."""

    label: str
    when: str = "*"
    worker: str = "*"
    nth: int = 1

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """At that point only."""
        if not (fnmatchcase(label, self.label) and fnmatchcase(when, self.when) and fnmatchcase(worker, self.worker)):
            return False
        self.nth -= 1
        return self.nth == 0
