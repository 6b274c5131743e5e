"""Proxies through which workers call ports, so that the scheduler can interrupt each call.

A call gives the scheduler a turn before its effect and another one after it. An injected error may replace the effect, or
follow it. Context managers, iterators and functions that a port returns are wrapped as well, but plain data is not.
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
PLAIN = frozenset(DATA)  # most answers have exactly one of these types, and need no further look


class Faults(Protocol):
    """Chooses the errors that are injected into the calls of a port. A label has the form `port.method`."""

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return the error that replaces the effect of the call, or None."""

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return the error that follows the effect of the call, or None."""


class NoFaults:
    """Injects no errors."""

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return None."""
        return None

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return None."""
        return None


@dataclass
class RandomFaults:
    """Injects random errors, at most `most` in all.

    `refused` and `lost` map shell patterns to functions that make an error. The first pattern that matches the label counts.
    """

    refused: Mapping[str, Sequence[Maker]] = field(default_factory=dict)
    lost: Mapping[str, Sequence[Maker]] = field(default_factory=dict)
    chance: float = 0.02
    most: int = 10

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return an error from `refused`, or None."""
        return self._one(self.refused, label, rng)

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return an error from `lost`, or None."""
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
    """Injects one error, at the `nth` call that matches `label`, before or after its effect as `when` says."""

    label: str
    error: Maker
    when: str = "before"
    nth: int = 1

    def before(self, label: str, rng: Random) -> BaseException | None:
        """Return the error at the `nth` matching call, if `when` is `before`."""
        return self._strike(label) if self.when == "before" else None

    def after(self, label: str, rng: Random) -> BaseException | None:
        """Return the error at the `nth` matching call, if `when` is `after`."""
        return self._strike(label) if self.when == "after" else None

    def _strike(self, label: str) -> BaseException | None:
        self.nth -= fnmatchcase(label, self.label)
        if self.nth or not fnmatchcase(label, self.label):
            return None
        return self.error()


class Proxy:
    """Wraps a port and gives the scheduler a turn at each call. Plain data, such as `name`, is read without a turn."""

    def __init__(self, port: Any, scheduler: Scheduler, label: str, faults: Faults | None = None) -> None:
        self._port, self._scheduler, self._label, self._faults = port, scheduler, label, faults or NoFaults()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found) or isclass(found):
            return found
        method = vars(self)[name] = self._under(found, name)  # a port's methods stay, so they are looked up once
        return method

    def _under(self, effect: Callable[..., Any], name: str) -> Callable[..., Any]:
        return partial(self._answer, effect, f"{self._label}.{name}")

    def _answer(self, effect: Callable[..., Any], label: str, *args: Any, **named: Any) -> Any:
        """Make a call and return its answer. If the answer can act later, as an open file can, wrap it."""
        answer = self._call(effect, label, *args, **named)
        kind = type(answer)
        if kind in PLAIN:
            return answer
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
            return effect(*args, **named)  # no worker is running, so the simulation itself calls
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
    """Wraps a context manager or stream that a port returned. A worker that died does not close it."""

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
    """Wraps an iterator that a port returned. Each piece that is read counts as a call of the port."""

    def __iter__(self) -> IteratorProxy:
        return self

    def __next__(self) -> Any:
        return self._call(self._port.__next__, f"{self._label}.next")
