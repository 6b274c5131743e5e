"""Tests a flood of forged and replayed callbacks: 1,000 a second for a minute, on loopback.

No job changes, and the vendor is asked no more often than callbacks of one run may cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.callback_flood import flood
from tests.e2e.deployed_application import Darkroom, picture, simulators

from darkroom_local.machine.certificates import issued
from darkroom_local.stack.local_stack import local_stack

RATE, SECONDS = 1000.0, 60.0
LATE_SECONDS = 150.0  # the running job is at the vendor for longer than the flood lasts
MOST_LOOKS = 3  # that callbacks of one run can cause
RUNNING, ENDED = "held/running.png", ("held/ended-1.png", "held/ended-2.png")


@pytest.fixture(scope="module")
def room() -> Iterator[Darkroom]:
    with (
        issued() as own,
        simulators("topaz", speed=20.0, authorities=own.authority) as made,
        local_stack(
            simulator_urls={"topaz": made["topaz"].base_url},
            certificates=own,
            parameters={"InputPrefix": "photos/", "Callbacks": "on"},
        ) as stack,
    ):
        yield Darkroom(stack, made)


def stable(job: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if "told" not in name}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_flood_of_callbacks_changes_no_job_and_costs_three_looks(room: Darkroom, tmp_path: Path) -> None:
    keys = [RUNNING, *ENDED]
    for key in keys:
        room.upload(key, picture(80, 60, "PNG"), "scale=2")
    room.simulator.faults.add("eta_early", match=room.job_id(RUNNING), late_seconds=LATE_SECONDS)
    for key in keys:
        room.notify(key)
    room.ended(ENDED)
    process_id = room.until(RUNNING, lambda job: job.get("status") == "PROCESSING")["process_id"]
    before = {key: stable(room.job(key)) for key in ENDED}

    flooded = flood(room, keys, RATE, SECONDS, tmp_path / "log")
    polls = room.visited(RUNNING).count("Poll")
    asked = [r for r in room.simulator.requests if r["operation"] == "status" and r["process_id"] == process_id]
    print(asdict(flooded), {"polls": polls, "asked": len(asked)}, flush=True)

    assert flooded.is_all_answered
    assert flooded.invocations >= RATE * SECONDS
    assert room.job(RUNNING)["status"] == "PROCESSING"
    assert len(asked) <= polls + MOST_LOOKS
    assert {key: stable(room.job(key)) for key in ENDED} == before
    assert room.ended([RUNNING])[RUNNING]["status"] == "COMPLETED"
    assert all(len(room.submits(key)) == 1 for key in keys)
