"""Starts one embedded cloud for all end-to-end tests, with the real template, enforced IAM, and each vendor's simulator.

Uploads under `photos/` are processed automatically. Uploads under `held/` are outside the stack's InputPrefix and cause no
event. So a test can first inject a fault for such a job, and then send its message to the intake queue.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from darkroom_local.certificates import issued
from darkroom_local.local_stack import local_stack
from darkroom_local.simulator_processes import vendors
from tests.e2e.deployed_application import Darkroom, simulators

SPEED = 20.0  # the simulated vendors work twenty times as fast as real ones
WAIT_SCALE = 0.25  # the state machine waits a quarter of the usual time, so at least 0.5 s pass between two polls


@pytest.fixture(scope="session")
def darkroom() -> Iterator[Darkroom]:
    """Yield a deployed Darkroom, with a queue that collects the events that it publishes."""
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
