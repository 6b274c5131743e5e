"""The faults that a test can inject into the fake provider, and the provider's downloads, which can also meet these faults.

The kinds of fault are named as in the simulators. A rule strikes one operation a number of times and then expires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderRejected,
    ResultNotReady,
    SubmitInDoubt,
    Throttled,
)

PIECE_BYTES = 256 * 1024

# The error that any call can raise before it has an effect, by the kind of the injected fault.
REFUSALS: Mapping[str, Callable[[], DarkroomError]] = {
    "throttle": lambda: Throttled("HTTP 429: busy"),
    "auth": lambda: OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: unknown key"),
    "forbidden": lambda: OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 403: not allowed"),
    "no_funds": lambda: OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: no credits"),
    "no_subscription": lambda: OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 412: no subscription"),
    "topping_up": lambda: OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 425: topping up"),
}
NO_ANSWER_BEFORE = ("error_before", "reset_before")
NO_ANSWER_AFTER = ("error_after", "lost_answer", "garbage")
ON_SUBMIT = ("refused", "rejected", "moved")
OF_A_JOB = ("failed_job", "cancelled_job", "hold", "list_lag", "unknown_status", "wrong_size")
OF_A_RESULT = ("cut", "corrupt", "expired", "slow", "unsafe_link", "not_ready")
KINDS = frozenset({*REFUSALS, *NO_ANSWER_BEFORE, *NO_ANSWER_AFTER, *ON_SUBMIT, *OF_A_JOB, *OF_A_RESULT})


@dataclass
class Fault:
    """A rule: the next `times` calls of the operation `on` meet this fault. If `times` is None, every call meets it."""

    kind: str
    on: str
    times: int | None = 1
    seconds: float = 5.0


@dataclass
class Faults:
    """Holds the rules in force, oldest first."""

    rules: list[Fault] = field(default_factory=list)

    def add(self, kind: str, *, on: str = "submit", times: int | None = 1, seconds: float = 5.0) -> None:
        """Add a rule, which is in force at once.

        `on` is one of these operations: submit, status, list, download, result, estimate, cancel, delete, account.
        """
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; choose one of {', '.join(sorted(KINDS))}")
        self.rules.append(Fault(kind, on, times, seconds))

    def take(self, on: str, *kinds: str) -> Fault | None:
        """Return the oldest rule for the operation `on` that has one of these kinds, or None. This uses up one of the
        `times` of the rule."""
        for fault in self.rules:
            if fault.on == on and fault.kind in kinds:
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times < 1:
                        self.rules.remove(fault)
                return fault
        return None


def submit_error(kind: str) -> DarkroomError:
    """Return the error that submit raises when it meets a fault of this kind."""
    if kind in REFUSALS:
        return REFUSALS[kind]()
    if kind == "refused":
        return NothingSent("no connection to the provider")
    if kind in ("rejected", "moved"):
        return ProviderRejected("the provider refused the image or its settings")
    return SubmitInDoubt("the submit's answer was lost")


@dataclass
class FakeLink:
    """Fulfils `ports.ResultLink`. Opening and reading it may meet a fault of the operation `result`."""

    content: bytes = field(repr=False)
    faults: Faults = field(repr=False)
    size_bytes: int = field(init=False)

    def open(self) -> None:
        """Make the first request to the link, which may meet a fault."""
        self._meet()
        self.size_bytes = len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes of the result from `offset` on."""
        return self._meet()[offset : offset + length]

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in pieces. A link that is cut yields only half of them and then raises ResultNotReady."""
        cut = self.faults.take("result", "cut")
        content = self._meet()
        whole = len(content) // 2 if cut else len(content)
        for start in range(0, whole, PIECE_BYTES):
            yield content[start : min(start + PIECE_BYTES, whole)]
        if cut:
            raise ResultNotReady("the download was cut")

    def _meet(self) -> bytes:
        fault = self.faults.take("result", *OF_A_RESULT, *NO_ANSWER_BEFORE)
        if fault and fault.kind not in ("corrupt", "slow"):
            raise ResultNotReady(f"the result's host did not answer ({fault.kind})")
        return bytes(len(self.content)) if fault and fault.kind == "corrupt" else self.content
