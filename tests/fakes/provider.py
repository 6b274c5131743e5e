"""An in-memory provider. It accepts submits, ends their processes by its clock, keeps a list of them, and fails when a
test asks for it.

The contract suite checks that it does what real adapters promise, so that pipeline tests can trust it. Its faults are
in `misbehaviour`. It must not import an adapter.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from darkroom.errors import (
    ProcessUnknown,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
    UnsafeLink,
)
from darkroom.model import Balance, Estimate, FoundProcess, Handle, Plan, ProcessState, Progress, SendMode, Submission
from darkroom.ports import Clock, ImageStream, KeptInputs, ResultLink, StageResult
from tests.fakes.misbehaviour import (
    NO_ANSWER_AFTER,
    NO_ANSWER_BEFORE,
    ON_SUBMIT,
    PIECE_BYTES,
    REFUSALS,
    FakeLink,
    Faults,
    submit_error,
)

NEVER = timedelta(days=365)
PIXELS_ADDED_BY_WRONG_SIZE = 16


@dataclass
class FakeProcess:
    """A process that belongs to one accepted, paid submit. It runs until `ends` and then has the state `state`."""

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
    """Fulfils `ports.Provider`. `submits` holds the accepted, paid submits, and `calls` holds all calls."""

    clock: Clock = field(default=lambda: datetime.now(UTC))
    key: str = field(default="fake-key-1", repr=False)
    base_url: str = "https://127.0.0.1"
    stored_key: str | None = field(default=None, repr=False)  # the key that the next read of the secret returns
    name: str = "topaz"
    deletes_entries: bool = False
    can_cancel: bool = True
    inputs: KeptInputs | None = None
    given: Decimal = Decimal(10_000)
    duration: timedelta = timedelta(seconds=30)
    make_result: Callable[[Plan, bytes], bytes] = field(default=lambda plan, sent: sent)
    faults: Faults = field(default_factory=Faults)
    submits: list[FakeProcess] = field(default_factory=list)
    processes: dict[str, FakeProcess] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)  # pairs of an operation and a process id or handle
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def submit(
        self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult, callback_url: str | None = None
    ) -> Submission:
        """Accept the submit and charge for it, unless a fault prevents it."""
        self.calls.append(("submit", str(handle)))
        sent = image.link().encode() if plan.send_mode.by_link else _read_whole(image)
        fault = self.faults.take("submit", *REFUSALS, *ON_SUBMIT, *NO_ANSWER_BEFORE)
        if fault:
            raise submit_error(fault.kind)
        process = self._accept(plan, f"{handle}{image.filename_suffix}", sent, handle)
        if self.faults.take("submit", *NO_ANSWER_AFTER):
            raise SubmitInDoubt("the submit's answer was lost")
        return Submission(process.process_id, min(process.ends, process.created_at + self.duration))

    def progress(self, process_id: str) -> Progress:
        """Return the process's progress at the time that the clock shows."""
        with self._answering("status", process_id):
            process = self._known(process_id)
            odd = self.faults.take("status", "wrong_size") or process.wrong_size
            added = PIXELS_ADDED_BY_WRONG_SIZE if odd else 0
            state = self._state(process)
            word = "Queued2" if process.unknown_status and state is ProcessState.RUNNING else state.value.title()
            return Progress(
                state,
                process.ends,
                process.credits,
                process.plan.output_width + added,
                process.plan.output_height + added,
                process.plan.output_format,
                word,
            )

    @contextmanager
    def result(self, process_id: str) -> Iterator[ResultLink]:
        """Yield a link to the result's bytes. A fault may strike when the link is opened or read."""
        with self._answering("download", process_id):
            process = self._known(process_id)
            if self._state(process) is not ProcessState.COMPLETED or self.faults.take("download", "not_ready"):
                raise ResultNotReady("the provider does not offer the download yet")
            if self.faults.take("download", "unsafe_link"):
                raise UnsafeLink("the result link is not https")
        link = FakeLink(process.result, self.faults)
        link.open()
        yield link

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...]:
        """Return the processes of the handle's run that the provider's list shows by now."""
        with self._answering("list", str(handle)):
            now = self.clock()
            listed = [p for p in self.processes.values() if p.listed_from <= now and p.created_at >= since]
            ours = [p for p in listed if p.filename.startswith(handle.prefix)]
            return tuple(
                FoundProcess(p.process_id, p.filename, self._state(p), p.ends, p.created_at)
                for p in sorted(ours, key=lambda p: p.created_at)
            )

    def cancel(self, process_id: str) -> bool:
        """End a running process without a charge. Return False if it was not running."""
        with self._answering("cancel", process_id):
            process = self._known(process_id)
            if self._state(process) is not ProcessState.RUNNING:
                return False
            self.finish(process_id, ProcessState.CANCELLED)
            return True

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        """Return the plan's credits and the provider's fixed duration."""
        with self._answering("estimate", plan.model):
            return Estimate(int(self.duration.total_seconds()), plan.credits)

    def forget(self, process_id: str) -> None:
        """Remove a process from the list."""
        with self._answering("delete", process_id):
            self.processes.pop(process_id, None)

    def key_fingerprint(self) -> str:
        """Return twelve hex digits of the key's hash, and twelve of the hash of the base URL."""
        return "".join(hashlib.sha256(f"fake:{one}".encode()).hexdigest()[:12] for one in (self.key, self.base_url))

    def refresh_key(self) -> None:
        """Use the stored key from now on, if there is one."""
        self.key = self.stored_key or self.key

    def check_key(self) -> None:
        """Answer as the vendor's list does."""
        with self._answering("key", ""):
            return

    def balance(self) -> Balance:
        """Return the credits that are left: those given, less those spent and reserved. Completed processes are spent,
        even if they were removed from the list. Running processes are reserved.
        """
        with self._answering("account", ""):
            spent, reserved = Decimal(0), Decimal(0)
            for process in self.submits:
                state = self._state(process)
                reserved += process.plan.price if state is ProcessState.RUNNING else 0
                spent += process.plan.price if state is ProcessState.COMPLETED else 0
            return Balance(self.given - spent - reserved, reserved, self.given - spent)

    def finish(
        self, process_id: str, state: ProcessState = ProcessState.COMPLETED, result: bytes | None = None
    ) -> None:
        """End a process now, because a test wants it."""
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
        """Wrap a call that is not a submit. A fault refuses the call before its effect or loses the answer after it."""
        self.calls.append((operation, about))
        fault = self.faults.take(operation, *REFUSALS, *NO_ANSWER_BEFORE, "moved", "refused")
        if fault:
            raise REFUSALS.get(fault.kind, lambda: ProviderUnavailable("the provider did not answer"))()
        yield
        if self.faults.take(operation, *NO_ANSWER_AFTER):
            raise ProviderUnavailable("the provider did not answer")


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
