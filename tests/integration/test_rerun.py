"""Tests rerun. The next run is checked, reserved and paid anew. The earlier run is kept, and its workers can change
nothing any more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, Cloud
from tests.integration.ledger_support import limits
from tests.integration.time_support import (
    LEASE,
    Replaced,
    all_runs,
    assert_every_run_is_in_the_books,
    uploads,
)

from darkroom.errors import ErrorCode, Inapplicable, LostClaim, ProviderRejected, SubmitInDoubt
from darkroom.model import Job, JobDue, JobStatus, ProcessState, Upload

DAY = START.date()


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    return application.cloud.put("a.jpg", picture())


def fail(application: ApplicationUnderTest, upload: Upload) -> Job:
    """Submit the upload, let its process fail at the provider, and return the failed job."""
    application.deliver(upload)
    application.provider.become(ProcessState.FAILED, application.job().process.process_id)
    application.finalize(application.job())
    return application.job()


def rerun(application: ApplicationUnderTest, reference: str = "a.jpg", **how: bool) -> Job:
    """Start the next run and send it to the provider."""
    application.operate.rerun(reference, **how)
    application.submit(application.queue.sent[-1][0])
    return application.job()


def raise_limit(application: ApplicationUnderTest, credits: str) -> None:
    application.limits = limits(credits)
    application.ledger = application.ports["ledger"] = application.make_ledger(application.cloud.dynamodb)


def count(application: ApplicationUnderTest, status: JobStatus, code: str | None = None) -> int:
    return sum((job.status, job.error_code) == (status, code) for job in application.cloud.jobs())


def rerun_all(application: ApplicationUnderTest, first: date = DAY, last: date = DAY) -> int:
    """Rerun every job that was rejected for the budget, and deliver the messages. Return the number of jobs."""
    again = [
        application.operate.rerun(job.job_id)
        for job in list(application.operate.ended_with("BudgetExceeded", first, last))
    ]
    for what, _ in application.queue.sent[-len(again) :] if again else []:
        application.submit(what)
    return len(again)


def test_a_run_that_failed_is_paid_again_once_and_completes(application: ApplicationUnderTest, upload: Upload) -> None:
    fail(application, upload)
    job = rerun(application)
    assert application.queue.sent == [(JobDue(job.job_id), 0)]
    assert (job.status, job.run, job.process.process_id, job.error_code) == (JobStatus.PROCESSING, 2, "process-2", None)
    application.provider.become(ProcessState.COMPLETED, "process-2")
    application.finalize(job)
    assert (application.job().status, application.provider.charged, application.cloud.keys()) == (
        JobStatus.COMPLETED,
        1,
        {"a.jpg"},
    )
    assert application.bus.kinds == ["Job Failed", "Job Completed"]
    assert_every_run_is_in_the_books(application.cloud)


def test_the_run_before_is_kept_as_it_ended(application: ApplicationUnderTest, upload: Upload) -> None:
    before = fail(application, upload)
    rerun(application)
    kept, now = sorted(all_runs(application.cloud), key=lambda run: run.run)
    assert kept == replace(before, due_at=None)
    assert now.run == 2


def test_each_of_three_runs_is_kept_and_booked(application: ApplicationUnderTest, upload: Upload) -> None:
    application.complete(upload)
    for number in (2, 3):
        job = rerun(application, completed=True)
        application.provider.become(ProcessState.COMPLETED, job.process.process_id)
        application.finalize(job)
        assert application.job().run == number
    assert sorted(run.run for run in all_runs(application.cloud)) == [1, 2, 3]
    assert application.cloud.budget("topaz", MONTH)["spent"] == application.provider.charged == 3
    assert_every_run_is_in_the_books(application.cloud)


def test_a_result_is_paid_for_twice_only_on_demand(application: ApplicationUnderTest, upload: Upload) -> None:
    application.complete(upload)
    with pytest.raises(Inapplicable, match="--completed"):
        application.operate.rerun("a.jpg")
    assert (application.job().run, len(application.queue.sent)) == (1, 0)


def test_a_job_that_is_not_over_is_not_run_again(application: ApplicationUnderTest, upload: Upload) -> None:
    application.deliver(upload)
    with pytest.raises(Inapplicable, match="PROCESSING"):
        application.operate.rerun("a.jpg")
    assert application.job().run == 1


def test_the_result_of_the_next_run_replaces_the_one_before(application: ApplicationUnderTest, upload: Upload) -> None:
    application.complete(upload)
    job = rerun(application, completed=True)
    application.provider.processes["process-2"].result = picture(noise=9)
    application.provider.become(ProcessState.COMPLETED, "process-2")
    application.finalize(job)
    assert application.cloud.body("a.jpg") == application.provider.processes["process-2"].result
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-process-id"] == "process-2"


def test_duplicates_of_old_messages_raise_no_run(application: ApplicationUnderTest, upload: Upload) -> None:
    fail(application, upload)
    application.operate.rerun("a.jpg")
    due = application.queue.sent[-1][0]
    for message in (upload, due, upload, due, upload):
        application.submit(message)
        application.clock.advance(timedelta(minutes=7))
    application.sweep_and_deliver()
    assert (application.job().run, len(application.provider.processes)) == (2, 2)
    assert_every_run_is_in_the_books(application.cloud)


def test_a_rerun_whose_message_is_lost_is_made_by_the_sweep(application: ApplicationUnderTest, upload: Upload) -> None:
    fail(application, upload)
    application.operate.rerun("a.jpg")
    application.queue.sent.clear()
    application.clock.advance(1)
    application.sweep_and_deliver()
    assert (application.job().run, application.job().status) == (2, JobStatus.PROCESSING)


def test_a_job_read_before_its_rerun_changes_nothing(application: ApplicationUnderTest, upload: Upload) -> None:
    old = fail(application, upload)
    rerun(application)
    before = application.cloud.rows()
    assert application.finalize(old).status == "ABSENT"
    assert application.poll(old).status == "ended"
    with pytest.raises(LostClaim):
        application.ports["operator_ledger"].rerun(old, application.clock(), application.clock())
    with pytest.raises(LostClaim):
        application.ledger.settle(
            replace(old, status=JobStatus.PROCESSING), JobStatus.FAILED, Decimal(0), application.clock()
        )
    application.ledger.mark_published(old, application.clock())
    application.ports["sweep_queries"].mark_forgotten(old)
    assert application.cloud.rows() == before


def test_a_worker_of_the_old_run_that_held_its_claim_sends_nothing(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    tags = application.ports["sources"].tags

    def slow(source: Any) -> Any:
        application.ports["sources"] = sources
        application.operate.cancel("a.jpg")
        rerun(application)
        return tags(source)

    sources = application.ports["sources"]
    application.ports["sources"] = Replaced(sources, tags=slow)
    application.submit(upload)
    assert (application.job().run, application.job().status, len(application.provider.processes)) == (
        2,
        JobStatus.PROCESSING,
        1,
    )
    assert_every_run_is_in_the_books(application.cloud)


def test_a_submit_of_the_old_run_that_answers_late_is_cancelled_and_written_down(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    submit, application.provider.lists = application.provider.submit, False

    def slow(*args: Any) -> Any:
        application.ports["provider"] = application.provider
        application.clock.advance(LEASE + timedelta(minutes=5))
        application.submit(upload)
        application.operate.abandon("a.jpg")
        rerun(application)
        return submit(*args)

    application.ports["provider"] = Replaced(application.provider, submit=slow)
    application.submit(upload)
    job = application.job()
    assert (job.run, job.status, job.process.process_id) == (2, JobStatus.PROCESSING, "process-1")
    assert (job.orphans, application.provider.charged) == (("process-2",), 1)
    assert_every_run_is_in_the_books(application.cloud)


def test_a_rerun_of_a_deleted_source_is_withdrawn_unpaid(application: ApplicationUnderTest, upload: Upload) -> None:
    fail(application, upload)
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    job = rerun(application)
    assert (job.run, job.status, job.error_code) == (2, JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert_every_run_is_in_the_books(application.cloud)


def test_a_rerun_may_be_refused_in_its_own_right(application: ApplicationUnderTest, upload: Upload) -> None:
    fail(application, upload)
    application.provider.refusals = [ProviderRejected("HTTP 422")]
    assert (rerun(application).status, application.job().run) == (JobStatus.REJECTED, 2)
    assert_every_run_is_in_the_books(application.cloud)


def test_a_lost_submit_of_the_next_run_is_not_taken_for_the_one_before(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.complete(upload)
    application.provider.refusals = [SubmitInDoubt("lost")]
    rerun(application, completed=True)
    application.deliver(upload)
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-2")


def test_a_burst_is_paid_up_to_the_budget_and_the_rest_once_the_limit_is_raised(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=limits("5"))
    for upload in uploads(application, 50):
        application.submit(upload)
        assert application.cloud.budget("topaz", MONTH)["committed"] <= 5
    assert (application.provider.charged, count(application, JobStatus.PROCESSING)) == (5, 5)
    assert count(application, JobStatus.REJECTED, "BudgetExceeded") == 45
    raise_limit(application, "50")
    assert rerun_all(application) == 45
    assert (application.provider.charged, count(application, JobStatus.PROCESSING)) == (50, 50)
    assert application.cloud.budget("topaz", MONTH)["committed"] == 50
    assert rerun_all(application) == 0
    assert_every_run_is_in_the_books(application.cloud)


def test_what_a_month_refused_is_paid_from_the_next_ones_budget(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=limits("3"))
    for upload in uploads(application, 8):
        application.submit(upload)
    application.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    assert rerun_all(application) == 5
    assert (application.provider.charged, count(application, JobStatus.REJECTED, "BudgetExceeded")) == (6, 2)
    assert (account.budget("topaz", MONTH)["reserved"], account.budget("topaz", "2026-12")["reserved"]) == (3, 3)
    assert_every_run_is_in_the_books(account)


def test_only_jobs_of_the_days_and_the_code_that_are_named_run_again(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=limits("1"))
    application.submit(application.cloud.put("paid.jpg", picture()))
    application.submit(application.cloud.put("broken.jpg", b"no picture"))
    for day in range(4):
        application.submit(application.cloud.put(f"{day}.jpg", picture()))
        application.clock.advance(timedelta(days=1))
    raise_limit(application, "9")
    assert rerun_all(application, DAY + timedelta(days=1), DAY + timedelta(days=2)) == 2
    rerun_keys = {job.source_key for job in application.cloud.jobs() if job.run == 2}
    assert rerun_keys == {"1.jpg", "2.jpg"}
