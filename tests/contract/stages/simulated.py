"""A real adapter, over real sockets, to its vendor's simulator."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar, Self

import httpx
from tests.contract.faulty_transports import NO_IDLE, Changing, Impatient
from tests.contract.shared_servers import SIGNATURE, AnySimulator, Site
from tests.contract.stages.base import KEY, Stage

from darkroom.model import Handle, Plan, ProcessState
from darkroom.ports import ImageStream, Provider
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads

FINISH_SECONDS = 10.0
HOLD_SECONDS = 60.0
# For what takes its time on purpose: long enough to be seen, short enough for a test.
SECONDS = {kind: {"seconds": 0.1} for kind in ("delay", "late_job", "fetch_late", "hold")}
OPTIONS: Mapping[str, dict[str, float]] = {
    **SECONDS,
    "eta_early": {"late_seconds": 0.1},
    "slow": {"bytes_per_second": 1_000_000.0},
}


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


class SimulatedStage(Stage):
    """What the stages of all vendors have in common."""

    adapter: ClassVar[Callable[[str, http_client.Keys, httpx.Client, Downloads], Provider]]
    simulator_class: ClassVar[type[AnySimulator]]
    settings: ClassVar[Mapping[str, Any]] = {}
    base_path: ClassVar[str]
    holding: ClassVar[tuple[str, str]]  # the fault that keeps a process from ending, and its option
    operations: ClassVar[Mapping[str, str]] = {
        "held": "submit"
    }  # where a test's word for an operation is not the vendor's
    page_limit: ClassVar[tuple[ModuleType, str]]  # where the adapter says how much of the list it asks for at once
    first_pages: ClassVar[int] = 1  # answers before the second page
    embeds: ClassVar[str] = ""  # the fault that makes a held call answer with base64
    published: ClassVar[frozenset[tuple[str, str]]]  # the models of the simulator: path, the vendor's name
    # What the vendor does not refuse though the catalog does: (model, parameter) → why.
    taken_beyond: ClassVar[Mapping[tuple[str, str], str]] = {}
    shapes: ClassVar[Mapping[str, tuple[int, int]]] = {}  # parameter → a picture at which its bounds can be reached
    broken = ("cut", "expired", "reset_before", "error_before", "moved", "throttle", "auth", "forbidden", "no_funds")

    def __init__(self, site: Site, **settings: Any) -> None:
        super().__init__()
        self.site = site
        set_up = {"api_key": KEY, "speed": 1000, **self.settings, **settings}
        self.simulator = site.running(type(self).simulator_class, set_up)
        self.keys = Keys(KEY)
        self.secrets = (KEY, "signature=", "/results/", "://", SIGNATURE)
        self.provider = self.at(self.simulator.base_url)
        self.consumed_before = self.simulator.account.consumed_credits
        self._others: list[SimulatedStage] = []

    def at(self, base_url: str, client: httpx.Client | None = None, local: bool = True) -> Provider:
        """The adapter for that base URL."""
        client = client or self.site.client
        links = Downloads(client, local=local, sleep=lambda seconds: None)  # nobody waits between tries
        return type(self).adapter(base_url, self.keys, client, links)

    def set_up(self, **settings: Any) -> Self:
        """The same stage with a simulator so set up."""
        other = type(self)(self.site, **settings)
        self._others.append(other)
        return other

    def close(self) -> None:
        """Leaves the simulator without faults and journal, and notes which faults were met."""
        for other in self._others:
            other.close()
        self.note()
        self.simulator.faults.clear()
        self.simulator.journal.clear()

    def note(self) -> None:
        """Counts the faults met so far as provoked by a test."""
        met = {kind for request in self.simulator.requests for kind in request["faults"]}
        self.site.struck[self.name] |= met

    def fault(self, kind: str, *, on: str = "submit", times: int | None = 1, **options: float) -> None:
        operation = self.asks[on][1] if on in self.asks else self.operations.get(on, on)
        self.simulator.faults.add(kind, times, operation, **(options or OPTIONS.get(kind, {})))

    @staticmethod
    def lasting(kind: str, seconds: float) -> dict[str, float]:
        """The option by which a fault takes so long."""
        (option,) = OPTIONS[kind]
        return {option: seconds}

    def await_fault(self, kind: str) -> None:
        """Waits until a fault was met: what strikes after the work is met when the work is done."""
        deadline = time.monotonic() + FINISH_SECONDS
        while not any(kind in request["faults"] for request in self.requests()):
            assert time.monotonic() < deadline, f"nothing met {kind}"
            time.sleep(0.005)

    def hold(self) -> None:
        kind, option = self.holding
        self.fault(kind, **{option: HOLD_SECONDS})

    def finish(self, process_id: str) -> None:
        deadline = time.monotonic() + FINISH_SECONDS
        while self.provider.progress(process_id).state is ProcessState.RUNNING:
            assert time.monotonic() < deadline, "the simulator did not finish the job"
            time.sleep(0.005)

    def paid(self) -> int:
        return len(self.simulator.submits)

    def requests(self, *operations: str) -> list[dict[str, Any]]:
        """What arrived, of all operations or of these."""
        return [entry for entry in self.simulator.requests if not operations or entry["operation"] in operations]

    def rotate_key(self, key: str = "another-key") -> None:
        self.keys.stored = key

    def unreachable(self) -> Provider:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        return self.at(f"http://127.0.0.1:{port}{self.base_path}")

    def strict(self) -> Provider:
        return self.at(self.simulator.base_url, local=False)

    def impatient(self) -> Provider:
        """The provider behind a client that hardly waits."""
        return self._through(Impatient(verify=False, limits=NO_IDLE))

    def changing(self, endings: tuple[str, ...], change: Callable[[Any], Any]) -> Provider:
        """The provider to whose answers something happens on their way."""
        return self._through(Changing(endings, change, verify=False, limits=NO_IDLE))

    def _through(self, transport: httpx.HTTPTransport) -> Provider:
        return self.at(self.simulator.base_url, http_client.new_client(transport=transport))

    def link(self, content: bytes, handle: Handle) -> str:
        self.minted.append(self.site.hang(content, handle))
        return self.minted[-1]

    def fetched(self) -> list[str]:
        """The addresses of inputs that were fetched."""
        return [self.site.gallery.url(path) for path, _ in self.site.asked_of_gallery(self.job_id)]

    def refused(self, what: str) -> tuple[Plan, ImageStream]:
        name, value = what.split("=")
        plan = self.plan()
        return replace(plan, parameters={**plan.parameters, name: value}), self.image()
