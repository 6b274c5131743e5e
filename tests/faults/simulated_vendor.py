"""Simulates a vendor: the submits that it accepted, their progress by the simulated clock, their charges, and its list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any

from darkroom.errors import ErrorCode, OperatorFault, ProcessUnknown, ResultNotReady, SubmitInDoubt
from darkroom.model import (
    Balance,
    Estimate,
    FoundProcess,
    Handle,
    Plan,
    ProcessState,
    Progress,
    SendMode,
    Submission,
    UnnamedProcess,
)
from darkroom.ports import ImageStream, StageResult
from tests.faults.injected_errors import LOSSES, REFUSALS
from tests.faults.memory_buckets import drawn
from tests.faults.scheduler import Scheduler
from tests.faults.workers import WorkerDied
from tests.faults.world_shapes import Shape

# Seconds after a request until the list shows it, as visibility_grace_seconds in the catalog promises.
LISTED_WITHIN = 60.0
TOP_UP = Decimal(1000)
PIECE = 64


class Fate(StrEnum):
    """How a process ends if Darkroom does not cancel it."""

    COMPLETES = "completes"
    FAILS = "fails"
    IS_CANCELLED = "is cancelled by somebody else"


@dataclass
class Process:
    """Holds an accepted submit. The vendor charges for it when it completes."""

    process_id: str
    handle: Handle
    plan: Plan
    key: str
    accepted_at: float
    listed_at: float
    ends_at: float
    fate: Fate
    charge: Decimal
    cannot_be_cancelled: bool
    says_charge: bool
    expires: bool  # whether it is reported as expired for a day after the retention; otherwise it is unknown then
    image: bytes = b""  # what was sent
    duplicate: bool = False  # whether the vendor made it by processing one request twice
    only_once: bool = False  # whether only the answer to a synchronous call contains the result
    cancelled: bool = False
    forgotten: bool = False
    cleared: bool = False  # whether another user of the account has removed it from the list
    was_unknown: bool = False  # whether a question about it was answered by 404 for a while
    callback_url: str | None = None
    list_lag: float = 0.0  # seconds by which the list lags longer than the vendor promises; only where it calls back

    @property
    def request(self) -> tuple[object, ...]:
        """Return what was asked for. Two processes of one request can take each other's place."""
        return self.image, self.plan.model, sorted(self.plan.parameters.items())

    @property
    def picture(self) -> bytes:
        """Return the result of this process, which differs from the result of every other process."""
        plan = self.plan
        return drawn(plan.output_width, plan.output_height, plan.output_format, self.process_id)


@dataclass
class Vendor:
    """Simulates the vendor's account, with the submits accepted for any of its API keys. `rng` decides what happens to them."""

    scheduler: Scheduler
    shape: Shape
    rng: Random
    on_accept: Callable[[Process], None]
    calls_back: Callable[[Process, str | None], None] = lambda process, url: None
    on_ask: Callable[[Process], None] = lambda process: None
    on_send: Callable[[Handle], None] = lambda handle: None
    processes: dict[str, Process] = field(default_factory=dict)
    # Requests whose worker died while they were on the way.
    in_flight: list[tuple[float, Plan, Handle, str, bytes, str, str | None]] = field(default_factory=list)
    keys: list[str] = field(default_factory=lambda: ["key-1"])  # the API keys; the last one is the newest
    valid: set[str] = field(default_factory=lambda: {"key-1"})
    closed_until: float = -1.0  # until this second the account takes no submit, for example because it has no credits
    troubled: bool = True

    def rotate(self) -> None:
        """Create a new API key. With a probability of one half, the last key stays valid, too."""
        self.keys.append(f"key-{len(self.keys) + 1}")
        self.valid = {*self.keys[-2:]} if self.rng.random() < 0.5 else {self.keys[-1]}

    def accept(
        self,
        plan: Plan,
        handle: Handle,
        key: str,
        image: bytes,
        callback_url: str | None = None,
        *,
        duplicate: bool = False,
    ) -> Process:
        """Start and return a process. The list shows it within a minute after the request ended."""
        rng, now = self.rng, self.scheduler.seconds
        lasts = 30.0 + rng.random() * 300.0
        if rng.random() < self.shape.hung:
            lasts = self.shape.deadline * (0.5 + rng.random())
        fate = rng.choices([*Fate], [0.85, 0.1, 0.05])[0]
        price = plan.price + rng.choices([0, 1, -1], [0.8, 0.1, 0.1])[0]
        made = Process(
            f"p{len(self.processes) + 1}",
            handle,
            plan,
            key,
            accepted_at=now,
            ends_at=now + lasts,
            fate=fate,
            listed_at=now + rng.choice([0.0, rng.random(), 0.99]) * LISTED_WITHIN,
            charge=price,
            cannot_be_cancelled=rng.random() < 0.2,
            says_charge=price != plan.price or rng.random() < 0.7,
            expires=rng.random() < 0.5,
            image=image,
            duplicate=duplicate,
            callback_url=callback_url,
        )
        if plan.send_mode.is_synchronous:  # the vendor charges the planned price, because the answer may be lost
            made.ends_at, made.charge, made.only_once = now + rng.random() * 230.0, plan.price, rng.random() < 0.5
        self.processes[made.process_id] = made
        if not duplicate:
            self.on_accept(made)
        self.calls_back(made, callback_url)
        return made

    def state(self, process: Process) -> ProcessState | None:
        """Return the process's current state, or None if the vendor no longer knows the process."""
        now = self.scheduler.seconds
        if process.forgotten or now >= process.ends_at + self.shape.retention + (24 * 3600 if process.expires else 0):
            return None
        if process.cancelled:
            return ProcessState.CANCELLED
        if now < process.ends_at:
            return ProcessState.RUNNING
        if process.fate is not Fate.COMPLETES:
            return ProcessState.FAILED if process.fate is Fate.FAILS else ProcessState.CANCELLED
        gone = process.only_once or now >= process.ends_at + self.shape.retention
        return ProcessState.EXPIRED if gone else ProcessState.COMPLETED

    def charged(self, process: Process) -> Decimal:
        """Return the credits that the vendor has charged for the process so far."""
        paid = not process.cancelled and process.fate is Fate.COMPLETES and self.scheduler.seconds >= process.ends_at
        return process.charge if paid else Decimal(0)

    def of_run(self, handle: Handle) -> list[Process]:
        """Return all processes that the vendor accepted for the handle's run, with any API key."""
        return [p for p in self.processes.values() if (p.handle.job_id, p.handle.run) == (handle.job_id, handle.run)]

    def stop(self, process: Process) -> bool:
        """Cancel the process if it still runs and can be cancelled. Return whether it is cancelled now."""
        if self.state(process) is ProcessState.RUNNING and not process.cannot_be_cancelled:
            process.cancelled = True
        return process.cancelled


