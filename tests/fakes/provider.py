"""An in-memory provider: it accepts submits, lets them end by its clock, keeps a list, and fails on request.

The contract suite holds it to what the real adapters promise, so that pipeline tests may trust it. Fault kinds bear the
simulators' names. It must not import an adapter.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
    Throttled,
    UnsafeLink,
)
from darkroom.model import Balance, Estimate, FoundProcess, Handle, Plan, ProcessState, Progress, Submission
from darkroom.ports import Clock, ImageStream, ResultLink

PIECE_BYTES = 256 * 1024
NEVER = timedelta(days=365)
PIXELS_ADDED_BY_WRONG_SIZE = 16

# What a call answers before anything happened, whichever call it is.
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
    """One rule: strikes `on` an operation `times` times, None = always."""

    kind: str
    on: str
    times: int | None = 1
    seconds: float = 5.0


@dataclass
class Faults:
    """The rules in force, oldest first."""

    rules: list[Fault] = field(default_factory=list)

    def add(self, kind: str, *, on: str = "submit", times: int | None = 1, seconds: float = 5.0) -> None:
        """Puts a rule in force. Operations: submit, status, list, download, result, estimate, cancel, delete."""
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        self.rules.append(Fault(kind, on, times, seconds))

    def take(self, on: str, *kinds: str) -> Fault | None:
        """Uses up one time of the oldest rule of these kinds."""
        for fault in self.rules:
            if fault.on == on and fault.kind in kinds:
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times < 1:
                        self.rules.remove(fault)
                return fault
        return None


@dataclass
class FakeProcess:
    """One accepted, paid submit. `state` is what it ends as; until `ends` it runs."""

    process_id: str
    handle: Handle
    filename: str
    plan: Plan
    sent: bytes
    result: bytes
    created_at: datetime
    ends: datetime
    listed_from: datetime
    state: ProcessState = ProcessState.COMPLETED
    unknown_status: bool = False
    wrong_size: bool = False
    credits: Decimal | None = None


@dataclass
class FakeProvider:
    """Fulfils `ports.Provider`. `submits` are the accepted ones: what was paid for; `calls` is everything asked."""

    clock: Clock = field(default=lambda: datetime.now(UTC))
    key: str = field(default="fake-key-1", repr=False)
    name: str = "topaz"
    given: Decimal = Decimal(10_000)
    duration: timedelta = timedelta(seconds=30)
    make_result: Callable[[Plan, bytes], bytes] = field(default=lambda plan, sent: sent)
    faults: Faults = field(default_factory=Faults)
    submits: list[FakeProcess] = field(default_factory=list)
    processes: dict[str, FakeProcess] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)  # operation, process id or handle
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def submit(self, plan: Plan, image: ImageStream, handle: Handle) -> Submission:
        """Accepts, and charges, unless a fault says otherwise."""
        self.calls.append(("submit", str(handle)))
        sent = _read_whole(image)
        fault = self.faults.take("submit", *REFUSALS, *ON_SUBMIT, *NO_ANSWER_BEFORE)
        if fault:
            raise _submit_error(fault.kind)
        process = self._accept(plan, f"{handle}{image.filename_suffix}", sent, handle)
        if self.faults.take("submit", *NO_ANSWER_AFTER):
            raise SubmitInDoubt("the submit's answer was lost")
        return Submission(process.process_id, min(process.ends, process.created_at + self.duration))

    def progress(self, process_id: str) -> Progress:
        """The state by the clock."""
        with self._answering("status", process_id):
            process = self._known(process_id)
            odd = self.faults.take("status", "wrong_size") or process.wrong_size
            added = PIXELS_ADDED_BY_WRONG_SIZE if odd else 0
            state = self._state(process)
            word = "Queued2" if process.unknown_status and state is ProcessState.RUNNING else state.value.title()
            return Progress(
                state, process.ends, process.credits, process.plan.output_width + added,
                process.plan.output_height + added, process.plan.output_format, word,
            )  # fmt: skip

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """A link to the result's bytes, which fails as told when it is opened or read."""
        with self._answering("download", process_id):
            process = self._known(process_id)
            if self._state(process) is not ProcessState.COMPLETED or self.faults.take("download", "not_ready"):
                raise ResultNotReady("the provider does not offer the download yet")
            if self.faults.take("download", "unsafe_link"):
                raise UnsafeLink("the result link is not https")
        link = FakeLink(process.result, self.faults)
        link.open()
        yield link

    def find(self, handle: Handle) -> tuple[FoundProcess, ...]:
        """The run's processes that the list shows by now."""
        with self._answering("list", str(handle)):
            now = self.clock()
            ours = [p for p in self.processes.values() if p.filename.startswith(handle.prefix) and p.listed_from <= now]
            return tuple(
                FoundProcess(p.process_id, p.filename, self._state(p), p.ends, p.created_at)
                for p in sorted(ours, key=lambda p: p.created_at)
            )

    def cancel(self, process_id: str) -> bool:
        """Ends a running process uncharged."""
        with self._answering("cancel", process_id):
            process = self._known(process_id)
            if self._state(process) is not ProcessState.RUNNING:
                return False
            self.finish(process_id, ProcessState.CANCELLED)
            return True

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """What the plan says."""
        with self._answering("estimate", plan.model):
            return Estimate(int(self.duration.total_seconds()), plan.credits)

    def forget(self, process_id: str) -> None:
        """Removes a process from the list."""
        with self._answering("delete", process_id):
            self.processes.pop(process_id, None)

    def key_fingerprint(self) -> str:
        """Twelve hex digits of the key."""
        return hashlib.sha256(f"fake:{self.key}".encode()).hexdigest()[:12]

    def refresh_key(self) -> None:
        """The key is always fresh."""

    def balance(self) -> Balance:
        """What was given minus what finished processes cost; running ones are reserved."""
        with self._answering("account", ""):
            spent, reserved = Decimal(0), Decimal(0)
            for process in self.processes.values():
                state = self._state(process)
                reserved += process.plan.price if state is ProcessState.RUNNING else 0
                spent += process.plan.price if state is ProcessState.COMPLETED else 0
            return Balance(self.given - spent - reserved, reserved, self.given - spent)

    def finish(
        self, process_id: str, state: ProcessState = ProcessState.COMPLETED, result: bytes | None = None
    ) -> None:
        """For tests: ends a process now."""
        process = self.processes[process_id]
        process.ends, process.state = self.clock(), state
        process.result = process.result if result is None else result

    def _accept(self, plan: Plan, filename: str, sent: bytes, handle: Handle) -> FakeProcess:
        take, now = self.faults.take, self.clock()
        lag = take("submit", "list_lag")
        ending = take("submit", "failed_job", "cancelled_job")
        states = {"failed_job": ProcessState.FAILED, "cancelled_job": ProcessState.CANCELLED}
        process = FakeProcess(
            process_id=f"process-{next(self._numbers)}",
            handle=handle,
            filename=filename,
            plan=plan,
            sent=sent,
            result=self.make_result(plan, sent),
            created_at=now,
            ends=now + (NEVER if take("submit", "hold") else self.duration),
            listed_from=now + timedelta(seconds=lag.seconds if lag else 0),
            state=states[ending.kind] if ending else ProcessState.COMPLETED,
            unknown_status=take("submit", "unknown_status") is not None,
            wrong_size=take("submit", "wrong_size") is not None,
            credits=plan.credits,
        )
        self.submits.append(process)
        self.processes[process.process_id] = process
        return process

    def _state(self, process: FakeProcess) -> ProcessState:
        return process.state if self.clock() >= process.ends else ProcessState.RUNNING

    def _known(self, process_id: str) -> FakeProcess:
        if process_id not in self.processes:
            raise ProcessUnknown("HTTP 404: no such process")
        return self.processes[process_id]

    @contextmanager
    def _answering(self, operation: str, about: str) -> Iterator[None]:
        """A call that is not a submit: refused before, or carried out and its answer lost."""
        self.calls.append((operation, about))
        fault = self.faults.take(operation, *REFUSALS, *NO_ANSWER_BEFORE, "moved", "refused")
        if fault:
            raise REFUSALS.get(fault.kind, lambda: ProviderUnavailable("the provider did not answer"))()
        yield
        if self.faults.take(operation, *NO_ANSWER_AFTER):
            raise ProviderUnavailable("the provider did not answer")


@dataclass
class FakeLink:
    """Fulfils `ports.ResultLink`; every opening and reading may meet a fault on `result`."""

    content: bytes = field(repr=False)
    faults: Faults = field(repr=False)
    size_bytes: int = field(init=False)

    def open(self) -> None:
        """What the first request to the link meets."""
        self._meet()
        self.size_bytes = len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read."""
        return self._meet()[offset : offset + length]

    def stream(self) -> Iterator[bytes]:
        """All bytes in pieces; a cut one gives half of them first."""
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


def _read_whole(image: ImageStream) -> bytes:
    stream = image.open()  # raises SourceGone
    try:
        sent = b"".join(iter(lambda: stream.read(PIECE_BYTES), b""))
    except OSError:
        raise SubmitInDoubt("the submit broke off") from None
    finally:
        stream.close()
    if len(sent) != image.size_bytes:
        raise SubmitInDoubt("the submit broke off")
    return sent


def _submit_error(kind: str) -> DarkroomError:
    if kind in REFUSALS:
        return REFUSALS[kind]()
    if kind == "refused":
        return NothingSent("no connection to the provider")
    if kind in ("rejected", "moved"):
        return ProviderRejected("the provider refused the image or its settings")
    return SubmitInDoubt("the submit's answer was lost")
