"""The implementations that the contract suite runs against, each on a stage that can make it misbehave.

A stage is what a test may know of one: how to provoke a fault, end a process, and count what was paid for.
"""

from __future__ import annotations

import io
import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import httpx
import pytest
from PIL import Image
from tests.fakes.provider import FakeProvider

from darkroom import planning, settings
from darkroom.model import Handle, ImageFacts, ImageFormat, Limits, Plan, ProcessState, Submission
from darkroom.ports import ImageStream, Provider
from darkroom.providers import http
from darkroom.providers.results import Downloads
from darkroom.providers.topaz import Topaz
from darkroom_local.simulators.topaz import TopazSimulator

KEY = "contract-key-0123456789"
SIDE_PIXELS = 256
REQUEST_LIMIT_BYTES = 1_000_000
FINISH_SECONDS = 10.0
JOB_ID = "0123456789abcdef0123456789abcdef"


def noise() -> bytes:
    """A PNG that does not compress, so that its result is longer than the first read of a link."""
    pixels = random.Random(7).randbytes(SIDE_PIXELS * SIDE_PIXELS * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (SIDE_PIXELS, SIDE_PIXELS), pixels).save(buffer, "PNG")
    return buffer.getvalue()


def image_of(content: bytes) -> ImageStream:
    """What an adapter is given to send."""
    return ImageStream(lambda: io.BytesIO(content), len(content), "image/png", ".png")


def make_plan(**tags: str) -> Plan:
    """A plan for the noise picture."""
    resolved = settings.resolve([settings.tag_layer(tags)], default_provider="topaz", allowed_providers=["topaz"])
    facts = ImageFacts(ImageFormat.PNG, SIDE_PIXELS, SIDE_PIXELS)
    return planning.plan(resolved, facts, 200_000, Limits({}, Decimal(0), {}, {}))


def handle(attempt: int = 1, run: int = 1, job_id: str = JOB_ID) -> Handle:
    """A handle of the suite's job."""
    return Handle(job_id, run, attempt)


class Keys:
    """The keys an adapter reads; `stored` is what a refresh finds."""

    def __init__(self, key: str) -> None:
        self.stored = self._read = key
        self.refreshes = 0

    def get(self, provider: str) -> str:
        return self._read

    def refresh(self) -> None:
        self.refreshes += 1
        self._read = self.stored


class Stage(Protocol):
    """One implementation and the handles to provoke it."""

    provider: Provider
    secrets: tuple[str, ...]  # what no error may carry

    def fault(self, kind: str, *, on: str = "submit", times: int | None = 1) -> None: ...
    def finish(self, process_id: str) -> None: ...
    def paid(self) -> int: ...
    def rotate_key(self, key: str = "another-key") -> None: ...
    def unreachable(self) -> Provider: ...
    def refused_with(self, status: int) -> tuple[Plan, ImageStream]: ...


def submit(stage: Stage, attempt: int = 1, run: int = 1, held: bool = False) -> Submission:
    """One accepted submit; a held one does not end by itself."""
    if held:
        stage.fault("hold")
    return stage.provider.submit(make_plan(), image_of(noise()), handle(attempt, run))


def finished(stage: Stage) -> str:
    """The process id of a job whose result is there."""
    process_id = submit(stage).process_id
    stage.finish(process_id)
    return process_id


@dataclass
class FakeStage:
    """The in-memory provider, whose clock the test moves."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    secrets: tuple[str, ...] = (KEY,)
    provider: FakeProvider = field(init=False)

    def __post_init__(self) -> None:
        self.provider = FakeProvider(clock=lambda: self.now, key=KEY)

    def fault(self, kind: str, *, on: str = "submit", times: int | None = 1) -> None:
        self.provider.faults.add(kind, on=on, times=times)

    def finish(self, process_id: str) -> None:
        self.now += timedelta(minutes=1)

    def paid(self) -> int:
        return len(self.provider.submits)

    def rotate_key(self, key: str = "another-key") -> None:
        self.provider.stored_key = key

    def unreachable(self) -> Provider:
        self.fault("refused", times=None)
        for on in ("status", "list", "download", "cancel", "account"):
            self.fault("refused", on=on, times=None)
        return self.provider

    def refused_with(self, status: int) -> tuple[Plan, ImageStream]:
        self.fault("rejected")
        return make_plan(), image_of(noise())


@dataclass
class TopazStage:
    """The real adapter, over real sockets, to the simulator."""

    simulator: TopazSimulator
    client: httpx.Client
    keys: Keys = field(default_factory=lambda: Keys(KEY))
    secrets: tuple[str, ...] = (KEY, "signature=", "/results/", "://")
    provider: Topaz = field(init=False)

    def __post_init__(self) -> None:
        self.provider = self._at(self.simulator.base_url)

    def _at(self, base_url: str) -> Topaz:
        return Topaz(base_url, self.keys, self.client, Downloads(self.client, local=True))

    def fault(self, kind: str, *, on: str = "submit", times: int | None = 1) -> None:
        options: dict[str, Any] = {}
        if kind == "hold":
            kind, options = "eta_early", {"late_seconds": 60.0}
        if kind == "slow":
            options = {"bytes_per_second": 1_000_000.0}
        self.simulator.faults.add(kind, times, on, **options)

    def finish(self, process_id: str) -> None:
        deadline = time.monotonic() + FINISH_SECONDS
        while self.provider.progress(process_id).state is ProcessState.RUNNING:
            assert time.monotonic() < deadline, "the simulator did not finish the job"
            time.sleep(0.01)

    def paid(self) -> int:
        return len(self.simulator.submits)

    def rotate_key(self, key: str = "another-key") -> None:
        self.keys.stored = key

    def unreachable(self) -> Provider:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return self._at(f"http://127.0.0.1:{port}/image/v1")

    def refused_with(self, status: int) -> tuple[Plan, ImageStream]:
        plan = make_plan()
        no_width = noise()[:16] + bytes(4) + noise()[20:]  # the width in IHDR
        return {
            400: (replace(plan, parameters={**plan.parameters, "output_width": "0"}), image_of(noise())),
            413: (plan, image_of(bytes(REQUEST_LIMIT_BYTES))),
            415: (plan, image_of(b"no picture at all")),
            422: (plan, image_of(no_width)),
        }[status]


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[TopazSimulator]:
    with TopazSimulator(KEY, speed=1000, request_limit_bytes=REQUEST_LIMIT_BYTES) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """The runtime's own client; one for all, since loading certificates takes longer than a test."""
    with http.new_client() as made:
        yield made


@pytest.fixture
def simulator(running_simulator: TopazSimulator, client: httpx.Client) -> Iterator[TopazSimulator]:
    """The simulator without faults, jobs or journal of earlier tests."""
    yield running_simulator
    running_simulator.faults.clear()
    client.delete(f"{running_simulator.base_url}/status", headers={"X-API-Key": KEY}).raise_for_status()
    running_simulator.journal.clear()


@pytest.fixture
def topaz(simulator: TopazSimulator, client: httpx.Client) -> TopazStage:
    """The real adapter's stage."""
    return TopazStage(simulator, client)


@pytest.fixture(params=["fake", "topaz"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Every implementation in turn."""
    found: Stage = FakeStage() if request.param == "fake" else request.getfixturevalue("topaz")
    return found
