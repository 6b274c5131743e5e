"""The death of a worker before or after each effect: the next worker completes the job, and it is paid once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.fakes.application import MONTH, World, picture
from tests.integration.worker_death_support import (
    LEASE,
    WHEN,
    WorkerDied,
    assert_a_person_is_called,
    assert_paid_once_and_completed,
    deaths_happened,
    deliver_until_done,
    finalize_until_done,
    ids,
    kill,
)

from darkroom.model import TERMINAL, JobStatus, ProcessState

SUBMIT_STEPS = [
    ("sources", "find"), ("ledger", "claim"), ("sources", "tags"), ("sources", "is_deleted"), ("sources", "reader"),
    ("circuits", "get"), ("provider", "key_fingerprint"), ("ledger", "claim_output"), ("ledger", "reserve"),
    ("sources", "open"), ("provider", "submit"), ("ledger", "bind"), ("executions", "start"),
]  # fmt: skip
DOUBT_STEPS = [
    ("ledger", "get"), ("ledger", "take_over"), ("staging", "find"), ("provider", "key_fingerprint"), ("provider", "find"),
    ("ledger", "bind"), ("executions", "start"),
]  # fmt: skip
RESEND_STEPS = [("ledger", "take_over"), ("staging", "find"), ("provider", "find"), ("ledger", "release")]
FINALIZE_STEPS = [
    ("ledger", "get"), ("ledger", "take_over"), ("provider", "progress"), ("ledger", "lock_output"),
    ("outputs", "receipt"), ("provider", "result"), ("sources", "find"), ("sources", "tags"), ("outputs", "write"),
    ("outputs", "remove_report"), ("ledger", "settle"), ("events", "publish"), ("ledger", "mark_published"),
]  # fmt: skip
FINALIZE_DOUBT_STEPS = [
    ("ledger", "get"), ("ledger", "take_over"), ("provider", "progress"), ("provider", "cancel"), ("ledger", "mark_in_doubt"),
    ("alerts", "call"),
]  # fmt: skip
LOSE_STEPS = [
    ("ledger", "take_over"), ("provider", "progress"), ("outputs", "write_report"), ("ledger", "settle"),
    ("events", "publish"), ("ledger", "mark_published"),
]  # fmt: skip
REFUSE_STEPS = [("outputs", "write_report"), ("ledger", "settle"), ("events", "publish"), ("ledger", "mark_published")]


@pytest.fixture(autouse=True)
def every_planned_death_happens() -> Iterator[None]:
    yield
    assert deaths_happened()


@pytest.mark.parametrize("step", SUBMIT_STEPS, ids=ids)
@WHEN
def test_submit_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.provider.listed_after = timedelta(seconds=60)
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    assert len(world.provider.processes) == len(world.executions.running) == 1
    world.provider.become(ProcessState.COMPLETED)
    finalize_until_done(world)
    assert_paid_once_and_completed(world)


@pytest.mark.parametrize("step", DOUBT_STEPS, ids=ids)
@WHEN
def test_the_lookup_of_a_lost_submit_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    kill(world, "provider", "submit", after=True)
    with pytest.raises(WorkerDied):
        world.submit(upload)
    world.clock.advance(LEASE)
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    world.provider.become(ProcessState.COMPLETED)
    finalize_until_done(world)
    assert_paid_once_and_completed(world)


@pytest.mark.parametrize("step", RESEND_STEPS, ids=ids)
@WHEN
def test_sending_again_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    kill(world, "provider", "submit", after=False)
    with pytest.raises(WorkerDied):
        world.submit(upload)
    world.clock.advance(LEASE)
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    world.provider.become(ProcessState.COMPLETED)
    finalize_until_done(world)
    assert_paid_once_and_completed(world)


@pytest.mark.parametrize("step", FINALIZE_STEPS, ids=ids)
@WHEN
def test_finalize_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    world.deliver(world.cloud.put("a.jpg", picture(), tags="label=x"))
    world.provider.become(ProcessState.COMPLETED)
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert_paid_once_and_completed(world)
    assert world.cloud.versions("a.jpg") == 1  # the published result was not copied again


@pytest.mark.parametrize("step", REFUSE_STEPS, ids=ids)
@WHEN
def test_a_refusal_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", b"no picture")
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    assert (world.job().status, world.provider.processes) == (JobStatus.REJECTED, {})
    assert world.cloud.report("a.jpg") is not None
    assert set(world.bus.kinds) == {"Job Rejected"}


@pytest.mark.parametrize("step", FINALIZE_DOUBT_STEPS, ids=ids)
@WHEN
def test_handing_a_late_process_to_a_person_may_die_at_any_step(
    world: World, step: tuple[str, str], after: bool
) -> None:
    world.deliver(world.cloud.put("a.jpg", picture()))
    world.clock.advance(timedelta(hours=24))
    world.provider.cancels = False
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert_a_person_is_called(world)


@pytest.mark.parametrize("step", LOSE_STEPS, ids=ids)
@WHEN
def test_losing_a_paid_result_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    world.deliver(world.cloud.put("a.jpg", picture()))
    world.provider.become(ProcessState.EXPIRED)
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert (world.job().status, world.job().error_code) == (JobStatus.FAILED, "ResultLost")
    assert (world.cloud.budget("topaz", MONTH)["spent"], set(world.bus.kinds)) == (1, {"Job Failed"})
    assert world.cloud.report("a.jpg") is not None
    world.assert_books_balance()


@pytest.mark.parametrize("step", [("provider", "cancel"), *REFUSE_STEPS], ids=ids)
@WHEN
def test_a_time_out_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    world.deliver(world.cloud.put("a.jpg", picture()))
    world.clock.advance(timedelta(hours=24))
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert (world.job().status, world.job().error_code) == (JobStatus.FAILED, "TimedOut")
    assert (world.provider.charged, world.job().status in TERMINAL) == (0, True)
    world.assert_books_balance()
