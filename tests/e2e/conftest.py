"""One embedded cloud with the real template, IAM enforced, and each vendor's simulator, for all end-to-end tests.

Uploads under `photos/` are processed by themselves. Uploads under `held/` cause no event (because of the stack's
InputPrefix), so that a test can set a fault for one job and then send its message to the intake queue.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from darkroom_local.certificates import issued
from darkroom_local.local_stack import local_stack
from darkroom_local.simulator_processes import vendors
from tests.e2e.deployed_application import Darkroom, simulators

SPEED = 20.0  # the simulated vendors work twenty times as fast as real ones
WAIT_SCALE = 0.25  # the state machine's waits take a quarter of their time, so two polls are at least 0.5 s apart


@pytest.fixture(scope="session")
def darkroom() -> Iterator[Darkroom]:
    """Yield a deployed Darkroom, with a queue that collects the events it publishes."""
    parameters = {"InputPrefix": "photos/", "MaxConcurrentSubmits": "4", "DefaultSettings": "face_enhancement=false"}
    with (
        issued() as own,
        simulators(*vendors(), speed=SPEED, authorities=own.authority) as made,
        local_stack(
            simulator_urls={name: it.base_url for name, it in made.items()},
            certificates=own,
            parameters=parameters,
            wait_scale=WAIT_SCALE,
        ) as stack,
    ):
        room = Darkroom(stack, made)
        room.collect_events()
        yield room
