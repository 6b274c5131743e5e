"""Sums up a simulated burst: which promises of Darkroom were broken, and the figures for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from benchmarks.scaling.burst import TERMINAL, Burst
from darkroom.aws import items
from darkroom.model import Job, JobStatus

# Prices in US dollars, for us-east-1, arm64 and an on-demand table.
TRANSITION, REQUEST, GB_SECOND = 0.025 / 1_000, 0.20 / 1_000_000, 0.0000133334
WRITE_UNIT, READ_UNIT, MESSAGE = 0.625 / 1_000_000, 0.125 / 1_000_000, 3 * 0.40 / 1_000_000


@dataclass(frozen=True)
class Figures:
    """One row of the report. Seconds are virtual. `usd_*` are US dollars for 1,000 uploads."""

    scenario: str
    uploads: int
    completed: int
    rejected: int
    drain_seconds: float
    half_seconds: float  # the time until half of the jobs had ended
    pace_seconds: float  # the shortest time that the provider's pace or the permitted concurrency allows
    submits: int
    wasted_submits: int  # invocations of submit in addition to one for each upload
    refused_submits: int  # submits that the provider answered with 429
    receives_a_message: float
    transactions: int
    conflicts: int
    gave_up: int  # transactions that ended with LedgerBusy, because the last try was refused too
    ledger_throttles: int
    lambda_throttles: int
    start_throttles: int
    most_starts_a_second: int
    most_concurrent: int
    polls_a_job: float
    transitions_a_job: float
    usd_lambda_and_transitions: float
    usd_ledger_and_queue: float

    def as_dict(self) -> dict[str, object]:
        """Return the figures as a dict that can be written as JSON."""
        return asdict(self)


def figures(burst: Burst) -> Figures:
    """Return the counts, times and costs of a burst that has ended."""
    scenario, functions, executions = burst.scenario, burst.functions, burst.executions
    statuses, ended = burst.statuses, sorted(burst.ended_at)
    done, uploads = max(statuses["COMPLETED"], 1), scenario.uploads
    receives = burst.intake.receives
    return Figures(
        scenario=scenario.name,
        uploads=uploads,
        completed=statuses["COMPLETED"],
        rejected=statuses["REJECTED"],
        drain_seconds=round(ended[-1]),
        half_seconds=round(ended[len(ended) // 2]),
        pace_seconds=round(_pace(burst)),
        submits=functions.invocations["submit"],
        wasted_submits=functions.invocations["submit"] - uploads,
        refused_submits=burst.vendor.throttled,
        receives_a_message=round(sum(n * times for n, times in receives.items()) / max(receives.total(), 1), 3),
        transactions=burst.dynamo.counts["transactions"],
        conflicts=burst.dynamo.counts["conflicts"],
        gave_up=burst.dynamo.counts["given up"],
        ledger_throttles=burst.dynamo.counts["throttles"],
        lambda_throttles=functions.throttles.total(),
        start_throttles=executions.throttled_starts,
        most_starts_a_second=max(executions.started_by_second.values(), default=0),
        most_concurrent=functions.peak,
        polls_a_job=round(functions.invocations["poll"] / done, 2),
        transitions_a_job=round(executions.transitions / done, 2),
        usd_lambda_and_transitions=round(_lambda_and_transitions(burst) / uploads * 1_000, 3),
        usd_ledger_and_queue=round(_ledger_and_queue(burst) / uploads * 1_000, 3),
    )


def broken(burst: Burst) -> dict[str, int]:
    """Return each promise that was broken, with the number of cases. The dict is empty if all promises were kept."""
    scenario, vendor = burst.scenario, burst.vendor
    jobs = [items.job_of(row) for row in burst.jobs()]
    budget, limit = burst.budget(), Decimal(scenario.monthly_credits)
    completed = [job for job in jobs if job.status is JobStatus.COMPLETED]
    refused = [job for job in jobs if job.status is JobStatus.REJECTED]
    wanted = min(scenario.monthly_credits or scenario.uploads, scenario.uploads)
    told = Counter(job_id for job_id, _ in burst.events)
    found = {
        "no upload is lost": abs(scenario.uploads - len(jobs)) + sum(job.status not in TERMINAL for job in jobs),
        "no upload is sent twice": sum(times - 1 for times in vendor.of_job.values()),
        "nothing is dead-lettered": len(burst.intake.dead),
        "every completed job has one result": sum(not _stands(burst, job) for job in completed),
        "no result is written twice": sum(times - 1 for times in burst.outputs.writes.values()),
        "all that may be paid for is completed": abs(wanted - len(completed)),
        "the rest is BudgetExceeded": sum(job.error_code != "BudgetExceeded" for job in refused)
        + abs(scenario.uploads - wanted - len(refused)),
        "no limit is passed": int(bool(limit) and burst.most_committed > limit),
        "what was paid is booked": int(budget.get("spent", Decimal(0)) != vendor.spent),
        "nothing stays reserved": int(budget.get("reserved", Decimal(0)) != 0),
        "every end is told": sum(not told[job.job_id] for job in jobs),
        "no invocation runs out of time": burst.functions.overran.total(),
    }
    return {promise: cases for promise, cases in found.items() if cases}


def _stands(burst: Burst, job: Job) -> bool:
    standing = burst.outputs.find(job.dispatch.output_key)
    return standing is not None and standing.metadata["darkroom-process-id"] == job.process.process_id


def _pace(burst: Burst) -> float:
    """Return the shortest time that a burst can take, in seconds.

    The slowest of three things sets it: the uploads, the provider's pace, and submit at its allowed concurrency.
    """
    scenario, functions = burst.scenario, burst.functions
    wanted = min(scenario.monthly_credits or scenario.uploads, scenario.uploads)
    rate = scenario.pace.submits_a_minute
    by_provider = wanted / rate * 60 if rate else 0.0
    seconds = functions.billed["submit"] / max(functions.invocations["submit"], 1)
    at_once = min(burst.intake.most, functions.most)
    return max(scenario.within, by_provider, wanted * seconds / at_once)


def _lambda_and_transitions(burst: Burst) -> float:
    functions, memory = burst.functions, burst.functions.template.memory_mb
    gb_seconds = sum(seconds * memory[kind] / 1024 for kind, seconds in functions.billed.items())
    requests = functions.invocations.total()
    return burst.executions.transitions * TRANSITION + requests * REQUEST + gb_seconds * GB_SECOND


def _ledger_and_queue(burst: Burst) -> float:
    counts: Mapping[str, int] = burst.dynamo.counts
    return counts["writes"] * WRITE_UNIT + counts["reads"] * READ_UNIT + burst.intake.made * MESSAGE
