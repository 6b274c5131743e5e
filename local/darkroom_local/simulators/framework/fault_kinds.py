"""The fault kinds that any HTTP service can show, and when each of them strikes.

A vendor's simulator supports these and its own kinds. This module only describes them; other modules carry them out.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom_local.simulators.framework.faults import FaultKind, SupportedFaults

RESULT = "result"  # the operation that downloads a finished picture, for every vendor
KINDS_AFTER_WORK = ("error_after", "lost_answer", "garbage")
_OTHER_KINDS_BEFORE_WORK = ("error_before", "reset_before", "moved")  # beside every kind that has a status
_A_WHILE = {"seconds": 5.0}


def supported_faults(
    operations: tuple[str, ...], own: Mapping[str, FaultKind], refusing: Mapping[str, FaultKind] | None = None
) -> SupportedFaults:
    """Return the shared kinds and the vendor's own. `refusing` are the vendor's kinds that refuse before any work is
    done.
    """
    kinds = {**refusing_kinds(operations), **(refusing or {}), **answering_kinds(operations)}
    return SupportedFaults({**kinds, **own, **transfer_kinds()})


def delay_kind(meaning: str, operations: tuple[str, ...]) -> FaultKind:
    """Return a kind that delays something by `seconds`."""
    return FaultKind(meaning, operations, _A_WHILE)


def late_fetch_kind(operations: tuple[str, ...]) -> FaultKind:
    """Return the kind for a vendor that fetches its input."""
    return delay_kind("the input is fetched `seconds` late", operations)


def wrong_size_kind(operations: tuple[str, ...]) -> FaultKind:
    """Return the kind for a vendor whose pictures `JobWorkers.make_picture` makes."""
    return FaultKind("the picture is 16 pixels wider and higher than it should be", operations)


def refusing_kinds(operations: tuple[str, ...]) -> dict[str, FaultKind]:
    """Return the kinds that strike before any work is done."""
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
    """Return the kinds that strike after the work is done."""
    answering = tuple(name for name in operations if name != RESULT)
    return {
        "error_after": FaultKind("carried out, then 5xx", answering, {"status": 500}),
        "lost_answer": FaultKind("carried out, then closed without an answer", answering),
        "garbage": FaultKind("carried out, then 200 with a body that is not JSON", answering),
        "delay": FaultKind("carried out, answered `seconds` late", operations, {"seconds": 1.0}),
    }


def transfer_kinds() -> dict[str, FaultKind]:
    """Return the kinds that strike while a finished picture is downloaded."""
    return {
        "cut": FaultKind("half of the bytes, then closed", (RESULT,)),
        "corrupt": FaultKind("text of the same length instead of the picture", (RESULT,)),
        "expired": FaultKind("403, as for an old link", (RESULT,)),
        "slow": FaultKind("sent at `bytes_per_second`", (RESULT,), {"bytes_per_second": 65_536}),
    }


def kinds_before_work(kinds: Mapping[str, FaultKind]) -> tuple[str, ...]:
    """Return the names of the kinds that strike before any work is done."""
    return (*(name for name, kind in kinds.items() if kind.status is not None), *_OTHER_KINDS_BEFORE_WORK)
