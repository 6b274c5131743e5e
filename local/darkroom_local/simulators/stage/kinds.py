"""The fault kinds that any HTTP service can show, and which of them strike at what moment.

A vendor's repertoire is made of these and its own. This module must not carry one out.
"""

from __future__ import annotations

from collections.abc import Mapping

from .faults import FaultKind

RESULT = "result"  # the operation of fetching a finished picture, whatever the vendor
AFTER = ("error_after", "lost_answer", "garbage")
_BEFORE = ("error_before", "reset_before", "moved")  # beside every kind with a status


def refusing_kinds(operations: tuple[str, ...]) -> dict[str, FaultKind]:
    """What goes wrong before anything is done."""
    return {
        "throttle": FaultKind("429, nothing accepted", operations, status=429),
        "error_before": FaultKind("5xx, nothing accepted", operations, {"status": 500}),
        "reset_before": FaultKind("connection reset, nothing accepted", operations),
        "auth": FaultKind("401", operations, status=401),
        "forbidden": FaultKind("403", operations, status=403),
        "no_funds": FaultKind("402", operations, status=402),
        "moved": FaultKind("301 to https, as for plain http", operations),
    }


def answering_kinds(operations: tuple[str, ...]) -> dict[str, FaultKind]:
    """What goes wrong once the work is done."""
    answering = tuple(name for name in operations if name != RESULT)
    return {
        "error_after": FaultKind("carried out, then 5xx", answering, {"status": 500}),
        "lost_answer": FaultKind("carried out, then closed without an answer", answering),
        "garbage": FaultKind("carried out, then 200 with a body that is not JSON", answering),
        "delay": FaultKind("carried out, answered `seconds` late", operations, {"seconds": 1.0}),
    }


def transfer_kinds() -> dict[str, FaultKind]:
    """What goes wrong with a finished picture on its way."""
    return {
        "cut": FaultKind("half of the bytes, then closed", (RESULT,)),
        "corrupt": FaultKind("text of the same length instead of the picture", (RESULT,)),
        "expired": FaultKind("403, as for an old link", (RESULT,)),
        "slow": FaultKind("sent at `bytes_per_second`", (RESULT,), {"bytes_per_second": 65_536}),
    }


def before(kinds: Mapping[str, FaultKind]) -> tuple[str, ...]:
    """The kinds of a repertoire that strike before anything is done."""
    return (*(name for name, kind in kinds.items() if kind.status is not None), *_BEFORE)
