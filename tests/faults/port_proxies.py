"""Proxies that put ports under the scheduler.

Each call has a point before its effect, perhaps an error instead of it, the effect, perhaps an error after it, and a
point after it. Context managers, iterators and callables that a port returns are wrapped too; data is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from inspect import isclass
from random import Random
from typing import Any, Protocol

from tests.faults.scheduler import Scheduler

Maker = Callable[[], BaseException]
DATA = (type(None), str, bytes, int, float, tuple, list, dict, set, frozenset)


class Faults(Protocol):
    """Chooses the errors of calls of a port. Labels are `port.method`."""

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return the error that replaces the effect, or None."""

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return the error that follows the effect, or None."""


class NoFaults:
    """Causes no errors."""

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return None."""
        return None

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return None."""
        return None


@dataclass
class RandomFaults:
    """Errors by chance, `most` in all. The first pattern that matches the label gives the makers of errors."""

    refused: Mapping[str, Sequence[Maker]] = field(default_factory=dict)
    lost: Mapping[str, Sequence[Maker]] = field(default_factory=dict)
    chance: float = 0.02
    most: int = 10

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return one of `refused`, or None."""
        return self._one(self.refused, label, rng)

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return one of `lost`, or None."""
        return self._one(self.lost, label, rng)

    def _one(self, makers: Mapping[str, Sequence[Maker]], label: str, rng: Random) -> BaseException | None:
        if not makers or rng.random() >= self.chance or self.most <= 0:
            return None
        fitting = next((makers[pattern] for pattern in makers if fnmatchcase(label, pattern)), ())
        if not fitting:
            return None
        self.most -= 1
        return fitting[int(rng.random() * len(fitting))]()


@dataclass
class FaultAt:
    """One error: at the `nth` call of that label, before or after its effect."""

    label: str
    error: Maker
    when: str = "before"
    nth: int = 1

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return the error at that call only."""
        return self._strike(label) if self.when == "before" else None

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return the error at that call only."""
        return self._strike(label) if self.when == "after" else None

    def _strike(self, label: str) -> BaseException | None:
        self.nth -= fnmatchcase(label, self.label)
        if self.nth or not fnmatchcase(label, self.label):
            return None
        return self.error()


class Proxy:
    """A port whose calls are under the scheduler. Attributes that are data, like `name`, are read from the port."""

    def __init__(self, port: Any, scheduler: Scheduler, label: str, faults: Faults | None = None) -> None:
        self._port, self._scheduler, self._label, self._faults = port, scheduler, label, faults or NoFaults()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._under(found, name) if callable(found) and not isclass(found) else found

    def _under(self, effect: Callable[..., Any], name: str) -> Callable[..., Any]:
        return partial(self._answer, effect, f"{self._label}.{name}")

    def _answer(self, effect: Callable[..., Any], label: str, *args: Any, **named: Any) -> Any:
        """Return the answer of a call. Wrap it if it can act later, like an open file."""
        answer = self._call(effect, label, *args, **named)
        kind = type(answer)
        if hasattr(kind, "__enter__") or hasattr(kind, "__next__"):
            self._scheduler.keep(answer)
            proxy = ManagerProxy if hasattr(kind, "__enter__") else IteratorProxy
            return proxy(answer, self._scheduler, label, self._faults)
        if callable(answer) and not isclass(answer):
            return Proxy(answer, self._scheduler, label, self._faults)._under(answer, "call")
        return answer

    def _call(self, effect: Callable[..., Any], label: str, *args: Any, **named: Any) -> Any:
        scheduler = self._scheduler
        if scheduler.running is None:
            return effect(*args, **named)  # the simulation itself reads
        scheduler.point(label, "before")
        if (refused := self._faults.before(label, scheduler.fault_rng)) is not None:
            scheduler.record("refused", f"{label}: {type(refused).__name__}")
            raise refused
        try:
            answer = effect(*args, **named)
        except StopIteration:
            raise
        except Exception as error:
            scheduler.record("raised", f"{label}: {type(error).__name__}")
            raise
        scheduler.point(label, "after")
        if (lost := self._faults.after(label, scheduler.fault_rng)) is not None:
            scheduler.record("lost", f"{label}: {type(lost).__name__}")
            raise lost
        return answer


class ManagerProxy(Proxy):
    """A context manager or stream that a port returned. A worker that died does not close it."""

    def __enter__(self) -> Any:
        entered = self._call(self._port.__enter__, f"{self._label}.enter")
        if entered is self._port:
            return self
        return entered if isinstance(entered, DATA) else Proxy(entered, self._scheduler, self._label, self._faults)

    def __exit__(self, *error: Any) -> Any:
        return None if self._scheduler.dying() else self._port.__exit__(*error)

    def __iter__(self) -> Iterator[Any]:
        return IteratorProxy(iter(self._port), self._scheduler, self._label, self._faults)


class IteratorProxy(Proxy):
    """An iterator that a port returned. Reading each piece is a call."""

    def __iter__(self) -> IteratorProxy:
        return self

    def __next__(self) -> Any:
        return self._call(self._port.__next__, f"{self._label}.next")
