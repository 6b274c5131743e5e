"""Helpers for tests in which workers die. They kill a worker at a call, deliver its message again, and check the end."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, MONTH, ApplicationUnderTest

from darkroom.model import Alarm, JobStatus, ProcessState, Upload

LEASE = INVOCATION + timedelta(seconds=61)
WHEN = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
PLANNED: list[Dying] = []

# The deaths after the settlement. They leave the staged result behind, and the bucket's lifecycle rule deletes it later.
# Each entry is a port, its method, and whether the worker dies after the method's effect.
LEAVES = {
    ("ledger", "settle", True), ("events", "publish", False), ("events", "publish", True), ("ledger", "mark_published", False),
    ("ledger", "mark_published", True), ("staging", "drop", False),
}  # fmt: skip


class WorkerDied(BaseException):
    """Raised to kill a worker. It does not derive from Exception, so the code under test does not catch it."""


class Dying:
    """Wraps a port. The first call of `method` kills the worker, before or after the method's effect."""

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


def kill(application: ApplicationUnderTest, port: str, method: str, *, after: bool) -> None:
    """Let the next worker that calls this method of the port die. `deaths_happened` checks that this took place."""
    application.ports[port] = Dying(application.ports[port], method, after=after)
    PLANNED.append(application.ports[port])


def deaths_happened() -> bool:
    """Say whether every planned death happened. If a step was never reached, its test would prove nothing."""
    struck = all(planned.struck for planned in PLANNED)
    PLANNED.clear()
    return struck


def deliver_until_done(application: ApplicationUnderTest, upload: Upload) -> None:
    """Deliver the upload's message until a worker survives. After each death, wait until the message is visible again."""
    for _ in range(3):
        try:
            application.deliver(upload)
            return
        except WorkerDied:
            application.clock.advance(LEASE)
    raise AssertionError("the worker died three times")


def finalize_until_done(application: ApplicationUnderTest) -> None:
    """Call finalize until a worker survives, as the state machine's retries do."""
    for _ in range(3):
        try:
            application.finalize(application.job())
            return
        except WorkerDied:
            application.clock.advance(LEASE)
    raise AssertionError("the worker died three times")


def sweep_until_done(application: ApplicationUnderTest, upload: Upload | None = None) -> None:
    """Deliver `upload` once, if it is given, and then sweep until the job runs at the provider. Workers may die on the way."""
    with suppress(WorkerDied):
        application.submit(upload) if upload else application.sweep_and_deliver()
    for _ in range(12):
        if application.job().status is JobStatus.PROCESSING and application.executions.running:
            return
        application.clock.advance(timedelta(minutes=5))
        with suppress(WorkerDied):
            application.sweep_and_deliver()
    raise AssertionError(f"after an hour of sweeps, the job is still {application.job().status}")


def assert_a_person_is_called(application: ApplicationUnderTest) -> None:
    """Check that the job is in doubt, keeps its reservation, and raised an alarm, at the latest in the next sweep."""
    application.sweep()
    assert (application.job().status, Alarm.IN_DOUBT in application.alerts.rung) == (JobStatus.IN_DOUBT, True)
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1
    assert (application.cloud.keys(), set(application.bus.kinds)) == (set(), {"Job In Doubt"})
    application.bus.sent.clear()
    application.sweep()
    assert application.bus.sent == []  # the event is not sent every minute
    application.assert_books_balance()


def assert_paid_once_and_completed(application: ApplicationUnderTest) -> None:
    job = application.job()
    assert (job.status, job.run, application.provider.charged) == (JobStatus.COMPLETED, 1, 1)
    assert application.cloud.body("a.jpg") == application.provider.processes[job.process.process_id].result
    assert set(application.bus.kinds) == {"Job Completed"}
    assert application.ledger.get(job.job_id).published_at is not None  # type: ignore[union-attr]
    assert application.cloud.budget("topaz", MONTH)["spent"] == 1
    application.assert_books_balance()


def finish(application: ApplicationUnderTest) -> None:
    """Let the provider complete the process, then call finalize until a worker survives."""
    application.provider.become(ProcessState.COMPLETED)
    finalize_until_done(application)
    assert_paid_once_and_completed(application)
