"""Measures how late results are found with callbacks and without, on the embedded cloud: `python -m benchmarks.callbacks`.

Template, functions and state machine are the real ones. The provider is the simulator of Topaz, which calls the function's URL.
The jobs take three seconds, and their eta is honest or wrong. What counts is the time from the end of a job at the provider until
finalize begins, because finalize takes as long either way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from tests.e2e.deployed_application import Darkroom, picture, simulators

from benchmarks.support.reporting import Plot, Result, Table
from darkroom_local.machine.certificates import issued
from darkroom_local.stack.local_stack import local_stack

NAME = "callbacks"
QUESTION = "How late is a result found, and after how many state transitions, if the provider calls back?"
LENGTH_SECONDS = 3.0
SIDES = (96, 64)
START = 1  # AWS counts the start of an execution as a transition
JOBS, QUICK_JOBS = 8, 2
TOO_SHORT = "much too short"
# The error of the eta → the simulator's fault that makes it, with its options.
ETAS: dict[str, dict[str, dict[str, float]]] = {
    "honest": {},
    "half too long": {"eta_late": {"seconds": LENGTH_SECONDS / 2}},
    "five times too long": {"eta_late": {"seconds": 4 * LENGTH_SECONDS}},
    TOO_SHORT: {"eta_early": {"late_seconds": 2 * LENGTH_SECONDS}},
}
BY_CALLBACK, BY_CLOCK = "told", "by the clock"


@dataclass(frozen=True)
class Found:
    """How one job was found."""

    late_seconds: float  # from its end at the provider until finalize began
    transitions: int
    told_by: str


@contextmanager
def deployed(callbacks: str) -> Iterator[Darkroom]:
    with (
        issued() as own,
        simulators("topaz", speed=(1 + SIDES[0] * SIDES[1] / 1e6) / LENGTH_SECONDS, authorities=own.authority) as made,
        local_stack(
            simulator_urls={"topaz": made["topaz"].base_url},
            certificates=own,
            parameters={"InputPrefix": "photos/", "Callbacks": callbacks, "AllowedProviders": "topaz"},
        ) as stack,
    ):
        yield Darkroom(stack, made)


def measured(room: Darkroom, name: str, count: int) -> list[Found]:
    """Run jobs with this error of the eta, all at once, and return how each was found."""
    keys = [f"held/{name}-{number}.jpg" for number in range(count)]
    for key in keys:
        room.upload(key, picture(*SIDES))
        for kind, options in ETAS[name].items():
            room.simulator.faults.add(kind, on="submit", match=room.job_id(key), **options)
        room.notify(key)
    jobs = room.ended(keys)
    if any(job["status"] != "COMPLETED" for job in jobs.values()):
        raise RuntimeError(f"not every job with an eta {name} was completed")
    late = ETAS[name].get("eta_early", {}).get("late_seconds", 0.0)
    return [_found(room, key, LENGTH_SECONDS + late, jobs[key]) for key in keys]


def _found(room: Darkroom, key: str, length_seconds: float, job: dict[str, Any]) -> Found:
    (submit,) = room.submits(key)
    states = room.visited(key)
    began = room.entered_at(key, "Finalize")
    transitions = START + sum(state != "States.Timeout" for state in states)
    return Found(began - submit["time"] - length_seconds, transitions, str(job["told_by"]))


def run(quick: bool = False) -> Result:
    """Measure both ways, for each error of the eta."""
    count = QUICK_JOBS if quick else JOBS
    found: dict[tuple[str, str], list[Found]] = {}
    for way, callbacks in ((BY_CALLBACK, "on"), (BY_CLOCK, "off")):
        with deployed(callbacks) as room:
            measured(room, "honest", count)  # starts the processes of the functions
            room.simulator.journal.clear()
            found |= {(way, name): measured(room, name, count) for name in ETAS}
    return _result(found, count)


def _result(found: dict[tuple[str, str], list[Found]], count: int) -> Result:
    rows: list[list[object]] = [
        [
            f"eta {name}", way, median(one.late_seconds for one in jobs), max(one.late_seconds for one in jobs),
            fmean(one.transitions for one in jobs), sum(one.told_by == "callback" for one in jobs),
        ]
        for (way, name), jobs in found.items()
    ]  # fmt: skip
    told = {name: jobs for (way, name), jobs in found.items() if way == BY_CALLBACK}
    ratios = {
        "seconds until finalize, told, median": median(one.late_seconds for jobs in told.values() for one in jobs),
        "transitions, told before the eta": float(
            max(one.transitions for name, jobs in told.items() if name != TOO_SHORT for one in jobs)
        ),
    }
    series = {
        way: [
            (name, median(one.late_seconds for one in jobs))
            for (one_way, name), jobs in found.items()
            if one_way == way
        ]
        for way in (BY_CALLBACK, BY_CLOCK)
    }
    columns = ["", "way", "late s, median", "late s, most", "transitions, mean", "told by a callback"]
    return Result(
        NAME,
        QUESTION,
        [Table(f"{count} jobs of {LENGTH_SECONDS:g} s for each row", columns, rows)],
        ratios,
        goals={"seconds until finalize, told, median": 1.0, "transitions, told before the eta": 5.0},
        notes=[
            "Late is the time from the end at the provider until finalize begins. Everything shares one machine.",
            "A job that outlasts its eta is polled then, and again by the schedule, until its callback comes.",
        ],
        plot=Plot("From the end at the provider until finalize begins", "bar", "eta", "seconds, median", series),
    )


if __name__ == "__main__":
    run("--quick" in sys.argv).show()
