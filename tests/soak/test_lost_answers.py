"""Tests on the embedded cloud that a lost answer is found soon: ten for each vendor, and half of them within a minute.

The vendors work at their real pace here. Each accepts a submit and closes the connection without an answer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest
from tests.e2e.deployed_application import Darkroom, picture, simulators

from darkroom_local.stack.local_stack import local_stack
from darkroom_local.stack.simulator_processes import vendors

LOST = 10
MOST_MEDIAN_SECONDS = 60.0
TAGS = {"aimlapi": "&model=topaz-labs/sharpen"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Darkroom]:
    with (
        simulators(*vendors(), speed=1.0) as made,
        local_stack(
            simulator_urls={name: one.base_url for name, one in made.items()},
            parameters={"MaxConcurrentSubmits": "4", "InputPrefix": "photos/"},
        ) as stack,
    ):
        yield Darkroom(stack, made)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("vendor", vendors())
def test_half_of_the_lost_answers_are_found_within_a_minute(cloud: Darkroom, vendor: str) -> None:
    keys = [f"held/{vendor}-{number}.png" for number in range(LOST)]
    for key in keys:
        cloud.upload(key, picture(format="PNG"), f"provider={vendor}{TAGS.get(vendor, '')}")
        cloud.simulators[vendor].faults.add("lost_answer", match=cloud.job_id(key))
        cloud.notify(key)
    found: dict[str, float] = {}
    ends = time.monotonic() + 1200
    while len(found) < LOST and time.monotonic() < ends:
        for key in set(keys) - found.keys():
            if cloud.job(key).get("status") not in (None, "CLAIMED", "SUBMITTING"):
                (submit,) = cloud.submits(key, vendor)
                found[key] = time.time() - submit["time"]
        time.sleep(0.25)
    print(vendor, sorted(round(seconds, 1) for seconds in found.values()))
    assert len(found) == LOST
    assert statistics.median(found.values()) <= MOST_MEDIAN_SECONDS
    assert all(len(cloud.submits(key, vendor)) == 1 for key in keys)
