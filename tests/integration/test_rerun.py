"""Rerun: the next run is checked, reserved and paid anew; the earlier run is kept, and its workers can change
nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import MONTH, START, World, picture
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
from darkroom.model import Job, JobStatus, ProcessState, Upload

DAY = START.date()


@pytest.fixture
def upload(world: World) -> Upload:
    return world.cloud.put("a.jpg", picture())


def fail(world: World, upload: Upload) -> Job:
    """Return a job that the provider failed."""
    world.deliver(upload)
    world.provider.become(ProcessState.FAILED, world.job().process.process_id)
    world.finalize(world.job())
    return world.job()


def rerun(world: World, reference: str = "a.jpg", **how: bool) -> Job:
    """Start the next run and send it to the provider."""
    world.operate.rerun(reference, **how)
    world.submit(world.queue.sent[-1][0])
    return world.job()


def raise_limit(world: World, credits: str) -> None:
    world.limits = limits(credits)
    world.ledger = world.ports["ledger"] = world.make_ledger(world.cloud.dynamodb)


def count(world: World, status: JobStatus, code: str | None = None) -> int:
    return sum((job.status, job.error_code) == (status, code) for job in world.cloud.jobs())


def rerun_all(world: World, first: date = DAY, last: date = DAY) -> int:
    """Rerun every rejected job and deliver the messages. Return how many."""
    again = [world.operate.rerun(job.job_id) for job in list(world.operate.ended_with("BudgetExceeded", first, last))]
    for what, _ in world.queue.sent[-len(again) :] if again else []:
        world.submit(what)
    return len(again)


def test_a_run_that_failed_is_paid_again_once_and_completes(world: World, upload: Upload) -> None:
    fail(world, upload)
    job = rerun(world)
    assert (job.status, job.run, job.process.process_id, job.error_code) == (JobStatus.PROCESSING, 2, "process-2", None)
    world.provider.become(ProcessState.COMPLETED, "process-2")
    world.finalize(job)
    assert (world.job().status, world.provider.charged, world.cloud.keys()) == (JobStatus.COMPLETED, 1, {"a.jpg"})
    assert world.bus.kinds == ["Job Failed", "Job Completed"]
    assert_every_run_is_in_the_books(world.cloud)


def test_the_run_before_is_kept_as_it_ended(world: World, upload: Upload) -> None:
    before = fail(world, upload)
    rerun(world)
    kept, now = sorted(all_runs(world.cloud), key=lambda run: run.run)
    assert kept == replace(before, due_at=None)
    assert now.run == 2


def test_each_of_three_runs_is_kept_and_booked(world: World, upload: Upload) -> None:
    world.complete(upload)
    for number in (2, 3):
        job = rerun(world, completed=True)
        world.provider.become(ProcessState.COMPLETED, job.process.process_id)
        world.finalize(job)
        assert world.job().run == number
    assert sorted(run.run for run in all_runs(world.cloud)) == [1, 2, 3]
    assert world.cloud.budget("topaz", MONTH)["spent"] == world.provider.charged == 3
    assert_every_run_is_in_the_books(world.cloud)


def test_a_result_is_paid_for_twice_only_on_demand(world: World, upload: Upload) -> None:
    world.complete(upload)
    with pytest.raises(Inapplicable, match="--completed"):
        world.operate.rerun("a.jpg")
    assert (world.job().run, len(world.queue.sent)) == (1, 0)


def test_a_job_that_is_not_over_is_not_run_again(world: World, upload: Upload) -> None:
    world.deliver(upload)
    with pytest.raises(Inapplicable, match="PROCESSING"):
        world.operate.rerun("a.jpg")
    assert world.job().run == 1


def test_the_result_of_the_next_run_replaces_the_one_before(world: World, upload: Upload) -> None:
    world.complete(upload)
    job = rerun(world, completed=True)
    world.provider.processes["process-2"].result = picture(noise=9)
    world.provider.become(ProcessState.COMPLETED, "process-2")
    world.finalize(job)
    assert world.cloud.body("a.jpg") == world.provider.processes["process-2"].result
    assert world.cloud.head("a.jpg")["Metadata"]["darkroom-process-id"] == "process-2"


def test_duplicates_of_old_messages_raise_no_run(world: World, upload: Upload) -> None:
    fail(world, upload)
    world.operate.rerun("a.jpg")
    due = world.queue.sent[-1][0]
    for message in (upload, due, upload, due, upload):
        world.submit(message)
        world.clock.advance(timedelta(minutes=7))
    world.sweep_and_deliver()
    assert (world.job().run, len(world.provider.processes)) == (2, 2)
    assert_every_run_is_in_the_books(world.cloud)


def test_a_rerun_whose_message_is_lost_is_made_by_the_sweep(world: World, upload: Upload) -> None:
    fail(world, upload)
    world.operate.rerun("a.jpg")
    world.queue.sent.clear()
    world.clock.advance(1)
    world.sweep_and_deliver()
    assert (world.job().run, world.job().status) == (2, JobStatus.PROCESSING)


def test_a_job_read_before_its_rerun_changes_nothing(world: World, upload: Upload) -> None:
    old = fail(world, upload)
    rerun(world)
    before = world.cloud.rows()
    assert world.finalize(old).status == "ABSENT"
    assert world.poll(old).status == "ended"
    with pytest.raises(LostClaim):
        world.ports["interventions"].rerun(old, world.clock(), world.clock())
    with pytest.raises(LostClaim):
        world.ledger.settle(replace(old, status=JobStatus.PROCESSING), JobStatus.FAILED, Decimal(0), world.clock())
    world.ledger.mark_published(old, world.clock())
    world.ports["sweep_queries"].mark_forgotten(old)
    assert world.cloud.rows() == before


def test_a_worker_of_the_old_run_that_held_its_claim_sends_nothing(world: World, upload: Upload) -> None:
    tags = world.ports["sources"].tags

    def slow(source: Any) -> Any:
        world.ports["sources"] = sources
        world.operate.cancel("a.jpg")
        rerun(world)
        return tags(source)

    sources = world.ports["sources"]
    world.ports["sources"] = Replaced(sources, tags=slow)
    world.submit(upload)
    assert (world.job().run, world.job().status, len(world.provider.processes)) == (2, JobStatus.PROCESSING, 1)
    assert_every_run_is_in_the_books(world.cloud)


def test_a_submit_of_the_old_run_that_answers_late_is_cancelled_and_written_down(world: World, upload: Upload) -> None:
    submit, world.provider.lists = world.provider.submit, False

    def slow(*args: Any) -> Any:
        world.ports["provider"] = world.provider
        world.clock.advance(LEASE + timedelta(minutes=5))
        world.submit(upload)
        world.operate.abandon("a.jpg")
        rerun(world)
        return submit(*args)

    world.ports["provider"] = Replaced(world.provider, submit=slow)
    world.submit(upload)
    job = world.job()
    assert (job.run, job.status, job.process.process_id) == (2, JobStatus.PROCESSING, "process-1")
    assert (job.orphans, world.provider.charged) == (("process-2",), 1)
    assert_every_run_is_in_the_books(world.cloud)


def test_a_rerun_of_a_deleted_source_is_withdrawn_unpaid(world: World, upload: Upload) -> None:
    fail(world, upload)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    job = rerun(world)
    assert (job.run, job.status, job.error_code) == (2, JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert_every_run_is_in_the_books(world.cloud)


def test_a_rerun_may_be_refused_in_its_own_right(world: World, upload: Upload) -> None:
    fail(world, upload)
    world.provider.refusals = [ProviderRejected("HTTP 422")]
    assert (rerun(world).status, world.job().run) == (JobStatus.REJECTED, 2)
    assert_every_run_is_in_the_books(world.cloud)


def test_a_lost_submit_of_the_next_run_is_not_taken_for_the_one_before(world: World, upload: Upload) -> None:
    world.complete(upload)
    world.provider.refusals = [SubmitInDoubt("lost")]
    rerun(world, completed=True)
    world.deliver(upload)
    assert (world.job().status, world.job().process.process_id) == (JobStatus.PROCESSING, "process-2")


def test_a_burst_is_paid_up_to_the_budget_and_the_rest_once_the_limit_is_raised(account: Cloud) -> None:
    world = World(account, limits=limits("20"))
    for upload in uploads(world, 200):
        world.submit(upload)
        assert world.cloud.budget("topaz", MONTH)["committed"] <= 20
    assert (world.provider.charged, count(world, JobStatus.PROCESSING)) == (20, 20)
    assert count(world, JobStatus.REJECTED, "BudgetExceeded") == 180
    raise_limit(world, "200")
    assert rerun_all(world) == 180
    assert (world.provider.charged, count(world, JobStatus.PROCESSING)) == (200, 200)
    assert world.cloud.budget("topaz", MONTH)["committed"] == 200
    assert rerun_all(world) == 0
    assert_every_run_is_in_the_books(world.cloud)


def test_what_a_month_refused_is_paid_from_the_next_ones_budget(account: Cloud) -> None:
    world = World(account, limits=limits("3"))
    for upload in uploads(world, 8):
        world.submit(upload)
    world.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    assert rerun_all(world) == 5
    assert (world.provider.charged, count(world, JobStatus.REJECTED, "BudgetExceeded")) == (6, 2)
    assert (account.budget("topaz", MONTH)["reserved"], account.budget("topaz", "2026-12")["reserved"]) == (3, 3)
    assert_every_run_is_in_the_books(account)


def test_only_jobs_of_the_days_and_the_code_that_are_named_run_again(account: Cloud) -> None:
    world = World(account, limits=limits("1"))
    world.submit(world.cloud.put("paid.jpg", picture()))
    world.submit(world.cloud.put("broken.jpg", b"no picture"))
    for day in range(4):
        world.submit(world.cloud.put(f"{day}.jpg", picture()))
        world.clock.advance(timedelta(days=1))
    raise_limit(world, "9")
    assert rerun_all(world, DAY + timedelta(days=1), DAY + timedelta(days=2)) == 2
    rerun_keys = {job.source_key for job in world.cloud.jobs() if job.run == 2}
    assert rerun_keys == {"1.jpg", "2.jpg"}
