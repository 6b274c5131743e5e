"""The fault kinds that any HTTP service can show, and which of them strike at what moment.

A vendor's repertoire is made of these and its own. This module must not carry one out.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom_local.simulators.framework.faults import FaultKind, Repertoire

RESULT = "result"  # the operation of fetching a finished picture, whatever the vendor
AFTER = ("error_after", "lost_answer", "garbage")
_BEFORE = ("error_before", "reset_before", "moved")  # beside every kind with a status
_A_WHILE = {"seconds": 5.0}


def repertoire(
    operations: tuple[str, ...], own: Mapping[str, FaultKind], refusing: Mapping[str, FaultKind] | None = None
) -> Repertoire:
    """What goes wrong with any service, and the vendor's own; `refusing` are those of it that refuse at once."""
    kinds = {**refusing_kinds(operations), **(refusing or {}), **answering_kinds(operations)}
    return Repertoire({**kinds, **own, **transfer_kinds()})


def lasting(meaning: str, operations: tuple[str, ...]) -> FaultKind:
    """A kind that makes something take `seconds`."""
    return FaultKind(meaning, operations, _A_WHILE)


def fetch_late(operations: tuple[str, ...]) -> FaultKind:
    """For a vendor that fetches its input."""
    return lasting("the input is fetched `seconds` late", operations)


def wrong_size(operations: tuple[str, ...]) -> FaultKind:
    """For a vendor whose pictures `Workshop.picture` makes."""
    return FaultKind("the picture is 16 pixels wider and higher than it should be", operations)


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
