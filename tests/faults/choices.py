"""Makes the random choices of a schedule: which worker runs next, and which worker dies at which point.

The objects here keep the state of their choices. The caller passes in the random number generator.
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
        """Return an index into `ready`. It has the names of the workers that can run, the oldest first, and is never empty."""


class Uniform:
    """Chooses at each step any ready worker with the same probability."""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """Return a random index."""
        return int(rng.random() * len(ready))


@dataclass
class Bursts:
    """Chooses the last worker again with probability `stay`, so that a worker makes several steps before the next switch."""

    stay: float = 0.8
    last: str = ""

    def pick(self, ready: Sequence[str], rng: Random) -> int:
        """Return the index of the last worker, or a random index."""
        goes_on = rng.random() < self.stay
        index = ready.index(self.last) if goes_on and self.last in ready else int(rng.random() * len(ready))
        self.last = ready[index]
        return index


@dataclass
class Priorities:
    """Chooses the ready worker with the highest rank. Ranks are random. At `changes` of the first `horizon` steps, the
    running worker gets the lowest rank.

    This method, probabilistic concurrency testing, finds races that need a few steps in a certain order. A uniform choice
    rarely finds them.
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
    """Decides which worker dies, and at which point."""

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Say whether the worker dies at the point `label`. `when` is `before` or `after` a call's effect, or else `at`."""


class Immortal:
    """Lets no worker die."""

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Return False."""
        return False


@dataclass
class RandomDeaths:
    """Lets workers die at random points, at most `most` of them. The shell patterns `worker` and `label` limit which ones."""

    chance: float = 0.01
    most: int = 3
    worker: str = "*"
    label: str = "*"

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Return True with probability `chance`, if worker and label match and fewer than `most` have died."""
        if rng.random() >= self.chance or self.most <= 0:
            return False
        struck = fnmatchcase(worker, self.worker) and fnmatchcase(label, self.label)
        self.most -= struck
        return struck


@dataclass
class DeathAt:
    """Lets one worker die, at the `nth` point that matches the shell patterns."""

    label: str
    when: str = "*"
    worker: str = "*"
    nth: int = 1

    def strikes(self, worker: str, label: str, when: str, rng: Random) -> bool:
        """Return True at the `nth` matching point only."""
        if not (fnmatchcase(label, self.label) and fnmatchcase(when, self.when) and fnmatchcase(worker, self.worker)):
            return False
        self.nth -= 1
        return self.nth == 0
