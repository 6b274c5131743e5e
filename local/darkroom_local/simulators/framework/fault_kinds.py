"""The kinds of faults that any HTTP service can have, and when each kind strikes.

The simulator of a vendor supports these kinds and adds its own. This module only describes them. Other modules carry
them out.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom_local.simulators.framework.faults import FaultKind, SupportedFaults

RESULT = "result"  # for every vendor, the name of the operation that downloads a finished picture
KINDS_AFTER_WORK = ("error_after", "lost_answer", "garbage")
_OTHER_KINDS_BEFORE_WORK = ("error_before", "reset_before", "moved")  # in addition to every kind that has a status
_A_WHILE = {"seconds": 5.0}


def supported_faults(
    operations: tuple[str, ...], own: Mapping[str, FaultKind], refusing: Mapping[str, FaultKind] | None = None
) -> SupportedFaults:
    """Return the shared kinds together with the vendor's: `own`, and `refusing` for kinds that refuse before any work."""
    kinds = {**refusing_kinds(operations), **(refusing or {}), **answering_kinds(operations)}
    return SupportedFaults({**kinds, **own, **transfer_kinds()})


def delay_kind(meaning: str, operations: tuple[str, ...]) -> FaultKind:
    """Return a fault kind with the option `seconds`, 5 by default. `meaning` says what is delayed by this time."""
    return FaultKind(meaning, operations, _A_WHILE)


def late_fetch_kind(operations: tuple[str, ...]) -> FaultKind:
    """Return the kind that delays the fetch of the input, for a vendor that fetches the input from a URL."""
    return delay_kind("the input is fetched `seconds` late", operations)


def wrong_size_kind(operations: tuple[str, ...]) -> FaultKind:
    """Return the kind that makes a picture of the wrong size, for a vendor that uses `JobWorkers.make_picture`."""
    return FaultKind("the picture is 16 pixels wider and higher than it should be", operations)


def turning_kinds(operations: tuple[str, ...]) -> dict[str, FaultKind]:
    """Return the kinds for a vendor that does not turn the pixels by the EXIF orientation. See `Turning`."""
    return {
        "turn_ignored": FaultKind("the pixels are not turned by the EXIF orientation, and the tag is lost", operations),
        "turn_kept": FaultKind(
            "the pixels are not turned by the EXIF orientation, and the picture keeps the tag", operations
        ),
    }


def refusing_kinds(operations: tuple[str, ...]) -> dict[str, FaultKind]:
    """Return the kinds that strike before any work is done."""
    return {
        "throttle": FaultKind("the answer is 429; nothing is accepted", operations, status=429),
        "error_before": FaultKind("the answer is 5xx; nothing is accepted", operations, {"status": 500}),
        "reset_before": FaultKind("the connection is reset; nothing is accepted", operations),
        "auth": FaultKind("the answer is 401", operations, status=401),
        "forbidden": FaultKind("the answer is 403", operations, status=403),
        "no_funds": FaultKind("the answer is 402", operations, status=402),
        "moved": FaultKind("the answer is 301 to https, as if the request came over plain http", operations),
    }


def answering_kinds(operations: tuple[str, ...]) -> dict[str, FaultKind]:
    """Return the kinds that strike after the work is done."""
    answering = tuple(name for name in operations if name != RESULT)
    return {
        "error_after": FaultKind("the request is carried out, then the answer is 5xx", answering, {"status": 500}),
        "lost_answer": FaultKind("the request is carried out, then the connection closes without an answer", answering),
        "garbage": FaultKind(
            "the request is carried out, then the answer is 200 with a body that is not JSON", answering
        ),
        "delay": FaultKind("the request is carried out and answered `seconds` late", operations, {"seconds": 1.0}),
    }


def transfer_kinds() -> dict[str, FaultKind]:
    """Return the kinds that strike while a finished picture is downloaded."""
    return {
        "cut": FaultKind("half of the bytes are sent, then the connection closes", (RESULT,)),
        "corrupt": FaultKind("the file is text of the same length instead of the picture", (RESULT,)),
        "expired": FaultKind("the answer is 403, as if the link were too old", (RESULT,)),
        "slow": FaultKind("the file is sent at `bytes_per_second`", (RESULT,), {"bytes_per_second": 65_536}),
    }


def kinds_before_work(kinds: Mapping[str, FaultKind]) -> tuple[str, ...]:
    """Return the names of the kinds that strike before any work is done."""
    return (*(name for name, kind in kinds.items() if kind.status is not None), *_OTHER_KINDS_BEFORE_WORK)
