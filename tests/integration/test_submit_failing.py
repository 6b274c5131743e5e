"""What submit does about jobs whose attempts fail: which messages fail too, and when a person decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, START, ApplicationUnderTest, picture
from tests.integration.time_support import LEASE, MINUTE, Replaced, die, submit_and_die

from darkroom.errors import LedgerBusy, SubmitInDoubt, Throttled
from darkroom.model import JobDue, JobStatus, Upload
from darkroom.pipeline.message_outcomes import Done, RetryLater
from darkroom.pipeline.submit import CONTENDED_WAIT_SECONDS


def bug(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a bug")


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    return application.cloud.put("a.jpg", picture())


@pytest.fixture
def failing(application: ApplicationUnderTest, upload: Upload) -> ApplicationUnderTest:
    """Return an application with one job whose attempt failed, and which will fail again."""
    application.ports["sources"] = Replaced(application.ports["sources"], tags=bug)
    with pytest.raises(RuntimeError, match="a bug"):
        application.submit(upload)
    application.clock.advance(MINUTE)
    return application


def test_a_due_job_that_fails_for_the_first_time_fails_its_message(failing: ApplicationUnderTest) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        failing.submit(JobDue(failing.job().job_id))


def test_a_due_job_that_failed_before_and_fails_again_is_left_to_the_sweep(failing: ApplicationUnderTest) -> None:
    """The dead-letter queue has its upload's message already."""
    outcome = failing.submit(JobDue(failing.job().job_id, after_failure=True))
    assert isinstance(outcome, Done)
    assert (failing.job().status, failing.job().error) == (JobStatus.CLAIMED, "submit failed: RuntimeError")


def test_a_message_after_failures_is_taken_a_second_time_only_if_no_worker_died_over_it(
    failing: ApplicationUnderTest,
) -> None:
    due = JobDue(failing.job().job_id, after_failure=True)
    failing.ports["sources"] = failing.ports["sources"]._port
    submit_and_die(failing, due, "sources", tags=die)
    failing.clock.advance(LEASE)
    left = failing.job()
    assert failing.submit(due, is_repeated=True) == Done(left)
    assert failing.job() == left
    failing.ledger.postpone(failing.ledger.take_over(left, failing.clock(), failing.ends), failing.clock(), error="")
    failing.submit(due, is_repeated=True)
    assert failing.job().status is JobStatus.PROCESSING


@pytest.mark.parametrize(
    ("failing_for", "status"),
    [(timedelta(minutes=50), JobStatus.SUBMITTING), (timedelta(minutes=70), JobStatus.IN_DOUBT)],
)
def test_an_outage_of_less_than_an_hour_at_the_deadline_calls_no_person(
    application: ApplicationUnderTest, upload: Upload, failing_for: timedelta, status: JobStatus
) -> None:
    application.provider.losses = [SubmitInDoubt("time-out")]
    application.submit(upload)
    whole = application.ports["staging"]
    application.ports["staging"] = Replaced(whole, find=bug)
    application.clock.now = START + DEADLINE - timedelta(minutes=1)
    due = JobDue(application.job().job_id, after_failure=True)
    application.submit(due)
    application.clock.advance(failing_for)
    application.submit(due)
    assert application.job().status is status
    application.ports["staging"] = whole
    application.clock.advance(MINUTE)
    application.deliver(due)  # type: ignore[arg-type]
    assert application.job().status is (JobStatus.PROCESSING if status is JobStatus.SUBMITTING else status)


def test_after_a_conflict_the_job_is_due_when_its_message_comes_again(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    def busy(*_: Any) -> Any:
        raise LedgerBusy("contended")

    application.ports["circuits"] = Replaced(application.ports["circuits"], get=busy)
    assert application.submit(upload) == RetryLater(CONTENDED_WAIT_SECONDS, "contended")
    due_at = START + timedelta(seconds=CONTENDED_WAIT_SECONDS)
    assert (application.job().next_attempt_at, application.job().lease_until) == (due_at, None)


def test_while_a_worker_continues_a_job_the_sweep_leaves_it_alone(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.refusals = [Throttled("HTTP 429")]
    application.submit(upload)
    application.clock.advance(MINUTE)
    submit = application.provider.submit

    def slow(*told: Any) -> Any:
        application.clock.advance(INVOCATION)
        application.sweep()
        return submit(*told)

    application.ports["provider"] = Replaced(application.provider, submit=slow)
    application.submit(JobDue(application.job().job_id))
    assert (application.job().status, application.queue.sent) == (JobStatus.PROCESSING, [])
