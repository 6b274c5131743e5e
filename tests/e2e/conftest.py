"""One embedded cloud with the real template, IAM enforced, and one Topaz simulator, for all end-to-end tests.

Uploads under `photos/` travel the whole way by themselves. Uploads under `held/` fire no event (the stack's InputPrefix), so
that a test can set a fault for exactly that job and then send its message to the intake queue.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.stack import local_stack
from tests.e2e.darkroom import API_KEY, Darkroom


@pytest.fixture(scope="session")
def darkroom() -> Iterator[Darkroom]:
    """A deployed Darkroom, with the events it publishes collected in a queue."""
    parameters = {"InputPrefix": "photos/", "MaxConcurrentSubmits": "4", "DefaultSettings": "face_enhancement=false"}
    with (
        TopazSimulator(api_key=API_KEY, speed=20) as simulator,
        local_stack(topaz_url=simulator.base_url, parameters=parameters) as stack,
    ):
        room = Darkroom(stack, simulator)
        room.collect_events()
        yield room
