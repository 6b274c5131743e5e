"""Misbehaviours on request: a repertoire of kinds, and a counted-down list of rules.

Each rule hits one operation a given number of times and then is spent. This module decides only
*whether* a rule applies; the routes carry it out. It must not know about HTTP objects, pictures
or jobs. It is used from the server's thread and from the test's thread alike, hence the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FaultKind:
    """One kind of misbehaviour: where it may strike and which options it takes, with defaults.

    `status` is for a kind that refuses with that status before anything is done.
    """

    meaning: str
    operations: tuple[str, ...]
    options: Mapping[str, float] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True)
class Fault:
    """One rule; `times` None means every time, `match` is part of what the call is about."""

    kind: str
    on: str
    times: int | None = 1
    match: str | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    defaults: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)

    def option(self, name: str) -> float:
        """The option's value, or the kind's default."""
        return float(self.options[name] if name in self.options else self.defaults[name])


@dataclass(frozen=True)
class Repertoire:
    """The kinds one simulator can play."""

    kinds: Mapping[str, FaultKind]

    def make(
        self,
        kind: str,
        times: int | None = 1,
        on: str | None = None,
        match: str | None = None,
        options: Mapping[str, float] | None = None,
    ) -> Fault:
        """A checked rule; ValueError says what is wrong with it."""
        known = self.kinds.get(kind)
        if known is None:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(self.kinds)}")
        on = on or known.operations[0]
        if on not in known.operations:
            raise ValueError(f"{kind} strikes {', '.join(known.operations)}, not {on!r}")
        if times is not None and times < 1:
            raise ValueError("times is at least 1, or None for always")
        strange = set(options or {}) - set(known.options)
        if strange:
            raise ValueError(f"{kind} has no option {', '.join(sorted(strange))}")
        chosen = {name: float(value) for name, value in (options or {}).items()}
        return Fault(kind, on, times, match, chosen, known.options)

    def parse(self, text: str) -> Fault:
        """Read `kind[:on[:times[:name=value...]]]`; times may be `*`, `match=` is part of a subject."""
        kind, *rest = text.split(":")
        on = rest[0] if rest and rest[0] else None
        times: int | None = 1
        if len(rest) > 1 and rest[1]:
            times = None if rest[1] == "*" else int(rest[1])
        match: str | None = None
        options: dict[str, float] = {}
        for pair in rest[2:]:
            name, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"expected name=value, got {pair!r}")
            if name == "match":
                match = value
            else:
                options[name] = float(value)
        return self.make(kind, times, on, match, options)

    def read(self, faults: Iterable[Fault | str]) -> tuple[Fault, ...]:
        """Rules from rules and lines alike."""
        return tuple(self.parse(fault) if isinstance(fault, str) else fault for fault in faults)


class Faults:
    """The rules in force, oldest first; taking a rule uses up one of its times."""

    def __init__(self, repertoire: Repertoire) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, int | None]] = []
        self.repertoire = repertoire

    def add(
        self,
        kind: str,
        times: int | None = 1,
        on: str | None = None,
        match: str | None = None,
        **options: float,
    ) -> Fault:
        """Put a new rule in force and return it."""
        return self.put(self.repertoire.make(kind, times, on, match, options))

    def put(self, fault: Fault) -> Fault:
        """Put a ready rule in force."""
        with self._lock:
            self._rules.append((fault, fault.times))
        return fault

    def take(self, kinds: Collection[str], on: str, subject: str | None) -> Fault | None:
        """Use up one time of the oldest rule of these kinds that applies, if there is one."""
        with self._lock:
            for place, (fault, left) in enumerate(self._rules):
                if fault.kind not in kinds or fault.on != on:
                    continue
                if fault.match is not None and fault.match not in (subject or ""):
                    continue
                if left is not None:
                    self._rules[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def remaining(self) -> list[dict[str, Any]]:
        """The rules still in force, with the times each has left."""
        with self._lock:
            return [
                {
                    "kind": fault.kind,
                    "on": fault.on,
                    "times": left,
                    "match": fault.match,
                    **fault.options,
                }
                for fault, left in self._rules
            ]
