"""The death of a worker whose job waits for a lookup, an operator or a probe: only the sweep continues the job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.fakes.application import World, picture
from tests.integration.worker_death_support import (
    LEASE,
    WHEN,
    WorkerDied,
    assert_a_person_is_called,
    deaths_happened,
    deliver_until_done,
    finish,
    ids,
    kill,
    sweep_until_done,
)

from darkroom.errors import ErrorCode, OperatorFault, SubmitInDoubt
from darkroom.model import JobStatus

OF_THE_SWEEP = [("sweep_queries", "due"), ("intake", "requeue"), ("sweep_queries", "reschedule")]
LOST_STEPS = [("ledger", "postpone"), *OF_THE_SWEEP]
ANOTHER_KEY_STEPS = [("ledger", "take_over"), ("provider", "refresh_key"), ("provider", "find"), ("ledger", "mark_in_doubt"),
                     ("alerts", "call")]  # fmt: skip
OPERATOR_STEPS = [
    ("provider", "submit"), ("ledger", "release"), ("circuits", "open"), ("alerts", "call"), *OF_THE_SWEEP,
]  # fmt: skip
PROBE_STEPS = [
    ("circuits", "get"), ("circuits", "probe"), ("ledger", "reserve"), ("provider", "submit"), ("ledger", "bind"),
    ("executions", "start"), ("circuits", "close"), *OF_THE_SWEEP,
]  # fmt: skip


@pytest.fixture(autouse=True)
def every_planned_death_happens() -> Iterator[None]:
    yield
    assert deaths_happened()


@pytest.mark.parametrize("step", LOST_STEPS, ids=ids)
@WHEN
def test_noting_a_lost_answer_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.provider.losses, world.provider.listed_after = [SubmitInDoubt("lost")], timedelta(seconds=60)
    kill(world, *step, after=after)
    sweep_until_done(world, upload)
    finish(world)


@pytest.mark.parametrize("step", ANOTHER_KEY_STEPS, ids=ids)
@WHEN
def test_handing_a_lost_submit_to_a_person_may_die_at_any_step(
    world: World, step: tuple[str, str], after: bool
) -> None:
    upload = world.cloud.put("a.jpg", picture())
    kill(world, "provider", "submit", after=False)
    with pytest.raises(WorkerDied):
        world.submit(upload)
    world.provider.key = world.provider.next_key = "another-key"
    world.clock.advance(LEASE)
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    assert_a_person_is_called(world)


@pytest.mark.parametrize("step", OPERATOR_STEPS, ids=ids)
@WHEN
def test_waiting_for_an_operator_may_begin_with_a_death_at_any_step(
    world: World, step: tuple[str, str], after: bool
) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.provider.refusals = [OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401")]
    kill(world, *step, after=after)
    sweep_until_done(world, upload)
    finish(world)


@pytest.mark.parametrize("step", PROBE_STEPS, ids=ids)
@WHEN
def test_the_probe_of_an_open_circuit_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.provider.refusals = [OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401")]
    world.submit(upload)
    world.clock.advance(timedelta(minutes=15))
    kill(world, *step, after=after)
    sweep_until_done(world)
    finish(world)
    world.deliver(world.cloud.put("b.jpg", picture()))  # the circuit closes at the latest for the next one
    assert world.ports["circuits"].get("topaz") is None
    assert {job.status for job in world.cloud.jobs()} == {JobStatus.COMPLETED, JobStatus.PROCESSING}
