"""Jobs cancelled in every state: unsent ones are not sent, running ones are cancelled at the provider, charges are
booked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import MONTH, World, picture
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.integration.time_support import LEASE, MINUTE, Replaced, committed, die, follow, submit_and_die

from darkroom.errors import ErrorCode, Inapplicable, ProviderUnavailable, SubmitInDoubt, Throttled
from darkroom.model import JobStatus, ProcessState, Upload


@pytest.fixture
def upload(world: World) -> Upload:
    return world.cloud.put("a.jpg", picture())


def ask_to_cancel_during_the_call(world: World, upload: Upload, fault: Exception) -> None:
    """Cancel the job while the provider is called. The call then fails."""

    def slow(*_: object) -> Any:
        world.operate.cancel("a.jpg")
        raise fault

    world.ports["provider"] = Replaced(world.provider, submit=slow)
    world.submit(upload)
    world.ports["provider"] = world.provider


def test_a_waiting_job_is_cancelled_at_once(world: World, upload: Upload) -> None:
    world.provider.refusals = [Throttled("HTTP 429")]
    world.submit(upload)
    assert world.operate.cancel("a.jpg").status is JobStatus.CANCELLED
    world.clock.advance(timedelta(hours=1))
    world.submit(upload)
    world.sweep_and_deliver()
    assert (world.job().status, world.provider.processes, world.bus.sent) == (JobStatus.CANCELLED, {}, [])
    world.assert_books_balance()


def test_a_worker_that_holds_a_cancelled_claim_reserves_nothing(world: World, upload: Upload) -> None:
    tags = world.ports["sources"].tags

    def slow(source: Any) -> Any:
        world.operate.cancel("a.jpg")
        return tags(source)

    world.ports["sources"] = Replaced(world.ports["sources"], tags=slow)
    world.submit(upload)
    assert (world.job().status, world.provider.processes) == (JobStatus.CANCELLED, {})
    assert world.cloud.budget("topaz", MONTH) == {}


def test_a_job_cancelled_during_its_submit_is_cancelled_after_the_bind(world: World, upload: Upload) -> None:
    submit = world.provider.submit

    def slow(*args: Any) -> Any:
        assert world.operate.cancel("a.jpg").status is JobStatus.SUBMITTING
        return submit(*args)

    world.ports["provider"] = Replaced(world.provider, submit=slow)
    world.submit(upload)
    world.ports["provider"] = world.provider
    (tick,) = world.executions.running.values()
    assert tick.poll_at == world.clock()
    assert (follow(world, 1).status, world.provider.charged, committed(world)) == (JobStatus.CANCELLED, 0, 0)
    world.assert_books_balance()


def test_a_job_cancelled_during_a_submit_that_was_not_accepted_is_not_sent_again(world: World, upload: Upload) -> None:
    ask_to_cancel_during_the_call(world, upload, Throttled("HTTP 429"))
    world.deliver(upload)
    assert (world.job().status, world.provider.processes) == (JobStatus.CANCELLED, {})
    world.assert_books_balance()


def test_a_job_cancelled_after_its_worker_died_in_the_call_is_not_sent_again(world: World, upload: Upload) -> None:
    submit_and_die(world, upload, "provider", submit=die)
    world.operate.cancel("a.jpg")
    world.clock.advance(LEASE)
    world.sweep_and_deliver()
    world.sweep_and_deliver()
    world.deliver(upload)
    assert (world.job().status, world.provider.processes, committed(world)) == (JobStatus.CANCELLED, {}, 0)


def test_a_running_process_is_cancelled_and_not_charged(world: World, upload: Upload) -> None:
    world.deliver(upload)
    assert world.operate.cancel("a.jpg").status is JobStatus.CANCELLED
    assert (world.provider.charged, committed(world), world.cloud.keys()) == (0, 0, set())
    world.assert_books_balance()


def test_what_the_provider_had_finished_is_charged_and_not_published(world: World, upload: Upload) -> None:
    world.deliver(upload)
    world.provider.become(ProcessState.COMPLETED)
    ended = world.operate.cancel("a.jpg")
    assert (ended.status, ended.credits, world.cloud.budget("topaz", MONTH)["spent"]) == (JobStatus.CANCELLED, 1, 1)
    assert (world.cloud.keys(), world.bus.sent) == (set(), [])
    world.assert_books_balance()


@pytest.mark.parametrize(
    ("end", "charged"), [(ProcessState.COMPLETED, 1), (ProcessState.EXPIRED, 1), (ProcessState.FAILED, 0)]
)
def test_a_process_that_runs_on_is_settled_when_it_ends(
    world: World, upload: Upload, end: ProcessState, charged: int
) -> None:
    world.deliver(upload)
    world.provider.cancels = False
    assert world.operate.cancel("a.jpg").status is JobStatus.PROCESSING
    assert follow(world, 2).status is JobStatus.PROCESSING
    world.provider.become(end)
    ended = follow(world)
    assert (ended.status, ended.credits, world.cloud.keys()) == (JobStatus.CANCELLED, charged, set())
    assert committed(world) == charged
    world.assert_books_balance()


def test_a_cancellation_that_did_not_reach_the_provider_is_carried_out_by_the_execution(
    world: World, upload: Upload
) -> None:
    world.deliver(upload)
    world.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")]
    with pytest.raises(ProviderUnavailable):
        world.operate.cancel("a.jpg")
    assert (follow(world).status, world.provider.charged) == (JobStatus.CANCELLED, 0)


def test_a_job_that_is_over_is_not_cancelled(world: World, upload: Upload) -> None:
    world.complete(upload)
    with pytest.raises(Inapplicable, match="over: COMPLETED"):
        world.operate.cancel("a.jpg")


def test_a_doubt_is_not_cancelled_but_abandoned(world: World, upload: Upload) -> None:
    world.provider.lists, world.provider.losses = False, [SubmitInDoubt("lost")]
    world.deliver(upload)
    with pytest.raises(Inapplicable, match="resolve JOB --abandon"):
        world.operate.cancel("a.jpg")
    assert (world.job().status, committed(world)) == (JobStatus.IN_DOUBT, 1)


def test_deleting_the_version_before_its_submit_withdraws_the_job(world: World, upload: Upload) -> None:
    world.provider.refusals = [Throttled("HTTP 429")]
    world.submit(upload)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    world.clock.advance(MINUTE)
    world.sweep_and_deliver()
    assert (world.job().status, world.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (world.provider.processes, world.bus.sent, committed(world)) == ({}, [], 0)


def test_deleting_the_object_before_its_submit_withdraws_the_job_though_its_version_is_kept(
    world: World, upload: Upload
) -> None:
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")  # leaves a delete marker
    world.deliver(upload)
    assert (world.job().status, world.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (world.provider.processes, world.cloud.keys(), world.cloud.budget("topaz", MONTH)) == ({}, set(), {})


def test_an_upload_after_a_deletion_is_not_withdrawn(world: World, upload: Upload) -> None:
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")
    assert world.complete(world.cloud.put("a.jpg", picture(20, 20))).status is JobStatus.COMPLETED


def test_deleting_the_object_after_its_submit_costs_the_result_nothing(world: World) -> None:
    upload = world.cloud.put("a.jpg", picture(), tags="label=x")
    world.deliver(upload)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")
    world.provider.become(ProcessState.COMPLETED)
    assert follow(world).status is JobStatus.COMPLETED
    assert world.cloud.s3.get_object_tagging(Bucket=OUTPUT, Key="a.jpg")["TagSet"] == [{"Key": "label", "Value": "x"}]
