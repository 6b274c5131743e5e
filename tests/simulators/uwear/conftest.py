"""One simulator, one client with its key and one gallery of pictures, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.simulators.gallery import Gallery, gallery_open
from tests.simulators.uwear.support import BEARER, KEY

from darkroom_local.simulators.uwear import UwearSimulator


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    with gallery_open() as shown:
        yield shown


@pytest.fixture
def sim() -> Iterator[UwearSimulator]:
    with UwearSimulator(api_key=KEY, speed=50) as simulator:
        yield simulator


@pytest.fixture
def http(sim: UwearSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.base_url, headers=BEARER, timeout=10, verify=False) as client:
        yield client
