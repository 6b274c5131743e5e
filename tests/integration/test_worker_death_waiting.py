"""Tests workers that die while their job waits for a lookup, an operator or a probe. Only the sweep continues such a job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
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
def test_noting_a_lost_answer_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.provider.losses, application.provider.listed_after = [SubmitInDoubt("lost")], timedelta(seconds=60)
    kill(application, *step, after=after)
    sweep_until_done(application, upload)
    finish(application)


@pytest.mark.parametrize("step", ANOTHER_KEY_STEPS, ids=ids)
@WHEN
def test_handing_a_lost_submit_to_a_person_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    kill(application, "provider", "submit", after=False)
    with pytest.raises(WorkerDied):
        application.submit(upload)
    application.provider.key = application.provider.next_key = "another-key"
    application.clock.advance(LEASE)
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    assert_a_person_is_called(application)


@pytest.mark.parametrize("step", OPERATOR_STEPS, ids=ids)
@WHEN
def test_waiting_for_an_operator_may_begin_with_a_death_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.provider.refusals = [OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401")]
    kill(application, *step, after=after)
    sweep_until_done(application, upload)
    finish(application)


@pytest.mark.parametrize("step", PROBE_STEPS, ids=ids)
@WHEN
def test_the_probe_of_an_open_circuit_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.provider.refusals = [OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401")]
    application.submit(upload)
    application.clock.advance(timedelta(minutes=15))
    kill(application, *step, after=after)
    sweep_until_done(application)
    finish(application)
    # This submit closes the circuit, if the probe's worker died before it did.
    application.deliver(application.cloud.put("b.jpg", picture()))
    assert application.ports["circuits"].get("topaz") is None
    assert {job.status for job in application.cloud.jobs()} == {JobStatus.COMPLETED, JobStatus.PROCESSING}
