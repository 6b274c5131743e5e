"""Measures the whole pipeline on the embedded cloud: uploads a second, and the time of a job without the provider's time.

It also measures how much of that time the emulator itself takes. Template, functions and state machine are the real ones.
The provider is a simulator at high speed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.e2e.deployed_application import ENDED, Darkroom, picture, simulators

from benchmarks.scaling.floor import WAIT_SECONDS, Floor
from benchmarks.support.reporting import Plot, Result, Table
from darkroom_local.stack.local_stack import local_stack

NAME = "pipeline"
QUESTION = (
    "How many uploads a second does the pipeline process on one machine, and how long does a job take without the "
    "provider's time?"
)
SPEED = 1_000.0  # the simulated provider needs milliseconds for a small picture
COUNTS, QUICK_COUNTS = (1, 10, 50), (1, 5)
CONCURRENCY = 10
PATIENCE = 300.0
PROC = Path("/proc")


@dataclass(frozen=True)
class Burst:
    """The times of a number of uploads at once, in seconds.

    `wall` is the time until all jobs are done. The times up to `provider` are medians over the jobs.
    """

    uploads: int
    wall: float
    to_claim: float  # from the upload until the job's row was written
    to_submit: float  # from then until the submit
    to_result: float  # from the submit until the settlement, without the provider's time
    provider: float  # the time that the provider needs for one picture
    floor_events: float  # how long the emulator takes for the same number of objects, with a function that does nothing
    floor_states: float  # how long the emulator takes for the same number of executions, with functions that do nothing

    @property
    def overhead(self) -> float:
        """Return the seconds that a job took in all, without those that the provider needed."""
        return self.to_claim + self.to_submit + self.to_result


def run(quick: bool = False) -> Result:
    """Measure bursts of uploads on one warm stack. After each burst, the time of the emulator itself is measured."""
    counts = QUICK_COUNTS if quick else COUNTS
    parameters = {"InputPrefix": "photos/", "MaxConcurrentSubmits": str(CONCURRENCY), "AllowedProviders": "topaz"}
    with (
        simulators("topaz", speed=SPEED) as made,
        local_stack(simulator_urls={"topaz": made["topaz"].base_url}, parameters=parameters) as stack,
    ):
        room, floor = Darkroom(stack, made), Floor(stack, CONCURRENCY)
        _burst(room, floor, CONCURRENCY, "warm")
        bursts = [_burst(room, floor, count, f"b{count}") for count in counts]
        memory = sorted(_memory(stack.cloud.child.pid if stack.cloud else 0))
    return _result(bursts, memory)


def _burst(room: Darkroom, floor: Floor, count: int, name: str) -> Burst:
    keys = [f"photos/{name}-{number}.jpg" for number in range(count)]
    body, before, began = picture(), len(room.simulator.submits), time.monotonic()
    sent: dict[str, float] = {}
    for key in keys:
        sent[key] = time.time()
        room.upload(key, body)
    jobs = _ended(room, keys)
    wall = max(_at(job, "completed_at") for job in jobs.values()) - min(sent.values())
    if any(job["status"] != "COMPLETED" for job in jobs.values()) or len(room.simulator.submits) - before != count:
        seconds = time.monotonic() - began
        raise RuntimeError(f"{count} uploads, {seconds:.0f} s: not every job was completed by exactly one submit")
    provider = 1.0 / SPEED  # the time that the simulator takes for a picture of 0.006 megapixels
    events, states = floor.seconds(count)
    return Burst(
        count,
        wall,
        median(_at(jobs[key], "created_at") - sent[key] for key in keys),
        median(_at(job, "submitted_at") - _at(job, "created_at") for job in jobs.values()),
        median(_at(job, "completed_at") - _at(job, "submitted_at") for job in jobs.values()) - provider,
        provider,
        events,
        states,
    )


def _ended(room: Darkroom, keys: list[str]) -> dict[str, dict[str, Any]]:
    """Wait until the jobs of all keys have ended, and return their rows by key. Polls are rare, because they are load too."""
    client, until, table = room.client("dynamodb"), time.monotonic() + PATIENCE, room.stack.outputs["LedgerTable"]
    ids = {room.job_id(key): key for key in keys}
    asked = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}} for job_id in ids]
    while time.monotonic() < until:
        time.sleep(0.5)
        found = client.batch_get_item(RequestItems={table: {"Keys": asked, "ConsistentRead": True}})["Responses"][table]
        ended = [row for row in found if row["status"]["S"] in ENDED]
        if len(ended) == len(keys):
            return {ids[row["job_id"]["S"]]: {n: v["S"] for n, v in row.items() if "S" in v} for row in ended}
    raise RuntimeError(f"not all of {len(keys)} uploads had ended after {PATIENCE:.0f} s")


def _at(job: Mapping[str, Any], name: str) -> float:
    return datetime.fromisoformat(str(job[name])).timestamp()


def _memory(cloud: int) -> Iterator[tuple[str, float]]:
    """Yield the name of each function with the peak memory of its largest process, in MiB. Works on Linux only."""
    found: dict[str, float] = {}
    for entry in PROC.iterdir() if PROC.exists() else ():
        with suppress(OSError, ValueError, IndexError):
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) != cloud:
                continue
            environment = dict(p.split("=", 1) for p in (entry / "environ").read_text().split("\0") if "=" in p)
            name = environment["AWS_LAMBDA_FUNCTION_NAME"].removeprefix("darkroom-").partition("-")[0]
            most = int((entry / "status").read_text().split("VmHWM:")[1].split()[0]) / 1024
            found[name] = max(found.get(name, 0.0), most)
    yield from found.items()


def _result(bursts: list[Burst], memory: list[tuple[str, float]]) -> Result:
    floors = [one.floor_events + one.floor_states for one in bursts]
    ratios = {
        f"whole way ÷ the emulator's own, {one.uploads} at once": one.wall / floor
        for one, floor in zip(bursts, floors, strict=True)
    }
    columns = ["uploads at once", "uploads a second", "whole way, s", "the emulator's own, s", "of it waiting, s"]
    rows: list[list[object]] = [
        [one.uploads, one.uploads / one.wall, one.wall, floor, float(WAIT_SECONDS)]
        for one, floor in zip(bursts, floors, strict=True)
    ]
    stages: list[list[object]] = [
        [one.uploads, one.to_claim, one.to_submit, one.to_result, one.overhead] for one in bursts
    ]
    tables = [
        Table("The whole way", columns, rows),
        Table(
            "One job beyond the provider's time, medians in seconds",
            ["uploads at once", "upload → claimed", "claimed → submitted", "submitted → settled", "in all"],
            stages,
        ),
        Table("Processes of the functions", ["function", "peak memory, MiB"], [[name, most] for name, most in memory]),
    ]
    notes = [
        f"The provider needs {1_000 / SPEED:.0f} ms a picture; Darkroom polls {WAIT_SECONDS} s after the submit at the earliest.",
        "The emulator's own time: as many objects through S3, EventBridge and SQS to a function that does nothing, then as many "
        "executions of the same states with such functions.",
        "Functions, provider and emulator share one machine. On AWS, functions have their own processors.",
    ]
    series = {
        "whole way": [(one.uploads, one.wall) for one in bursts],
        "the emulator's own": [(one.uploads, floor) for one, floor in zip(bursts, floors, strict=True)],
    }
    plot = Plot("Uploads at once, embedded cloud", "line", "uploads", "seconds until all are done", series)
    return Result(NAME, QUESTION, tables, ratios, notes=notes, plot=plot)


if __name__ == "__main__":
    run("--quick" in sys.argv).show()
