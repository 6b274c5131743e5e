"""Works out how late results are found, and after how many polls: `python -m benchmarks.polls`.

It compares Darkroom's poll schedule with common schedules. The jobs take from five seconds to half an hour, and their eta is
honest, too short, too long or missing. Everything is computed; nothing really waits.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import cache
from random import Random
from statistics import fmean, median

from tests.unit.polling_support import (
    DISTRIBUTIONS,
    Found,
    Maker,
    constant,
    follow,
    honest,
    none_at_all,
    slipping,
    times,
)
from tests.unit.transitions_support import at_its_eta

from benchmarks.support.reporting import Plot, Result, Table

NAME = "polls"
SEED, JOBS, QUICK_JOBS = 7, 4001, 1001
FIRST = at_its_eta(1).transitions
FURTHER = at_its_eta(2).transitions - FIRST
PLOTTED = [math.exp(at / 8) for at in range(13, 46)]  # lengths of jobs for the plot, from 5 s to 5 min
ETAS: dict[str, Maker] = {
    "honest": honest,
    "half too short": times(0.5),
    "half too long": times(1.5),
    "wrong by up to half": lambda length: constant(length * Random(length).uniform(0.5, 1.5)),
    "twice too long": times(2),
    "none": lambda length: none_at_all,
    "always a second ahead": lambda length: slipping(1),
}
Schedule = Callable[[float, Maker], Found]


@cache
def darkroom(length: float, eta: Maker) -> Found:
    """Return how a job of this length is found by Darkroom's poll schedule. Lengths are in seconds."""
    return follow(length, eta(length))


def every_ten_seconds(length: float, eta: Maker) -> Found:
    """Return how a job of this length is found by polls every ten seconds. The eta is ignored."""
    polls = max(math.ceil(length / 10), 1)
    return Found(length, tuple(10.0 * (n + 1) for n in range(polls)))


def doubling(length: float, eta: Maker) -> Found:
    """Return how a job of this length is found by polls whose waits double: 2, 4, 8, … seconds. The eta is ignored."""
    ages = [2.0]
    while ages[-1] < length:
        ages.append(ages[-1] + 2.0 * 2 ** len(ages))
    return Found(length, tuple(ages))


SCHEDULES: dict[str, Schedule] = {"Darkroom": darkroom, "every 10 s": every_ten_seconds, "doubling": doubling}


def transitions(found: Found) -> int:
    """Return how many state transitions the execution of the job takes."""
    return FIRST + FURTHER * (found.polls - 1)


def _row(name: str, schedule: Schedule, eta: Maker, lengths: list[float]) -> list[object]:
    jobs = [schedule(length, eta) for length in lengths]
    shares = sorted(job.share for job in jobs)
    ninth = shares[len(shares) * 9 // 10]
    return [
        name,
        float(median(job.polls for job in jobs)),
        fmean(transitions(job) for job in jobs),
        median(job.late for job in jobs),
        f"{median(shares):.1%}",
        f"{ninth:.1%}",
    ]


def run(quick: bool = False) -> Result:
    """Compute the polls of thousands of jobs for each kind of eta and each schedule. `quick` takes a quarter of the jobs."""
    rng = Random(SEED)
    draw = DISTRIBUTIONS["five seconds to half an hour"]
    lengths = [draw(rng) for _ in range(QUICK_JOBS if quick else JOBS)]
    columns = ["", "polls, median", "transitions, mean", "late s, median", "late, median", "late, nine of ten"]
    rows = [_row(f"eta {name}", darkroom, eta, lengths) for name, eta in ETAS.items()]
    rows += [_row(name, schedule, honest, lengths) for name, schedule in SCHEDULES.items() if schedule is not darkroom]
    ratios = {
        "polls of the median job, eta honest": float(median(darkroom(n, honest).polls for n in lengths)),
        "seconds the latest job is late, eta honest": max(darkroom(n, honest).late for n in lengths),
        "share the median job is late, eta half too short": median(
            darkroom(n, ETAS["half too short"]).share for n in lengths
        ),
        "share the median job is late, eta half too long": median(
            darkroom(n, ETAS["half too long"]).share for n in lengths
        ),
    }
    goals = dict(zip(ratios, (2.0, 2.0, 0.15, 0.15), strict=True))
    series = {
        name: [(length, float(transitions(schedule(length, honest)))) for length in PLOTTED]
        for name, schedule in SCHEDULES.items()
    }
    return Result(
        name=NAME,
        question="How late is a result found, and after how many polls?",
        tables=[Table(f"{len(lengths):,} jobs of 5 s to 30 min, every order of magnitude alike", columns, rows)],
        ratios=ratios,
        goals=goals,
        notes=[
            "The schedules of the last two rows ignore the eta.",
            f"A job done at its first poll takes {FIRST} state transitions, each further poll {FURTHER}.",
        ],
        plot=Plot(
            "State transitions of a job with an honest eta", "line", "length of the job, s", "transitions", series
        ),
    )


if __name__ == "__main__":
    sys.exit(run().show())
