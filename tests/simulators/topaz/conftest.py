"""One simulator and one client with its key, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.simulators.topaz.support import KEY

from darkroom_local.simulators.topaz import TopazSimulator


@pytest.fixture
def sim() -> Iterator[TopazSimulator]:
    with TopazSimulator(api_key=KEY, speed=20) as simulator:
        yield simulator


@pytest.fixture
def http(sim: TopazSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.base_url, headers={"X-API-Key": KEY}, timeout=10, verify=False) as client:
        yield client
