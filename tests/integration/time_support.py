"""Helpers for tests that run over simulated days and months. They add uploads, let a worker die, and check the budgets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, MONTH, ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud

from darkroom.aws import items
from darkroom.model import TERMINAL, Job, Upload

LEASE = INVOCATION + timedelta(seconds=61)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)


class WorkerDied(BaseException):
    """Raised to kill a worker. It does not derive from Exception, so the code under test does not catch it."""


def die(*_: Any, **__: Any) -> Any:
    """Kill the worker. A test puts this function in the place of a method, whose effect then does not happen."""
    raise WorkerDied


def dead_after(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `method`, so that it has its effect, and then kills the worker."""

    def call(*args: Any, **named: Any) -> Any:
        method(*args, **named)
        raise WorkerDied

    return call


class Replaced:
    """Wraps a port and replaces some of its methods. Raises AttributeError for a method that the port does not have."""

    def __init__(self, port: Any, **methods: Any) -> None:
        for name in methods:
            getattr(port, name)
        self._port = port
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def submit_and_die(application: ApplicationUnderTest, what: Upload, port: str, **methods: Any) -> None:
    """Deliver `what` once to a worker that dies in one of `methods` of `port`. The message is not delivered again."""
    whole = application.ports[port]
    application.ports[port] = Replaced(whole, **methods)
    with pytest.raises(WorkerDied):
        application.submit(what)
    application.ports[port] = whole


def uploads(application: ApplicationUnderTest, count: int, first: str = "") -> list[Upload]:
    """Upload `count` pictures, each under its own key that begins with `first`."""
    body = picture()
    return [application.cloud.put(f"{first}{number:03}.jpg", body) for number in range(count)]


def job_of(application: ApplicationUnderTest, upload: Upload) -> Job:
    """Return the job of an upload to a versioned bucket."""
    (job,) = [
        j for j in application.cloud.jobs() if (j.source_key, j.source_version) == (upload.key, upload.version_id)
    ]
    return job


def all_runs(cloud: Cloud) -> list[Job]:
    """Return every run of every job, the current ones and the earlier ones."""
    return [items.job_of(row) for row in cloud.rows() if row["pk"]["S"].startswith("JOB#")]


def assert_every_run_is_in_the_books(cloud: Cloud) -> None:
    """Check that every budget row equals the sum of its month's runs, and that every run is in a budget row."""
    runs = [run for run in all_runs(cloud) if run.reservation]
    periods = {(row["pk"]["S"].removeprefix("BUDGET#"), row["sk"]["S"]) for row in cloud.rows() if _is_budget(row)}
    assert {(unit, run.reservation.budget_month) for run in runs for unit in (run.provider, "usd")} <= periods
    for unit, month in periods:
        booked = cloud.budget(unit, month)
        held = [run for run in runs if run.reservation.budget_month == month and unit in (run.provider, "usd")]
        reserved = [_worth(run, run.reservation.credits_reserved, unit) for run in held if run.status not in TERMINAL]
        spent = [_worth(run, run.credits, unit) for run in held if run.status in TERMINAL]
        assert (booked["reserved"], booked["spent"]) == (sum(reserved), sum(spent))
        assert booked["committed"] == booked["reserved"] + booked["spent"]
        assert booked["jobs"] == len(held)


def _is_budget(row: Any) -> bool:
    return bool(row["pk"]["S"].startswith("BUDGET#"))


def _worth(run: Job, credits: Decimal | None, unit: str) -> Decimal:
    return (credits or Decimal(0)) * (run.reservation.credit_price_usd if unit == "usd" else 1)


def follow(application: ApplicationUnderTest, polls: int = 5) -> Job:
    """Poll and finalize the job as its execution would, until the job has ended or `polls` are used up."""
    for _ in range(polls):
        job = application.job()
        if job.is_terminal:
            break
        application.clock.advance(MINUTE)
        if application.poll(job).status == "ended":
            application.finalize(job)
    return application.job()


def committed(application: ApplicationUnderTest) -> int:
    """Return the credits reserved and spent this month."""
    return int(application.cloud.budget("topaz", MONTH)["committed"])


def writing(application: ApplicationUnderTest, write: Any) -> None:
    """Let `write` be called instead of the output bucket's."""
    application.ports["outputs"] = Replaced(application.ports["outputs"], write=write)


def refusing(error: Exception) -> Any:
    """Return a function that raises the error, whatever it is given."""

    def write(*args: Any) -> None:
        raise error

    return write