class VendorClient:
    """Fulfils `ports.Provider` for one Lambda container. It calls the vendor with the API key that the container has read."""

    name = "topaz"

    def __init__(self, vendor: Vendor, key: str) -> None:
        self.vendor, self.key, self.scheduler = vendor, key, vendor.scheduler
        self.kept_inputs: Any = KeptImages(self)

    def submit(
        self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult, callback_url: str | None = None
    ) -> Submission:
        vendor, rng = self.vendor, self.scheduler.fault_rng
        vendor.on_send(handle)
        with closing(image.open()) as body:
            sent = body.read()
        self._authorise()
        if vendor.scheduler.seconds < vendor.closed_until:
            raise OperatorFault(ErrorCode.OUT_OF_CREDITS, "402 Payment Required")
        if vendor.troubled and rng.random() < vendor.shape.refusals:
            raise REFUSALS[int(rng.random() * len(REFUSALS))]()
        loses = vendor.troubled and rng.random() < vendor.shape.lost_submits
        if loses and rng.random() < 0.4:
            raise self._lost(rng)  # the request is lost before the vendor accepts it
        try:
            self._travels("provider.request", rng)
        except WorkerDied:
            if rng.random() < 0.7:
                # The request arrives after this fraction of the invocation's remaining time.
                when = rng.choice([0.0, rng.random(), 0.99])
                vendor.in_flight.append(
                    (when, plan, handle, self.key, sent, self.scheduler.running or "", callback_url)
                )
            raise
        made = vendor.accept(plan, handle, self.key, sent, callback_url)
        if loses and rng.random() < 0.05:
            vendor.accept(plan, handle, self.key, sent, callback_url, duplicate=True).listed_at = made.listed_at
        if plan.send_mode.is_synchronous:
            return self._held(made, keep, loses=loses)
        self._travels("provider.answer", rng)
        if loses:
            raise self._lost(rng)
        return Submission(made.process_id, self.scheduler.clock() + timedelta(seconds=30))

    def _held(self, made: Process, keep: StageResult, *, loses: bool) -> Submission:
        """Wait until the process ends, and stage its result with `keep`. Raises SubmitInDoubt or a similar error if the process
        failed, or if its answer is lost.
        """
        rng = self.scheduler.fault_rng
        self.scheduler.sleep(max(made.ends_at - self.scheduler.seconds, 0.0))
        if loses and rng.random() < 0.7:
            raise self._lost(rng)
        if self.vendor.state(made) in (ProcessState.FAILED, ProcessState.CANCELLED):
            raise SubmitInDoubt("HTTP 500: it failed")
        body = made.picture
        try:
            keep(made.process_id, Link(body).stream())
        except Exception:  # like the adapters, leave the job in doubt if its result could not be staged
            raise SubmitInDoubt("the result could not be staged") from None
        if loses:
            raise self._lost(rng)
        return Submission(
            made.process_id, self.scheduler.clock(), made.charge if made.says_charge else None, staged=True
        )

    def _lost(self, rng: Random) -> BaseException:
        return LOSSES[int(rng.random() * len(LOSSES))]()

    def _travels(self, label: str, rng: Random) -> None:
        self.scheduler.point(label)
        if self.vendor.troubled and rng.random() < self.vendor.shape.slow * 3:
            self.scheduler.sleep(rng.random() * 300.0)

    def _authorise(self) -> None:
        """Read the newest API key if this client's key is no longer valid, as the real adapter does."""
        if self.key not in self.vendor.valid:
            self.refresh_key()

    def progress(self, process_id: str) -> Progress:
        self._authorise()
        process, state = self._known(process_id)
        self.vendor.on_ask(process)
        early = self.scheduler.seconds < process.listed_at
        if self.vendor.troubled and early and self.scheduler.fault_rng.random() < 0.3:
            process.was_unknown = True
            raise ProcessUnknown("HTTP 404 for a while")
        done = state in (ProcessState.COMPLETED, ProcessState.EXPIRED)
        plan = process.plan
        return Progress(
            state,
            None if done else self.scheduler.clock() + timedelta(seconds=20),
            process.charge if done and process.says_charge else None,
            plan.output_width,
            plan.output_height,
            plan.output_format,
            state.value,
        )

    @contextmanager
    def result(self, process_id: str) -> Iterator[Link]:
        self._authorise()
        process, state = self._known(process_id)
        if state is not ProcessState.COMPLETED:
            raise ResultNotReady("409")
        body = process.picture
        broken = self.vendor.troubled and self.scheduler.fault_rng.random() < self.vendor.shape.fault_chance * 3
        yield Link(body[:-20] if broken else body)

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...] | None:
        self._authorise()
        vendor = self.vendor
        if vendor.shape.vendor in ("blind", "unnamed"):
            return None
        return tuple(
            FoundProcess(p.process_id, str(p.handle), state, None, None)
            for p in vendor.of_run(handle)
            if p.key == self.key and vendor.scheduler.seconds >= p.listed_at + p.list_lag and (state := vendor.state(p))
        )

    can_cancel = True

    @property
    def deletes_entries(self) -> bool:
        """Whether others than Darkroom delete processes: only where the vendor calls back, see `VendorCallbacks`."""
        return self.vendor.shape.calls_back

    @property
    def inputs(self) -> Any:
        """The images that a vendor keeps whose list names none of them."""
        return self.kept_inputs if self.vendor.shape.vendor == "unnamed" else None

    def cancel(self, process_id: str) -> bool:
        self._authorise()
        process, _ = self._known(process_id)
        return self.vendor.stop(process)

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        return Estimate(30, plan.credits)

    def forget(self, process_id: str) -> None:
        if process_id in self.vendor.processes:
            self.vendor.processes[process_id].forgotten = True

    def key_fingerprint(self) -> str:
        return self.key

    def refresh_key(self) -> None:
        self.key = self.vendor.keys[-1]

    def balance(self) -> Balance | None:
        total = TOP_UP - sum(map(self.vendor.charged, self.vendor.processes.values()), Decimal(0))
        return Balance(total, Decimal(0), total)

    def _known(self, process_id: str) -> tuple[Process, ProcessState]:
        process = self.vendor.processes.get(process_id)
        state = self.vendor.state(process) if process else None
        if process is None or state is None:
            raise ProcessUnknown("HTTP 404")
        return process, state


