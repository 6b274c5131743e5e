"""Helpers for workers that die: a port whose call kills, redeliveries after it, and what must be true in the end."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, MONTH, World

from darkroom.model import Alarm, JobStatus, ProcessState, Upload

LEASE = INVOCATION + timedelta(seconds=61)
WHEN = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
PLANNED: list[Dying] = []

# A worker that dies after the settlement leaves the staged result, which the bucket's lifecycle deletes.
LEAVES = {
    ("ledger", "settle", True), ("events", "publish", False), ("events", "publish", True), ("ledger", "mark_published", False),
    ("ledger", "mark_published", True), ("staging", "drop", False),
}  # fmt: skip


class WorkerDied(BaseException):
    """What a killed process looks like from outside: nothing after it runs."""


class Dying:
    """A port whose first call of `method` kills the worker, before or after its effect."""

    def __init__(self, port: Any, method: str, *, after: bool) -> None:
        self._port, self._method, self._after, self.struck = port, method, after, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._method or self.struck:
            return real

        def call(*args: Any, **named: Any) -> Any:
            self.struck = True
            if self._after:
                real(*args, **named)
            raise WorkerDied

        return call


def ids(step: tuple[str, str]) -> str:
    return ".".join(step)


def kill(world: World, port: str, method: str, *, after: bool) -> None:
    """Make the next worker that calls the port's method die. `deaths_happened` checks that it did."""
    world.ports[port] = Dying(world.ports[port], method, after=after)
    PLANNED.append(world.ports[port])


def deaths_happened() -> bool:
    """Say whether every planned death happened. A step that is never taken would prove nothing."""
    struck = all(planned.struck for planned in PLANNED)
    PLANNED.clear()
    return struck


def deliver_until_done(world: World, upload: Upload) -> None:
    """Deliver again after each death, when the message is visible again."""
    for _ in range(3):
        try:
            world.deliver(upload)
            return
        except WorkerDied:
            world.clock.advance(LEASE)
    raise AssertionError("died three times")


def finalize_until_done(world: World) -> None:
    """Retry like the state machine, until the job has ended."""
    for _ in range(3):
        try:
            world.finalize(world.job())
            return
        except WorkerDied:
            world.clock.advance(LEASE)
    raise AssertionError("died three times")


def sweep_until_done(world: World, upload: Upload | None = None) -> None:
    """Deliver at most one message, once; then sweep. Whatever dies, a later sweep continues."""
    with suppress(WorkerDied):
        world.submit(upload) if upload else world.sweep_and_deliver()
    for _ in range(12):
        if world.job().status is JobStatus.PROCESSING and world.executions.running:
            return
        world.clock.advance(timedelta(minutes=5))
        with suppress(WorkerDied):
            world.sweep_and_deliver()
    raise AssertionError(f"an hour of sweeps left it {world.job().status}")


def assert_a_person_is_called(world: World) -> None:
    """Check that the job is in doubt, keeps its reservation, and was alarmed, if need be by the sweep."""
    world.sweep()
    assert (world.job().status, Alarm.IN_DOUBT in world.bell.rung) == (JobStatus.IN_DOUBT, True)
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1
    assert (world.cloud.keys(), world.bus.kinds) == (set(), [])
    world.assert_books_balance()


def assert_paid_once_and_completed(world: World) -> None:
    job = world.job()
    assert (job.status, job.run, world.provider.charged) == (JobStatus.COMPLETED, 1, 1)
    assert world.cloud.body("a.jpg") == world.provider.processes[job.process.process_id].result
    assert set(world.bus.kinds) == {"Job Completed"}
    assert world.ledger.get(job.job_id).published_at is not None  # type: ignore[union-attr]
    assert world.cloud.budget("topaz", MONTH)["spent"] == 1
    world.assert_books_balance()


def finish(world: World) -> None:
    """Let the provider do its work, then finalize."""
    world.provider.become(ProcessState.COMPLETED)
    finalize_until_done(world)
    assert_paid_once_and_completed(world)
