"""Fixtures: the simulator of the vendor that the test's folder names, a client with its key, and a server of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from tests.simulators.picture_server import PictureServer, serve_pictures
from tests.simulators.vendors import VENDORS

from darkroom_local.simulators.framework.server import Simulator

Pair = tuple[Simulator[Any, Any], httpx.Client]


@pytest.fixture(scope="session")
def session_picture_server() -> Iterator[PictureServer]:
    with serve_pictures() as shown:
        yield shown


@pytest.fixture
def picture_server(session_picture_server: PictureServer) -> PictureServer:
    session_picture_server.renew()
    return session_picture_server


class SimulatorPool:
    """Keeps simulators for later tests. It keeps one only if it accepted no submit, met no fault, and has its old settings."""

    def __init__(self) -> None:
        self._fresh: dict[str, tuple[Pair, ExitStack, dict[str, int]]] = {}

    def take(self, name: str) -> tuple[Pair, ExitStack, dict[str, int]]:
        if name in self._fresh:
            return self._fresh.pop(name)
        ends = ExitStack()
        pair = ends.enter_context(VENDORS[name].running())
        return pair, ends, pair[0].account.balance()

    def bring_back(self, name: str, taken: tuple[Pair, ExitStack, dict[str, int]]) -> None:
        (sim, _), ends, balance = taken
        is_new = not sim.submits and not sim.faults.remaining() and sim.account.balance() == balance
        if not is_new or any(entry["faults"] for entry in sim.requests):
            ends.close()
            return
        sim.journal.clear()
        self._fresh[name] = taken

    def close(self) -> None:
        for _, ends, _ in self._fresh.values():
            ends.close()


@pytest.fixture(scope="session")
def simulator_pool() -> Iterator[SimulatorPool]:
    kept = SimulatorPool()
    yield kept
    kept.close()


@pytest.fixture
def started(simulator_pool: SimulatorPool, request: pytest.FixtureRequest) -> Iterator[Pair]:
    name = request.path.parent.name
    taken = simulator_pool.take(name)
    yield taken[0]
    simulator_pool.bring_back(name, taken)


@pytest.fixture
def sim(started: Pair) -> Simulator[Any, Any]:
    return started[0]


@pytest.fixture
def http(started: Pair) -> httpx.Client:
    return started[1]
