"""Simulates 10,000 uploads within a minute, in virtual time. It shows whether all jobs end, how fast, and what slows them.

Use cases, ledger and state machine are Darkroom's real ones. The limits of AWS and of the provider are simulated
(`benchmarks/scaling`). `--quick` simulates a tenth of the uploads.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.scaling.figures import Figures
from benchmarks.scaling.scenarios import CONTENTION, SCENARIOS, Played, play_all, smaller
from benchmarks.support.reporting import Plot, Result, Table

NAME = "scale"
QUESTION = (
    "Do 10,000 uploads within a minute drain at the provider's pace, without one lost, paid twice or dead-lettered?"
)
MOST_DRAIN = (
    1.25  # the longest time allowed, as a multiple of the shortest time that is possible at the pace or concurrency
)
NOTES = [
    "Time is virtual, and the same seed gives the same run. The figures do not depend on the machine.",
    "From the AWS documentation: StartExecution has a token bucket of 1,300, refilled by 300 a second. Lambda starts with 5 "
    "pollers and adds 300 a minute. A key and a partition of an index take 1,000 write units a second, and a new table takes "
    "4,000. Visibility timeout and number of receives are those of the template.",
    "Assumed: how long calls take (benchmarks/scaling/limits.py), and that a transaction holds its items for 10 ms.",
    "`pace` is the shortest time that a burst can take, by the provider's submits a minute or by submit's run time at the "
    "permitted concurrency.",
]


def run(quick: bool = False) -> Result:
    """Simulate all bursts, with a tenth of the uploads if `quick`."""
    times = 10 if quick else 1
    played = play_all([smaller(scenario, times) for scenario in (*SCENARIOS, *CONTENTION)])
    bursts, contention = played[: len(SCENARIOS)], played[len(SCENARIOS) :]
    default = bursts[0].figures
    ratios = {
        "promises broken": float(sum(sum(one.broken.values()) for one in played)),
        "drain ÷ pace, default stack": default.drain_seconds / default.pace_seconds,
        "drain ÷ pace, throttling provider": bursts[3].figures.drain_seconds / bursts[3].figures.pace_seconds,
    }
    goals = {"promises broken": 0.0}
    if not quick:  # a small burst ends so soon that the time depends mostly on its last picture
        goals |= {name: MOST_DRAIN for name in ratios if name.startswith("drain")}
    broken = [f"{one.figures.scenario}: {what} ({cases})" for one in played for what, cases in one.broken.items()]
    return Result(
        NAME,
        QUESTION,
        [_drains(bursts), _services(bursts), _conflicts(contention)],
        ratios,
        goals,
        [*NOTES, *(f"BROKEN: {one}" for one in broken)],
        _plot(bursts),
    )


def _drains(bursts: Sequence[Played]) -> Table:
    columns = [
        "burst", "uploads", "completed", "refused", "broken", "drained, s", "half, s", "pace, s", "submits an upload",
        "429s", "USD per 1,000", "ledger and queue",
    ]  # fmt: skip
    return Table("Bursts", columns, [_drain(one.figures, one.broken) for one in bursts])


def _drain(one: Figures, broken: dict[str, int]) -> list[object]:
    return [
        one.scenario,
        one.uploads,
        one.completed,
        one.rejected,
        sum(broken.values()),
        one.drain_seconds,
        one.half_seconds,
        one.pace_seconds,
        one.submits / one.uploads,
        one.refused_submits,
        one.usd_lambda_and_transitions,
        one.usd_ledger_and_queue,
    ]


def _services(bursts: Sequence[Played]) -> Table:
    columns = [
        "burst", "receives a message", "at once", "Lambda throttles", "starts a second", "start throttles", "conflicts a job",
        "given up", "ledger throttles", "polls a job", "transitions a job",
    ]  # fmt: skip
    return Table("What it asks of AWS", columns, [_service(one.figures) for one in bursts])


def _service(one: Figures) -> list[object]:
    return [
        one.scenario,
        one.receives_a_message,
        one.most_concurrent,
        one.lambda_throttles,
        one.most_starts_a_second,
        one.start_throttles,
        one.conflicts / one.uploads,
        one.gave_up,
        one.ledger_throttles,
        one.polls_a_job,
        one.transitions_a_job,
    ]


def _conflicts(contention: Sequence[Played]) -> Table:
    columns = [
        "submits at once, a transaction's hold",
        "drained, s",
        "conflicts a job",
        "given up",
        "submits an upload",
    ]
    rows: list[list[object]] = [
        [one.scenario, one.drain_seconds, one.conflicts / one.uploads, one.gave_up, one.submits / one.uploads]
        for one in (played.figures for played in contention)
    ]
    return Table(f"The month's rows under contention, {contention[0].figures.uploads} uploads", columns, rows)


def _plot(bursts: Sequence[Played]) -> Plot:
    found = [one.figures for one in bursts]
    return Plot(
        f"{found[0].uploads} uploads within a minute",
        "bar",
        "",
        "minutes",
        {
            "drained": [(one.scenario, one.drain_seconds / 60) for one in found],
            "the least it can take": [(one.scenario, one.pace_seconds / 60) for one in found],
        },
    )


if __name__ == "__main__":
    run("--quick" in sys.argv).show()