@dataclass(frozen=True)
class KeptImages:
    """Fulfils `ports.KeptInputs`: a list that names nothing, and the images that were sent."""

    client: VendorClient

    def unnamed(self, since: datetime) -> tuple[UnnamedProcess, ...]:
        self.client._authorise()
        vendor, start = self.client.vendor, self.client.scheduler.start
        return tuple(
            _unnamed(p, state, made_at)
            for p in vendor.processes.values()
            if vendor.scheduler.seconds >= p.listed_at
            and (state := vendor.state(p))
            and (made_at := start + timedelta(seconds=p.accepted_at)) >= since
        )

    @contextmanager
    def open(self, process_id: str) -> Iterator[Link]:
        self.client._authorise()
        process, _ = self.client._known(process_id)
        yield Link(process.image)


def _unnamed(process: Process, state: ProcessState, made_at: datetime) -> UnnamedProcess:
    plan = process.plan
    return UnnamedProcess(
        found=FoundProcess(process.process_id, "", state, None, made_at),
        model=plan.model,
        settings=plan.parameters,
        output_width=plan.output_width,
        output_height=plan.output_height,
        output_format=plan.output_format,
        is_synchronous=False,
    )


@dataclass(frozen=True)
class Link:
    """Fulfils `ports.ResultLink` with bytes in memory."""

    body: bytes
    has_parts: bool = False

    @property
    def size_bytes(self) -> int:
        return len(self.body)

    def read(self, offset: int, length: int) -> bytes:
        return self.body[offset : offset + length]

    def stream(self) -> Iterator[bytes]:
        for at in range(0, len(self.body), PIECE * 8):
            yield self.body[at : at + PIECE * 8]
