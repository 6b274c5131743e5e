"""Tests that nothing is paid twice on the embedded cloud while Lambda workers are killed at random. 60 uploads and
their duplicates are processed.

The cloud runs functions as its child processes, and this test kills one after the other. The simulator counts the
submits that it accepted. Each upload must have exactly one paid submit, whatever was killed. Time-outs and leases are
short, so that a dead worker's job is taken over within minutes instead of a quarter of an hour.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.e2e.deployed_application import Darkroom, picture, simulators

from darkroom_local.stack.local_stack import local_stack

UPLOADS = 60
DUPLICATES = 2  # additional messages for each upload
KILLING_SECONDS = 240.0  # long enough for some jobs to reach finalize
PAUSES = (0.1, 1.0)  # seconds between two kills
# This share of the kills of submit is left out. With all of them, hardly any job would reach poll and finalize.
SUBMITS_SPARED = 0.5
PATIENCE_SECONDS = 900.0
PROC = Path("/proc")
FOLDER = "ministack-lambda-"


@dataclass
class Killer:
    """Kills function workers of one cloud with SIGKILL, and counts the kills by function."""

    cloud_pid: int
    dice: random.Random
    killed: Counter[str] = field(default_factory=Counter)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        until = time.monotonic() + KILLING_SECONDS
        while time.monotonic() < until and not self.stopped.wait(self.dice.uniform(*PAUSES)):
            workers = list(self._workers())
            if workers:
                function = self.dice.choice(
                    sorted({name for _, name in workers})
                )  # each function is equally likely, however many workers it has
                pid = self.dice.choice([pid for pid, name in workers if name == function])
                if "-Submit-" in function and self.dice.random() < SUBMITS_SPARED:
                    continue
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed[function] += 1

    def _workers(self) -> Iterator[tuple[int, str]]:
        """Yield the id of each worker's process, and its function. They are grandchildren of the cloud, each in a folder that the
        cloud has named after the function."""
        parents = dict(_parents())
        for pid, parent in parents.items():
            with suppress(OSError):
                folder = (PROC / str(pid) / "cwd").readlink().parent.name
                if parents.get(parent) == self.cloud_pid and folder.startswith(FOLDER):
                    yield pid, folder.removeprefix(FOLDER).rpartition("-")[0]


def _parents() -> Iterator[tuple[int, int]]:
    """Yield each process' id and that of its parent."""
    for entry in PROC.iterdir():
        with suppress(OSError, ValueError, IndexError):
            yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def killing(room: Darkroom, seed: int) -> Iterator[Killer]:
    assert room.stack.cloud is not None
    killer = Killer(room.stack.cloud.child.pid, random.Random(seed))
    thread = threading.Thread(target=killer.run)
    thread.start()
    try:
        yield killer
    finally:
        killer.stopped.set()
        thread.join()


def await_ends(room: Darkroom, keys: list[str]) -> dict[str, dict[str, object]]:
    """Run the sweep every five seconds instead of every minute until all jobs have ended and sent their events. Return
    the jobs.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        room.sweep()
        jobs = {key: room.job(key) for key in keys}
        if all("published_at" in job for job in jobs.values()):
            return jobs
        late = {key: (job.get("status"), job.get("error")) for key, job in jobs.items() if "published_at" not in job}
        assert time.monotonic() < until, late
        time.sleep(5)


@pytest.fixture(scope="module")
def room() -> Iterator[Darkroom]:
    parameters = {"InputPrefix": "photos/", "MaxConcurrentSubmits": "4", "SubmitTimeoutSeconds": "60"}
    parameters["AllowedProviders"] = "topaz"
    with (
        simulators("topaz", speed=5) as made,
        local_stack(simulator_urls={"topaz": made["topaz"].base_url}, parameters=parameters) as stack,
    ):
        room = Darkroom(stack, made)
        room.collect_events()
        room.client("lambda").update_function_configuration(FunctionName=room.function("Finalize"), Timeout=60)
        yield room


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not PROC.exists(), reason="the test finds the workers in /proc")
def test_killed_workers_cost_time_but_no_second_payment(room: Darkroom) -> None:
    dice = random.Random(20261121)
    keys = [f"held/{number:02}.png" for number in range(UPLOADS)]
    for key in keys:
        room.upload(key, picture(80, 60, "PNG"), "scale=2")
    messages = keys * (1 + DUPLICATES)
    dice.shuffle(messages)
    with killing(room, seed=7) as killer:
        for key in messages:
            room.notify(key)
            time.sleep(dice.uniform(0, 0.4))
        jobs = await_ends(room, keys)
    print(f"\nkilled: {dict(killer.killed)}; submits: {len(room.simulator.submits)}")
    assert sum(killer.killed.values()) >= 30
    died = {name.split("-")[1]: count for name, count in killer.killed.items()}
    assert died.keys() == {"Submit", "Poll", "Finalize", "Sweep"}
    assert min(died["Submit"], died["Finalize"]) >= 8
    assert {job["status"] for job in jobs.values()} == {"COMPLETED"}
    assert {key: len(room.submits(key)) for key in keys} == dict.fromkeys(keys, 1)
    assert len(room.simulator.submits) == UPLOADS
    assert set(keys) <= room.output_keys()
    month = room.row("BUDGET#topaz", str(jobs[keys[0]]["budget_month"]))
    assert (month["reserved"], month["spent"], month["jobs"]) == (0, UPLOADS, UPLOADS)
    told = {event["detail"]["job_id"] for event in room.events()}
    assert told == {room.job_id(key) for key in keys}
