"""The sweep alone, with every message lost: whatever was left unfinished ends, is paid once, and nothing is done
twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import START, World
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.time_support import (
    LEASE,
    MINUTE,
    Replaced,
    WorkerDied,
    dead_after,
    die,
    submit_and_die,
    uploads,
)

from darkroom.aws import items
from darkroom.errors import SubmitInDoubt, Throttled
from darkroom.model import Alarm, Job, JobDue, JobStatus, ProcessState
from darkroom.pipeline.sweep import MAX_REQUEUED_CLAIMS, SweepFailed

DAY = timedelta(hours=24)
Death = Callable[[World], tuple[str, dict[str, Any]]]
# Where the worker dies: the port, its method, and the expected end.
DEATHS: dict[str, Death] = {
    "after the claim": lambda world: ("sources", {"tags": die}),
    "after the reservation": lambda world: ("sources", {"open": die}),
    "during the call, not accepted": lambda world: ("provider", {"submit": die}),
    "during the call, accepted": lambda world: ("provider", {"submit": dead_after(world.provider.submit)}),
    "after the bind": lambda world: ("executions", {"start": die}),
}


def sweep_until(world: World, *statuses: JobStatus, minutes: int = 60) -> None:
    """Run the sweep every minute until every job has one of these statuses."""
    for _ in range(minutes):
        if {job.status for job in world.cloud.jobs()} <= set(statuses):
            return
        world.clock.advance(MINUTE)
        world.sweep_and_deliver()
    raise AssertionError(f"still {[job.status for job in world.cloud.jobs()]} after {minutes} sweeps")


def sent(world: World) -> list[str]:
    return [what.job_id for what, _ in world.queue.sent if isinstance(what, JobDue)]


def waiting_rows(world: World, count: int, provider: str) -> None:
    """Write claimed jobs that wait for a provider and are due."""
    like = Job(
        job_id="",
        run=1,
        attempt=1,
        status=JobStatus.CLAIMED,
        source_bucket="b",
        source_key="k",
        source_version="v",
        source_order="o",
        created_at=START,
        deadline_at=START + DAY,
        provider=provider,
        due_at=START,
    )
    for number in range(count):
        job = replace(like, job_id=f"{number:032x}")
        world.cloud.dynamodb.put_item(TableName=TABLE, Item=items.job_item(job))


@pytest.mark.parametrize("where", DEATHS)
def test_a_job_whose_worker_died_is_ended_by_the_sweep_alone_paid_once(world: World, where: str) -> None:
    port, methods = DEATHS[where](world)
    submit_and_die(world, uploads(world, 1)[0], port, **methods)
    world.clock.advance(MINUTE)  # the sweep's clock differs from the worker's
    sweep_until(world, JobStatus.PROCESSING)
    world.clock.advance(LEASE)
    world.sweep()
    assert len(world.executions.running) == 1
    world.provider.become(ProcessState.COMPLETED)
    world.finalize(world.job())
    assert (world.job().status, world.provider.charged, world.job().run) == (JobStatus.COMPLETED, 1, 1)
    assert (world.bus.kinds, world.cloud.keys()) == (["Job Completed"], {"000.jpg"})
    world.assert_books_balance()


def test_an_event_whose_sender_died_after_the_settlement_is_sent_by_the_sweep(world: World) -> None:
    world.deliver(uploads(world, 1)[0])
    world.provider.become(ProcessState.COMPLETED)
    world.ports["events"] = Replaced(world.bus, publish=die)
    with pytest.raises(WorkerDied):
        world.finalize(world.job())
    world.ports["events"] = world.bus
    assert (world.job().status, world.bus.kinds) == (JobStatus.COMPLETED, [])
    world.clock.advance(timedelta(minutes=3))
    world.sweep()
    world.clock.advance(timedelta(minutes=3))
    world.sweep()
    assert world.bus.kinds == ["Job Completed"]
    assert world.job().published_at is not None


def test_a_live_workers_job_is_left_alone(world: World) -> None:
    submit_and_die(world, uploads(world, 1)[0], "provider", submit=die)
    for _ in range(5):
        world.clock.advance(MINUTE)
        world.sweep()
    assert sent(world) == []


def test_a_job_sent_to_the_queue_is_not_sent_again_within_the_minute(world: World) -> None:
    submit_and_die(world, uploads(world, 1)[0], "sources", tags=die)
    world.clock.advance(LEASE)
    world.sweep()
    world.sweep()
    assert sent(world) == [world.job().job_id]


def test_a_message_of_the_sweep_that_was_lost_is_sent_again(world: World) -> None:
    submit_and_die(world, uploads(world, 1)[0], "sources", tags=die)
    world.clock.advance(LEASE)
    world.sweep()
    world.clock.advance(timedelta(minutes=15))
    world.sweep_and_deliver()
    assert (len(sent(world)), world.job().status) == (2, JobStatus.PROCESSING)


def test_two_sweeps_that_race_end_the_job_paid_once(world: World) -> None:
    submit_and_die(world, uploads(world, 1)[0], "sources", tags=die)
    world.clock.advance(LEASE)
    wake = world.ports["sweep_queries"].wake

    def overtaken(*args: Any) -> None:
        world.ports["sweep_queries"] = backlog
        world.sweep()
        wake(*args)

    backlog = world.ports["sweep_queries"]
    world.ports["sweep_queries"] = Replaced(backlog, wake=overtaken)
    world.sweep()
    for what, _ in world.queue.sent:
        world.submit(what)
    assert (len(world.provider.processes), world.job().status) == (1, JobStatus.PROCESSING)
    world.assert_books_balance()


def test_one_run_sends_a_bounded_number_of_jobs_and_the_next_runs_the_rest(world: World) -> None:
    waiting_rows(world, MAX_REQUEUED_CLAIMS + 30, "topaz")
    world.sweep()
    first = sent(world)
    world.sweep()
    world.sweep()
    assert len(first) == MAX_REQUEUED_CLAIMS
    assert Counter(sent(world)) == Counter({f"{number:032x}": 1 for number in range(MAX_REQUEUED_CLAIMS + 30)})


def test_the_backlog_of_a_paused_provider_does_not_keep_others_waiting(account: Cloud) -> None:
    class TwoProviders(World):
        @property
        def _providers(self) -> dict[str, Any]:
            return {"other": self.ports["provider"], "topaz": self.ports["provider"]}

    world = TwoProviders(account)
    waiting_rows(world, 300, "other")
    world.operate.pause("other", "a bill")
    upload = uploads(world, 1)[0]
    world.provider.refusals = [Throttled("HTTP 429")]
    world.submit(upload)
    world.clock.advance(MINUTE)
    world.sweep_and_deliver()
    (mine,) = [job for job in world.cloud.jobs() if job.provider == "topaz"]
    assert (mine.status, len(world.provider.processes), sent(world)) == (JobStatus.PROCESSING, 1, [mine.job_id])


def test_a_step_that_fails_keeps_no_other_from_being_taken(world: World) -> None:
    upload = uploads(world, 1)[0]
    submit_and_die(world, upload, "sources", tags=die)
    world.clock.advance(LEASE)
    world.ports["circuits"] = Replaced(world.ports["circuits"], get=lambda provider: 1 / 0)
    world.ports["outputs"] = Replaced(world.ports["outputs"], unfinished=lambda: 1 / 0)
    waiting = replace(world.job(), job_id="d" * 32, status=JobStatus.IN_DOUBT)
    world.cloud.dynamodb.put_item(TableName=TABLE, Item=items.job_item(waiting))
    with pytest.raises(SweepFailed, match=r"Claims, CircuitsOpen, AbandonedUploads"):
        world.sweep()
    assert world.bell.rung == [Alarm.IN_DOUBT]


def test_one_job_that_cannot_be_dealt_with_does_not_keep_the_others_waiting(world: World) -> None:
    for upload in uploads(world, 3):
        world.submit(upload)
    world.executions.running.clear()
    world.clock.advance(LEASE)
    broken = sorted(world.cloud.jobs(), key=lambda job: (job.due_at, job.job_id))[0].job_id
    start = world.executions.start

    def sometimes(tick: Any, attempt: int) -> None:
        if tick.job_id == broken:
            raise RuntimeError("the state machine says no")
        start(tick, attempt)

    world.ports["executions"] = Replaced(world.executions, start=sometimes)
    with pytest.raises(SweepFailed, match="Runs"):
        world.sweep()
    assert {job_id for job_id, _, _ in world.executions.running} == {j.job_id for j in world.cloud.jobs()} - {broken}


def test_a_job_in_doubt_calls_for_a_person_at_every_run(world: World) -> None:
    world.provider.lists, world.provider.refusals = False, [SubmitInDoubt("lost")]
    world.deliver(uploads(world, 1)[0])
    world.bell.rung.clear()
    for _ in range(3):
        world.clock.advance(MINUTE)
        world.sweep()
    assert world.bell.rung == [Alarm.IN_DOUBT] * 3


class Counting:
    """A client that counts its calls."""

    def __init__(self, client: Any) -> None:
        self._client, self.calls = client, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._client, name)


def test_an_empty_sweep_makes_a_handful_of_calls_and_writes_nothing_but_its_turns(account: Cloud) -> None:
    s3, dynamodb = Counting(account.s3), Counting(account.dynamodb)
    world = World(Cloud(s3, dynamodb))
    world.sweep()
    before = account.rows()
    s3.calls.clear()
    dynamodb.calls.clear()
    world.clock.advance(MINUTE)
    world.sweep()
    assert account.rows() == before
    assert dynamodb.calls.total() + s3.calls.total() <= 12
    assert dynamodb.calls.keys() <= {"query", "get_item"}  # a refused write would be charged too
    world.clock.advance(timedelta(minutes=30))
    s3.calls.clear()
    dynamodb.calls.clear()
    world.sweep()
    assert dynamodb.calls.total() + s3.calls.total() <= 21
    assert {row["pk"]["S"] for row in account.rows()} == {"SWEEP"}
