"""A simple in-memory provider. It accepts submits, lists them, and fails when a test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from darkroom.errors import DarkroomError, ProcessUnknown, ResultNotReady, SubmitInDoubt
from darkroom.model import (
    Balance,
    Estimate,
    FoundProcess,
    Handle,
    ImageFormat,
    Plan,
    ProcessState,
    Progress,
    SendMode,
    Submission,
)
from darkroom.ports import ImageStream, KeptInputs, StageResult
from darkroom.providers import http_client

PIECE_BYTES = 64 * 1024


@dataclass
class Process:
    """A process that belongs to one accepted submit. It is paid unless it is cancelled or fails."""

    process_id: str
    handle: Handle
    progress: Progress
    created_at: datetime
    result: bytes
    sent: bytes


@dataclass
class FakeLink:
    """A download of `body`. It breaks after `cut_after` bytes if that is given."""

    body: bytes
    cut_after: int | None = None
    has_parts: bool = False

    @property
    def size_bytes(self) -> int:
        return len(self.body)

    def read(self, offset: int, length: int) -> bytes:
        return self.body[offset : offset + length]

    def stream(self) -> Iterator[bytes]:
        end = len(self.body) if self.cut_after is None else self.cut_after
        for at in range(0, end, PIECE_BYTES):
            yield self.body[at : min(at + PIECE_BYTES, end)]
        if end < len(self.body):
            raise ResultNotReady("the download was cut")


@dataclass
class SimpleProvider:
    """Fulfils `ports.Provider`. The next submits raise the errors in `refusals` before they are accepted, and those in
    `losses` after they are accepted.
    """

    clock: Callable[[], datetime]
    draw: Callable[[Plan], bytes]
    name: str = "topaz"
    deletes_entries: bool = False
    can_cancel: bool = True
    inputs: KeptInputs | None = None
    key: str = "a-key"
    base_url: str = "https://api.example.test"
    next_key: str | None = None  # the key that the next read of the secret returns
    account: Balance | None = None
    estimated: Decimal | None = None  # the credits that it estimates, instead of the plan's
    estimates: list[tuple[str, int, int]] = field(default_factory=list)  # model, width and height of each estimate
    lists: bool = True
    eta_after: timedelta = timedelta(seconds=30)
    listed_after: timedelta = timedelta(0)
    list_reach: timedelta = timedelta.max  # the list has no older processes
    refusals: list[DarkroomError] = field(default_factory=list)
    losses: list[BaseException] = field(default_factory=list)
    # The errors that calls other than submit raise next, by the name of the call.
    faults: dict[str, list[DarkroomError]] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)  # the number of bytes after which each of the next downloads breaks
    cancels: bool = True
    keeps: bool = True  # whether the answer of a synchronous call arrives and is staged
    ends_as: ProcessState = ProcessState.EXPIRED  # the state that a synchronous call has once it has ended
    charges: Decimal | None = None  # the cost in the answer of a synchronous call
    processes: dict[str, Process] = field(default_factory=dict)

    def submit(
        self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult, callback_url: str | None = None
    ) -> Submission:
        if self.refusals:
            raise self.refusals.pop(0)
        sent = image.link().encode() if plan.send_mode.by_link else _read(image)
        eta = self.clock() + self.eta_after
        process_id = f"process-{len(self.processes) + 1}"
        progress = Progress(
            ProcessState.RUNNING,
            eta,
            plan.credits,
            plan.output_width,
            plan.output_height,
            plan.output_format,
            "Pending",
        )
        made = Process(process_id, handle, progress, self.clock(), self.draw(plan), sent)
        self.processes[process_id] = made
        if plan.send_mode.is_synchronous:
            return self._answer_at_once(made, keep)
        if self.losses:
            raise self.losses.pop(0)
        return Submission(process_id, eta)

    def _answer_at_once(self, made: Process, keep: StageResult) -> Submission:
        """Answer a synchronous call. It is charged when it ends, and only the answer contains the result."""
        self.become(self.ends_as, made.process_id)
        if self.keeps:
            try:
                keep(made.process_id, FakeLink(made.result, self.cuts.pop(0) if self.cuts else None).stream())
            except ResultNotReady:
                raise SubmitInDoubt("the result broke off") from None
        if self.losses:
            raise self.losses.pop(0)
        return Submission(made.process_id, self.clock(), self.charges, staged=self.keeps)

    def progress(self, process_id: str) -> Progress:
        self._fault("progress")
        return self._known(process_id).progress

    @contextmanager
    def result(self, process_id: str) -> Iterator[FakeLink]:
        self._fault("result")
        known = self._known(process_id)
        if known.progress.state is not ProcessState.COMPLETED:
            raise ResultNotReady("the provider gives no such result")
        yield FakeLink(known.result, self.cuts.pop(0) if self.cuts else None)

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        self._fault("find")
        if not self.lists:
            return None
        shown = [
            p
            for p in self.processes.values()
            if since <= p.created_at <= self.clock() - self.listed_after
            and self.clock() - p.created_at <= self.list_reach
        ]
        return tuple(
            FoundProcess(
                p.process_id, str(p.handle), p.progress.state, p.progress.eta, p.created_at, p.progress.credits
            )
            for p in shown
            if str(p.handle).startswith(handle.prefix)
        )

    def cancel(self, process_id: str) -> bool:
        self._fault("cancel")
        known = self._known(process_id)
        if self.cancels and known.progress.state is ProcessState.RUNNING:
            self.become(ProcessState.CANCELLED, process_id)
            return True
        return False

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        self.estimates.append((plan.model, width, height))
        self._fault("estimate")
        return Estimate(30, plan.credits if self.estimated is None else self.estimated)

    def forget(self, process_id: str) -> None:
        self.processes.pop(process_id, None)

    def key_fingerprint(self) -> str:
        return http_client.fingerprint(self.key, self.base_url)

    def refresh_key(self) -> None:
        self.key = self.next_key or self.key

    def check_key(self) -> None:
        self._fault("check_key")

    def balance(self) -> Balance | None:
        self._fault("balance")
        return self.account

    def become(self, state: ProcessState, process_id: str | None = None, credits: Decimal | None = None) -> None:
        """Set the state of one process, or of all processes if no id is given."""
        for known in self.processes.values():
            if process_id in (None, known.process_id):
                known.progress = replace(known.progress, state=state, vendor_word=state.value)
                if credits is not None:
                    known.progress = replace(known.progress, credits=credits)

    @property
    def charged(self) -> int:
        """Return the number of paid submits."""
        free = (ProcessState.CANCELLED, ProcessState.FAILED)
        return sum(p.progress.state not in free for p in self.processes.values())

    def format_of(self, process_id: str) -> ImageFormat | None:
        return self.processes[process_id].progress.output_format

    def _known(self, process_id: str) -> Process:
        if process_id not in self.processes:
            raise ProcessUnknown("HTTP 404")
        return self.processes[process_id]

    def _fault(self, call: str) -> None:
        if self.faults.get(call):
            raise self.faults[call].pop(0)


def _read(image: ImageStream) -> bytes:
    with closing(image.open()) as body:
        return body.read()
