"""Fault rules. With such a rule, a test asks the simulator to misbehave a given number of times.

Each rule applies to one operation, and it ends after the given number of times. This module only decides *whether*
a rule applies. The routes carry it out. This module must not know about HTTP objects, pictures or jobs. A lock protects
the rules, because the thread of the server and the thread of the test both use them.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FaultKind:
    """One kind of misbehaviour: the operations it can strike, and its options with their defaults.

    A kind with a `status` refuses the request with that status before any work is done.
    """

    meaning: str
    operations: tuple[str, ...]
    options: Mapping[str, float] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True)
class Fault:
    """One fault rule.

    `on` is the operation that it strikes. `times` is how often it strikes; None means every time. With `match`, it strikes
    only requests whose subject (the name or URL of the picture) contains this text.
    """

    kind: str
    on: str
    times: int | None = 1
    match: str | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    defaults: Mapping[str, float] = field(default_factory=dict, repr=False, compare=False)

    def option(self, name: str) -> float:
        """Return the value of the option in this rule, or else the default that the fault kind gives it."""
        return float(self.options[name] if name in self.options else self.defaults[name])


@dataclass(frozen=True)
class SupportedFaults:
    """The fault kinds that one simulator supports."""

    kinds: Mapping[str, FaultKind]

    def make(
        self,
        kind: str,
        times: int | None = 1,
        on: str | None = None,
        match: str | None = None,
        options: Mapping[str, float] | None = None,
    ) -> Fault:
        """Check the values and return a rule. Raises ValueError that says what is wrong.

        Without `on`, the rule strikes the first operation that the kind can strike.
        """
        known = self.kinds.get(kind)
        if known is None:
            raise ValueError(f"unknown fault {kind!r}; use one of {', '.join(self.kinds)}")
        on = on or known.operations[0]
        if on not in known.operations:
            raise ValueError(f"the fault {kind} cannot strike {on!r}; use one of {', '.join(known.operations)}")
        if times is not None and times < 1:
            raise ValueError("times must be at least 1, or None (`*` in text) for every time")
        unknown = set(options or {}) - set(known.options)
        if unknown:
            raise ValueError(
                f"the fault {kind} has no option {', '.join(sorted(unknown))}; it has {', '.join(known.options) or 'none'}"
            )
        chosen = {name: float(value) for name, value in (options or {}).items()}
        return Fault(kind, on, times, match, chosen, known.options)

    def parse(self, text: str) -> Fault:
        """Read a rule from `kind[:on[:times[:name=value...]]]`.

        `times` may be `*` for every time. `match=text` is the text that the request's subject must contain.
        """
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
                raise ValueError(f"an option must be written as name=value, not as {pair!r}")
            if name == "match":
                match = value
            else:
                options[name] = float(value)
        return self.make(kind, times, on, match, options)

    def read(self, faults: Iterable[Fault | str]) -> tuple[Fault, ...]:
        """Return the rules, after those that are given as text have been parsed."""
        return tuple(self.parse(fault) if isinstance(fault, str) else fault for fault in faults)


class Faults:
    """Holds the rules in force, oldest first. Each rule is removed after it was taken as many times as it says."""

    def __init__(self, supported_faults: SupportedFaults) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, int | None]] = []
        self.supported_faults = supported_faults

    def add(
        self,
        kind: str,
        times: int | None = 1,
        on: str | None = None,
        match: str | None = None,
        **options: float,
    ) -> Fault:
        """Put a new rule in force and return it."""
        return self.put(self.supported_faults.make(kind, times, on, match, options))

    def put(self, fault: Fault) -> Fault:
        """Put an existing rule in force and return it."""
        with self._lock:
            self._rules.append((fault, fault.times))
        return fault

    def take(self, kinds: Collection[str], on: str, subject: str | None) -> Fault | None:
        """Return the oldest rule of these kinds that applies, or None. This counts as one of the rule's `times`."""
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
        """Remove every rule."""
        with self._lock:
            self._rules.clear()

    def remaining(self) -> list[dict[str, Any]]:
        """Return the rules that are still in force. `times` says how often each may still strike; None means always."""
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
