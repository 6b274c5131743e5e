"""One simulator, one client with its key and one gallery of pictures, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.simulators.aimlapi.support import BEARER, KEY
from tests.simulators.gallery import Gallery, gallery_open

from darkroom_local.simulators.aimlapi import AimlapiSimulator


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    with gallery_open() as shown:
        yield shown


@pytest.fixture
def sim() -> Iterator[AimlapiSimulator]:
    with AimlapiSimulator(api_key=KEY, speed=1000) as simulator:
        yield simulator


@pytest.fixture
def http(sim: AimlapiSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.base_url, headers=BEARER, timeout=10, verify=False) as client:
        yield client
