"""One simulator, one client with its key and one gallery of pictures, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.simulators.gallery import Gallery, gallery_open
from tests.simulators.oxen.support import BEARER, KEY

from darkroom_local.simulators.oxen import OxenSimulator


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    with gallery_open() as shown:
        yield shown


@pytest.fixture
def sim() -> Iterator[OxenSimulator]:
    with OxenSimulator(api_key=KEY, speed=60) as simulator:
        yield simulator


@pytest.fixture
def http(sim: OxenSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.base_url, headers=BEARER, timeout=10, verify=False) as client:
        yield client
