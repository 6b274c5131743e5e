"""Starts one embedded cloud for all end-to-end tests, with the real template, enforced IAM, and each vendor's simulator.

Uploads under `photos/` are processed automatically. Uploads under `held/` are outside the stack's InputPrefix and cause no
event. So a test can first inject a fault for such a job, and then send its message to the intake queue.

The functions look for a submit whose answer was lost after 3 s, and not after a minute (`short_grace`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from darkroom_local.machine.certificates import Certificates, issue
from darkroom_local.stack import local_stack as local_stacks
from darkroom_local.stack.local_stack import local_stack
from darkroom_local.stack.packaging import Application
from darkroom_local.stack.simulator_processes import vendors
from tests.e2e import short_grace
from tests.e2e.deployed_application import Darkroom, simulators
from tests.e2e.forked_commands import Commands, commands_started

SPEED = 20.0  # the simulated vendors work twenty times as fast as real ones
WAIT_SCALE = 0.25  # the state machine waits a quarter of the usual time, so at least 0.5 s pass between two polls


def issue_with_few_roots(folder: Path, few_roots: Mapping[str, str]) -> Certificates:
    """Write a cloud's certificates into a folder. What is started with them trusts few others."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in few_roots.items():
            patch.setenv(name, value)
        return issue(folder)


@contextmanager
def patched(application: Application) -> Iterator[None]:
    """Let local stacks deploy this application while a block runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_stacks, "find_application", lambda: application)
        yield


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Yield what starts `darkroom` commands."""
    with commands_started() as started:
        yield started


@pytest.fixture(scope="session")
def darkroom(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Darkroom]:
    """Yield a deployed Darkroom, with a queue that collects the events that it publishes."""
    application = short_grace.application_with(short_grace.runtime_in(tmp_path_factory.mktemp("runtime")))
    own = issue_with_few_roots(tmp_path_factory.mktemp("certificates"), commands.few_roots)
    parameters = {"InputPrefix": "photos/", "MaxConcurrentSubmits": "4", "DefaultSettings": "face_enhancement=false"}
    with (
        patched(application),
        simulators(*vendors(), speed=SPEED, authorities=own.authority) as made,
        local_stack(
            simulator_urls={name: it.base_url for name, it in made.items()},
            certificates=own,
            parameters=parameters,
            wait_scale=WAIT_SCALE,
        ) as stack,
    ):
        room = Darkroom(stack, made, commands)
        room.collect_events()
        yield room
