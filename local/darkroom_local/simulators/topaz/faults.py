"""The misbehaviours a test can ask for, as a table and a counted-down list.

Each rule hits one operation a given number of times and then is spent. This module decides only
*whether* a rule applies; the routes carry it out. It must not know about HTTP objects, pictures
or jobs. It is used from the server's thread and from the test's thread alike, hence the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

OPERATIONS = (
    "submit",
    "status",
    "list",
    "download",
    "result",
    "estimate",
    "cancel",
    "delete",
    "account",
)
_ANSWERING = tuple(name for name in OPERATIONS if name != "result")


@dataclass(frozen=True)
class FaultKind:
    """One kind of misbehaviour: where it may strike and which options it takes, with defaults."""

    meaning: str
    operations: tuple[str, ...] = OPERATIONS
    options: Mapping[str, float] = field(default_factory=dict)


KINDS: Mapping[str, FaultKind] = {
    "throttle": FaultKind("429, nothing accepted"),
    "error_before": FaultKind("5xx, nothing accepted", options={"status": 500}),
    "reset_before": FaultKind("connection reset, nothing accepted"),
    "auth": FaultKind("401"),
    "forbidden": FaultKind("403"),
    "no_funds": FaultKind("402"),
    "no_subscription": FaultKind("412"),
    "topping_up": FaultKind("425"),
    "moved": FaultKind("301 to https, as for plain http"),
    "error_after": FaultKind("carried out, then 5xx", _ANSWERING, {"status": 500}),
    "lost_answer": FaultKind("carried out, then closed without an answer", _ANSWERING),
    "garbage": FaultKind("carried out, then 200 with a body that is not JSON", _ANSWERING),
    "delay": FaultKind("carried out, answered `seconds` late", OPERATIONS, {"seconds": 1.0}),
    "eta_early": FaultKind(
        "eta says now + 1; the job ends `late_seconds` later than it should",
        ("submit",),
        {"late_seconds": 5.0},
    ),
    "failed_job": FaultKind("the job ends Failed, credits refunded", ("submit",)),
    "cancelled_job": FaultKind("the job ends Cancelled by itself", ("submit",)),
    "list_lag": FaultKind("the job is missing from the list for `seconds`", ("submit",), {"seconds": 5.0}),
    "wrong_size": FaultKind("status reports other dimensions than the result has", ("submit", "status")),
    "unknown_status": FaultKind("the status word is Queued2", ("status", "submit")),
    "list_shape": FaultKind("the list comes in the shape not asked for", ("list",)),
    "cut": FaultKind("half of the bytes, then closed", ("result",)),
    "corrupt": FaultKind("text of the same length instead of the picture", ("result",)),
    "expired": FaultKind("403, as for an old link", ("result",)),
    "slow": FaultKind("sent at `bytes_per_second`", ("result",), {"bytes_per_second": 65_536}),
}


@dataclass(frozen=True)
class Fault:
    """One rule; `times` None means every time, `match` is part of the upload's filename."""

    kind: str
    on: str
    times: int | None = 1
    match: str | None = None
    options: Mapping[str, float] = field(default_factory=dict)

    def option(self, name: str) -> float:
        """The option's value, or the kind's default."""
        return float(self.options.get(name, KINDS[self.kind].options[name]))


def make_fault(
    kind: str,
    times: int | None = 1,
    on: str | None = None,
    match: str | None = None,
    options: Mapping[str, float] | None = None,
) -> Fault:
    """A checked rule; ValueError says what is wrong with it."""
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
    on = on or known.operations[0]
    if on not in known.operations:
        raise ValueError(f"{kind} strikes {', '.join(known.operations)}, not {on!r}")
    if times is not None and times < 1:
        raise ValueError("times is at least 1, or None for always")
    strange = set(options or {}) - set(known.options)
    if strange:
        raise ValueError(f"{kind} has no option {', '.join(sorted(strange))}")
    return Fault(kind, on, times, match, {k: float(v) for k, v in (options or {}).items()})


def parse_fault(text: str) -> Fault:
    """Read `kind[:on[:times[:name=value...]]]`; times may be `*`, `match=` is a filename part."""
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
    return make_fault(kind, times, on, match, options)


class Faults:
    """The rules in force, oldest first; taking a rule uses up one of its times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, int | None]] = []

    def add(
        self,
        kind: str,
        times: int | None = 1,
        on: str | None = None,
        match: str | None = None,
        **options: float,
    ) -> Fault:
        """Put a new rule in force and return it."""
        return self.put(make_fault(kind, times, on, match, options))

    def put(self, fault: Fault) -> Fault:
        """Put a ready rule in force."""
        with self._lock:
            self._rules.append((fault, fault.times))
        return fault

    def take(self, kinds: Collection[str], on: str, filename: str | None) -> Fault | None:
        """Use up one time of the oldest rule of these kinds that applies, if there is one."""
        with self._lock:
            for place, (fault, left) in enumerate(self._rules):
                if fault.kind not in kinds or fault.on != on:
                    continue
                if fault.match is not None and fault.match not in (filename or ""):
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
