"""Sets up a real adapter that talks to its vendor's simulator over real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar, Self

import httpx
from tests.contract.faulty_transports import NO_IDLE, Changing, Impatient
from tests.contract.providers_under_test.base import KEY, ProviderUnderTest
from tests.contract.shared_servers import SIGNATURE, AnySimulator, Site

from darkroom.model import Handle, Plan, ProcessState
from darkroom.ports import ImageStream, Provider
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads

FINISH_SECONDS = 120.0
HOLD_SECONDS = 600.0
# The pauses between polls. The first one is about as long as a job of a small picture takes.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.005, 0.1
# How long an injected delay takes. It is long enough to be noticed, and short enough for a test.
SECONDS = {kind: {"seconds": 0.1} for kind in ("delay", "late_job", "fetch_late", "hold", "callbacks_late")}
OPTIONS: Mapping[str, dict[str, float]] = {
    **SECONDS,
    "eta_early": {"late_seconds": 0.1},
    "slow": {"bytes_per_second": 1_000_000.0},
}


class Keys:
    """Stands in for the store of API keys. An adapter gets the key that was read last. A refresh reads `stored`."""

    def __init__(self, key: str) -> None:
        self.stored = self._read = key
        self.refreshes = 0

    def get(self, provider: str) -> str:
        return self._read

    def refresh(self) -> None:
        self.refreshes += 1
        self._read = self.stored


class SimulatedProvider(ProviderUnderTest):
    """Base class of the providers that run against a simulator."""

    adapter: ClassVar[Callable[[str, http_client.Keys, httpx.Client, Downloads], Provider]]
    simulator_class: ClassVar[type[AnySimulator]]
    settings: ClassVar[Mapping[str, Any]] = {}
    base_path: ClassVar[str]
    endless_fault: ClassVar[tuple[str, str]]  # the fault that keeps a process from ending, and its option
    operations: ClassVar[Mapping[str, str]] = {
        "synchronous": "submit"
    }  # a test's name for an operation → the vendor's name for it
    # The adapter's module, and the constant in it that says how many entries a page of the list has.
    page_limit: ClassVar[tuple[ModuleType, str]]
    answers_before_second_page: ClassVar[int] = 1  # how many answers come before the second page
    inline_fault: ClassVar[str] = ""  # the fault that makes a synchronous call answer with base64
    # The simulator's models: the path of each, and the vendor's name for it.
    published: ClassVar[frozenset[tuple[str, str]]]
    # (model, parameter) → why the vendor accepts values that the catalog refuses
    accepted_beyond: ClassVar[Mapping[tuple[str, str], str]] = {}
    shapes: ClassVar[
        Mapping[str, tuple[int, int]]
    ] = {}  # parameter → the size of a picture for which the parameter may have its extreme values
    download_faults = (
        "cut",
        "expired",
        "reset_before",
        "error_before",
        "moved",
        "throttle",
        "auth",
        "forbidden",
        "no_funds",
    )

    def __init__(self, site: Site, **settings: Any) -> None:
        super().__init__(site)
        set_up = {"api_key": KEY, "speed": 1000, **self.settings, **settings}
        self.simulator = site.running(type(self).simulator_class, set_up)
        self.keys = Keys(KEY)
        self.secrets = (KEY, "signature=", "/results/", "://", SIGNATURE)
        self.provider = self.at(self.simulator.base_url)
        self.consumed_before = self.simulator.account.consumed_credits
        self._others: list[SimulatedProvider] = []
        self._deaf = socket.socket()

    def at(self, base_url: str, client: httpx.Client | None = None, local: bool = True) -> Provider:
        """Return an adapter that calls the vendor at `base_url`."""
        client = client or self.site.client
        links = Downloads(client, local=local, sleep=lambda seconds: None)  # retries do not wait
        return type(self).adapter(base_url, self.keys, client, links)

    def set_up(self, **settings: Any) -> Self:
        """Return the same provider with another simulator, which has these settings."""
        other = type(self)(self.site, **settings)
        other.side = self.side
        self._others.append(other)
        return other

    def close(self) -> None:
        for other in self._others:
            other.close()
        self._deaf.close()
        self.clear_faults()

    def clear_faults(self) -> None:
        """Remove the faults and the journal from the simulator, and record which faults the test met."""
        self.count_faults_met()
        self.simulator.faults.clear()
        self.simulator.journal.clear()

    def count_faults_met(self) -> None:
        """Record that a test met the faults that have happened so far."""
        met = {kind for request in self.simulator.requests for kind in request["faults"]}
        self.site.faults_met[self.name] |= met

    def add_fault(self, kind: str, *, on: str = "submit", times: int | None = 1, **options: float) -> None:
        operation = self.reads[on][1] if on in self.reads else self.operations.get(on, on)
        self.simulator.faults.add(kind, times, operation, **(options or OPTIONS.get(kind, {})))

    @staticmethod
    def duration_option(kind: str, seconds: float) -> dict[str, float]:
        """Return the option that lets a fault of this kind last for `seconds`."""
        (option,) = OPTIONS[kind]
        return {option: seconds}

    def await_fault(self, kind: str) -> None:
        """Wait until the fault has happened. Some faults happen only after the vendor has done the work."""
        deadline = time.monotonic() + FINISH_SECONDS
        while not any(kind in request["faults"] for request in self.requests()):
            assert time.monotonic() < deadline, f"the fault {kind} did not happen in time"
            time.sleep(0.005)

    def keep_next_running(self) -> None:
        kind, option = self.endless_fault
        self.add_fault(kind, **{option: HOLD_SECONDS})

    def await_end(self, process_id: str) -> None:
        deadline = time.monotonic() + FINISH_SECONDS
        pause = FIRST_PAUSE_SECONDS
        time.sleep(pause)
        while self.provider.progress(process_id).state is ProcessState.RUNNING:
            assert time.monotonic() < deadline, "the simulator did not finish the job in time"
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            time.sleep(pause)

    def paid(self) -> int:
        return len(self.simulator.submits)

    def requests(self, *operations: str) -> list[dict[str, Any]]:
        """Return the requests that arrived. If `operations` are given, return only theirs."""
        return [entry for entry in self.simulator.requests if not operations or entry["operation"] in operations]

    def rotate_key(self, key: str = "another-key") -> None:
        self.keys.stored = key

    def moved(self, host: str) -> Provider:
        return self.at(f"https://{host}{self.base_path}")

    def unreachable(self) -> Provider:
        self._deaf.bind(("127.0.0.1", 0))  # nobody else can get this port, and nobody listens there
        return self.at(f"http://127.0.0.1:{self._deaf.getsockname()[1]}{self.base_path}")

    def strict(self) -> Provider:
        return self.at(self.simulator.base_url, local=False)

    def impatient(self) -> Provider:
        """Return an adapter with a very short timeout. A submit through it needs the fault "delay"."""
        return self._through(Impatient(lambda: self.await_fault("delay"), verify=False, limits=NO_IDLE))

    def changing(self, endings: tuple[str, ...], change: Callable[[Any], Any]) -> Provider:
        """Return an adapter that receives changed answers from paths that end with one of `endings`."""
        return self._through(Changing(endings, change, verify=False, limits=NO_IDLE))

    def _through(self, transport: httpx.HTTPTransport) -> Provider:
        return self.at(self.simulator.base_url, http_client.new_client(transport=transport))

    def link(self, content: bytes, handle: Handle) -> str:
        self.links_created.append(self.site.publish_input(content, handle))
        return self.links_created[-1]

    def fetched(self) -> list[str]:
        """Return the URLs of the test's inputs that the simulator fetched."""
        return [self.site.picture_server.url(path) for path, _ in self.site.input_requests(self.job_id)]

    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        name, value = what.split("=")
        plan = self.plan()
        return replace(plan, parameters={**plan.parameters, name: value}), self.image()
