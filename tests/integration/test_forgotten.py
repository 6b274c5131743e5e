"""A day after its end, a job's entry is deleted from the provider's list. Only entries of our own jobs are deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import World
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.time_support import MINUTE, Replaced, uploads

from darkroom.aws import items
from darkroom.aws.ledger_table import LedgerTable
from darkroom.errors import ErrorCode, OperatorFault, ProviderUnavailable, Throttled
from darkroom.model import LISTED, Job, JobStatus, ProcessState
from darkroom.pipeline.sweep import REMOVE_BATCH

DAY = timedelta(hours=24)


def settled(world: World) -> Job:
    """Return a job that is settled and whose event was sent."""
    return world.complete(uploads(world, 1)[0])


def test_what_was_settled_a_day_ago_is_forgotten_at_the_provider(world: World) -> None:
    job = settled(world)
    world.clock.advance(DAY - MINUTE)
    world.sweep()
    assert job.process.process_id in world.provider.processes
    world.clock.advance(MINUTE)
    world.sweep()
    world.clock.advance(MINUTE)
    world.sweep()
    assert world.provider.processes == {}
    assert world.job().due_at is None


def test_only_what_was_bound_here_is_forgotten_at_the_provider(world: World) -> None:
    job = settled(world)
    entry = world.provider.processes[job.process.process_id]
    others = {name: replace(entry, process_id=name) for name in ("somebody-else", "an-orphan")}
    world.provider.processes |= others
    world.ledger.record_orphan(job, "an-orphan")
    world.clock.advance(DAY)
    world.sweep()
    assert world.provider.processes.keys() == others.keys()


def test_many_entries_are_forgotten_a_few_at_a_time(account: Cloud) -> None:
    world = World(account)
    for upload in uploads(world, REMOVE_BATCH + 5):
        world.submit(upload)
    world.provider.become(ProcessState.COMPLETED)
    for job in world.cloud.jobs():
        world.finalize(job)
    world.clock.advance(DAY + timedelta(hours=1))
    world.sweep()
    assert len(world.provider.processes) == 5
    world.sweep()
    assert world.provider.processes == {}


@pytest.mark.parametrize(
    "trouble",
    [OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401"), ProviderUnavailable("HTTP 503"), Throttled("HTTP 429")],
    ids=str,
)
def test_trouble_at_the_provider_only_delays_the_forgetting(world: World, trouble: Exception) -> None:
    settled(world)

    def fail(process_id: str) -> None:
        raise trouble

    world.ports["provider"] = Replaced(world.provider, forget=fail)
    world.clock.advance(DAY)
    world.sweep()
    world.ports["provider"] = world.provider
    assert len(world.provider.processes) == 1
    world.clock.advance(timedelta(hours=1))
    world.sweep()
    assert world.provider.processes == {}


def test_a_rerun_that_the_index_does_not_show_yet_stays_among_the_jobs_to_look_at(world: World) -> None:
    job = settled(world)
    world.clock.advance(DAY)
    world.operate.rerun(job.job_id, completed=True)

    def lagging(**request: Any) -> Any:
        shown = request["ExpressionAttributeValues"][":word"] == {"S": LISTED}
        return {"Items": [items.job_key(job.job_id)] if shown else []}

    backlog = world.ports["sweep_queries"]
    world.ports["sweep_queries"] = replace(
        backlog, table=LedgerTable(Replaced(world.cloud.dynamodb, query=lagging), TABLE)
    )
    world.sweep()
    world.ports["sweep_queries"] = backlog
    world.clock.advance(timedelta(minutes=15))
    world.sweep_and_deliver()
    assert (world.job().run, world.job().status) == (2, JobStatus.PROCESSING)
