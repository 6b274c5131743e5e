"""Tests workers that die before or after each effect. The next worker completes the job, and the job is paid once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
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
    ("outputs", "find"), ("provider", "result"), ("sources", "find"), ("sources", "tags"), ("outputs", "write"),
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
def test_submit_may_die_at_any_step(application: ApplicationUnderTest, step: tuple[str, str], after: bool) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.provider.listed_after = timedelta(seconds=60)
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    assert len(application.provider.processes) == len(application.executions.running) == 1
    application.provider.become(ProcessState.COMPLETED)
    finalize_until_done(application)
    assert_paid_once_and_completed(application)


@pytest.mark.parametrize("step", DOUBT_STEPS, ids=ids)
@WHEN
def test_the_lookup_of_a_lost_submit_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    kill(application, "provider", "submit", after=True)
    with pytest.raises(WorkerDied):
        application.submit(upload)
    application.clock.advance(LEASE)
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    application.provider.become(ProcessState.COMPLETED)
    finalize_until_done(application)
    assert_paid_once_and_completed(application)


@pytest.mark.parametrize("step", RESEND_STEPS, ids=ids)
@WHEN
def test_sending_again_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    kill(application, "provider", "submit", after=False)
    with pytest.raises(WorkerDied):
        application.submit(upload)
    application.clock.advance(LEASE)
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    application.provider.become(ProcessState.COMPLETED)
    finalize_until_done(application)
    assert_paid_once_and_completed(application)


@pytest.mark.parametrize("step", FINALIZE_STEPS, ids=ids)
@WHEN
def test_finalize_may_die_at_any_step(application: ApplicationUnderTest, step: tuple[str, str], after: bool) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), tags="label=x"))
    application.provider.become(ProcessState.COMPLETED)
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert_paid_once_and_completed(application)
    assert application.cloud.versions("a.jpg") == 1  # the published result was not copied again


@pytest.mark.parametrize("step", REFUSE_STEPS, ids=ids)
@WHEN
def test_a_refusal_may_die_at_any_step(application: ApplicationUnderTest, step: tuple[str, str], after: bool) -> None:
    upload = application.cloud.put("a.jpg", b"no picture")
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    assert (application.job().status, application.provider.processes) == (JobStatus.REJECTED, {})
    assert application.cloud.report("a.jpg") is not None
    assert set(application.bus.kinds) == {"Job Rejected"}


@pytest.mark.parametrize("step", FINALIZE_DOUBT_STEPS, ids=ids)
@WHEN
def test_handing_a_late_process_to_a_person_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.clock.advance(timedelta(hours=24))
    application.provider.cancels = False
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert_a_person_is_called(application)


@pytest.mark.parametrize("step", LOSE_STEPS, ids=ids)
@WHEN
def test_losing_a_paid_result_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.provider.become(ProcessState.EXPIRED)
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert (application.job().status, application.job().error_code) == (JobStatus.FAILED, "ResultLost")
    assert (application.cloud.budget("topaz", MONTH)["spent"], set(application.bus.kinds)) == (1, {"Job Failed"})
    assert application.cloud.report("a.jpg") is not None
    application.assert_books_balance()


@pytest.mark.parametrize("step", [("provider", "cancel"), *REFUSE_STEPS], ids=ids)
@WHEN
def test_a_time_out_may_die_at_any_step(application: ApplicationUnderTest, step: tuple[str, str], after: bool) -> None:
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.clock.advance(timedelta(hours=24))
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert (application.job().status, application.job().error_code) == (JobStatus.FAILED, "TimedOut")
    assert (application.provider.charged, application.job().status in TERMINAL) == (0, True)
    application.assert_books_balance()
