"""Death at any instruction: a worker vanishes before or after each effect; the next one ends the job, paid once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.world import INVOCATION, MONTH, World, picture

from darkroom.model import TERMINAL, JobStatus, ProcessState, Upload

LEASE = INVOCATION + timedelta(seconds=61)


class WorkerDied(BaseException):
    """What a killed process looks like from outside: nothing after it runs."""


class Dying:
    """A port whose first call of `method` kills the worker, before or after it took effect."""

    def __init__(self, port: Any, method: str, *, after: bool) -> None:
        self._port, self._method, self._after, self._spent = port, method, after, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._method or self._spent:
            return real

        def call(*args: Any, **named: Any) -> Any:
            self._spent = True
            if self._after:
                real(*args, **named)
            raise WorkerDied

        return call


SUBMIT_STEPS = [
    ("sources", "find"), ("ledger", "claim"), ("sources", "tags"), ("sources", "reader"),
    ("provider", "key_fingerprint"), ("ledger", "claim_output"), ("ledger", "reserve"),
    ("sources", "open"), ("provider", "submit"), ("ledger", "bind"), ("workflow", "start"),
]  # fmt: skip
DOUBT_STEPS = [("ledger", "retake"), ("provider", "find"), ("ledger", "bind"), ("workflow", "start")]
RESEND_STEPS = [("ledger", "retake"), ("provider", "find"), ("ledger", "release")]
FINALIZE_STEPS = [
    ("ledger", "get"), ("ledger", "retake"), ("provider", "progress"), ("ledger", "take_output"),
    ("outputs", "receipt"), ("provider", "result"), ("sources", "find"), ("sources", "tags"), ("outputs", "write"),
    ("outputs", "remove_report"), ("ledger", "settle"), ("events", "publish"), ("ledger", "published"),
]  # fmt: skip
REFUSE_STEPS = [("outputs", "write_report"), ("ledger", "settle"), ("events", "publish"), ("ledger", "published")]
WHEN = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


def ids(step: tuple[str, str]) -> str:
    return ".".join(step)


def kill(world: World, port: str, method: str, *, after: bool) -> None:
    world.ports[port] = Dying(world.ports[port], method, after=after)


def deliver_until_done(world: World, upload: Upload) -> None:
    """Redelivery after a death, when the message is visible again."""
    for _ in range(3):
        try:
            world.deliver(upload)
            return
        except WorkerDied:
            world.clock.advance(LEASE)
    raise AssertionError("died three times")


def finalize_until_done(world: World) -> None:
    """The state machine's retries, until the job has ended."""
    for _ in range(3):
        try:
            world.finalize(world.job())
            return
        except WorkerDied:
            world.clock.advance(LEASE)
    raise AssertionError("died three times")


def assert_paid_once_and_completed(world: World) -> None:
    job = world.job()
    assert (job.status, job.run, world.provider.charged) == (JobStatus.COMPLETED, 1, 1)
    assert world.cloud.body("a.jpg") == world.provider.processes[job.process_id or ""].result
    assert set(world.bus.kinds) == {"Job Completed"}
    assert world.ledger.get(job.job_id).published_at is not None  # type: ignore[union-attr]
    assert world.cloud.budget("topaz", MONTH)["spent"] == 1
    world.assert_books_balance()


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
    assert world.cloud.versions("a.jpg") == 1  # what stands there was not copied again


@pytest.mark.parametrize("step", REFUSE_STEPS, ids=ids)
@WHEN
def test_a_refusal_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", b"no picture")
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    assert (world.job().status, world.provider.processes) == (JobStatus.REJECTED, {})
    assert world.cloud.report("a.jpg") is not None
    assert set(world.bus.kinds) == {"Job Rejected"}


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
