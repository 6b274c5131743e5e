"""Tests that a job can be cancelled in every state. An unsent job is never sent, a running one is cancelled at the
provider, and charges are booked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.integration.time_support import LEASE, MINUTE, Replaced, committed, die, follow, submit_and_die

from darkroom.errors import ErrorCode, Inapplicable, ProviderUnavailable, SubmitInDoubt, Throttled
from darkroom.model import JobStatus, ProcessState, Upload


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    return application.cloud.put("a.jpg", picture())


def ask_to_cancel_during_the_call(application: ApplicationUnderTest, upload: Upload, fault: Exception) -> None:
    """Submit the upload and cancel its job during the provider's call, which then fails with `fault`."""

    def slow(*_: object) -> Any:
        application.operate.cancel("a.jpg")
        raise fault

    application.ports["provider"] = Replaced(application.provider, submit=slow)
    application.submit(upload)
    application.ports["provider"] = application.provider


def test_a_waiting_job_is_cancelled_at_once(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.refusals = [Throttled("HTTP 429")]
    application.submit(upload)
    assert application.operate.cancel("a.jpg").status is JobStatus.CANCELLED
    application.clock.advance(timedelta(hours=1))
    application.submit(upload)
    application.sweep_and_deliver()
    assert (application.job().status, application.provider.processes, application.bus.kinds) == (
        JobStatus.CANCELLED,
        {},
        ["Job Cancelled"],
    )
    application.assert_books_balance()


def test_a_worker_that_holds_a_cancelled_claim_reserves_nothing(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    tags = application.ports["sources"].tags

    def slow(source: Any) -> Any:
        application.operate.cancel("a.jpg")
        return tags(source)

    application.ports["sources"] = Replaced(application.ports["sources"], tags=slow)
    application.submit(upload)
    assert (application.job().status, application.provider.processes) == (JobStatus.CANCELLED, {})
    assert application.cloud.budget("topaz", MONTH) == {}


def test_a_job_cancelled_during_its_submit_is_cancelled_after_the_bind(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    submit = application.provider.submit

    def slow(*args: Any) -> Any:
        assert application.operate.cancel("a.jpg").status is JobStatus.SUBMITTING
        return submit(*args)

    application.ports["provider"] = Replaced(application.provider, submit=slow)
    application.submit(upload)
    application.ports["provider"] = application.provider
    (tick,) = application.executions.running.values()
    assert tick.poll_at == application.clock()
    assert (follow(application, 1).status, application.provider.charged, committed(application)) == (
        JobStatus.CANCELLED,
        0,
        0,
    )
    application.assert_books_balance()


def test_a_job_cancelled_during_a_submit_that_was_not_accepted_is_not_sent_again(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    ask_to_cancel_during_the_call(application, upload, Throttled("HTTP 429"))
    application.deliver(upload)
    assert (application.job().status, application.provider.processes) == (JobStatus.CANCELLED, {})
    application.assert_books_balance()


def test_a_job_cancelled_after_its_worker_died_in_the_call_is_not_sent_again(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    submit_and_die(application, upload, "provider", submit=die)
    application.operate.cancel("a.jpg")
    application.clock.advance(LEASE)
    application.sweep_and_deliver()
    application.sweep_and_deliver()
    application.deliver(upload)
    assert (application.job().status, application.provider.processes, committed(application)) == (
        JobStatus.CANCELLED,
        {},
        0,
    )


def test_a_running_process_is_cancelled_and_not_charged(application: ApplicationUnderTest, upload: Upload) -> None:
    application.deliver(upload)
    assert application.operate.cancel("a.jpg").status is JobStatus.CANCELLED
    assert (application.provider.charged, committed(application), application.cloud.keys()) == (0, 0, set())
    application.assert_books_balance()


def test_while_a_command_cancels_the_process_the_execution_leaves_the_job_to_it(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.deliver(upload)
    cancel, seen = application.provider.cancel, []

    def slow(process_id: str) -> bool:
        application.ports["provider"] = application.provider
        seen.append(application.finalize(application.job()).status)
        return cancel(process_id)

    application.ports["provider"] = Replaced(application.provider, cancel=slow)
    assert application.operate.cancel("a.jpg").status is JobStatus.CANCELLED
    assert seen == ["running"]


def test_what_the_provider_had_finished_is_charged_and_not_published(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.deliver(upload)
    application.provider.become(ProcessState.COMPLETED)
    ended = application.operate.cancel("a.jpg")
    assert (ended.status, ended.credits, application.cloud.budget("topaz", MONTH)["spent"]) == (
        JobStatus.CANCELLED,
        1,
        1,
    )
    assert (application.cloud.keys(), application.bus.kinds) == (set(), ["Job Cancelled"])
    application.assert_books_balance()


@pytest.mark.parametrize(
    ("end", "charged"), [(ProcessState.COMPLETED, 1), (ProcessState.EXPIRED, 1), (ProcessState.FAILED, 0)]
)
def test_a_process_that_runs_on_is_settled_when_it_ends(
    application: ApplicationUnderTest, upload: Upload, end: ProcessState, charged: int
) -> None:
    application.deliver(upload)
    application.provider.cancels = False
    assert application.operate.cancel("a.jpg").status is JobStatus.PROCESSING
    assert follow(application, 2).status is JobStatus.PROCESSING
    application.provider.become(end)
    ended = follow(application)
    assert (ended.status, ended.credits, application.cloud.keys()) == (JobStatus.CANCELLED, charged, set())
    assert (
        str(ended.error)
        == {
            0: "cancelled by an operator; not charged",
            1: "cancelled by an operator, but the provider finished it and charges 1",
        }[charged]
    )
    assert committed(application) == charged
    application.assert_books_balance()


def test_a_job_at_a_provider_that_cannot_cancel_is_left_to_its_result_because_it_is_charged_anyway(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.deliver(upload)
    application.provider.can_cancel = application.provider.cancels = False
    with pytest.raises(Inapplicable, match="topaz cannot cancel a job that it has accepted"):
        application.operate.cancel("a.jpg")
    assert application.job().cancel_requested_at is None
    application.provider.become(ProcessState.COMPLETED)
    ended = follow(application)
    assert (ended.status, ended.credits, application.cloud.keys()) == (JobStatus.COMPLETED, 1, {"a.jpg"})
    application.assert_books_balance()


def test_a_job_at_a_provider_that_cannot_cancel_can_be_cancelled_before_it_is_accepted(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.can_cancel = False
    ask_to_cancel_during_the_call(application, upload, Throttled("HTTP 429"))
    application.deliver(upload)
    assert (application.job().status, application.provider.processes) == (JobStatus.CANCELLED, {})


def test_a_cancellation_that_did_not_reach_the_provider_is_carried_out_by_the_execution(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.deliver(upload)
    application.provider.faults["progress"] = [ProviderUnavailable("HTTP 503")]
    with pytest.raises(ProviderUnavailable):
        application.operate.cancel("a.jpg")
    assert (follow(application).status, application.provider.charged) == (JobStatus.CANCELLED, 0)


def test_a_job_that_is_over_is_not_cancelled(application: ApplicationUnderTest, upload: Upload) -> None:
    application.complete(upload)
    with pytest.raises(Inapplicable, match="over: COMPLETED"):
        application.operate.cancel("a.jpg")


def test_a_doubt_is_not_cancelled_but_abandoned(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.lists, application.provider.losses = False, [SubmitInDoubt("lost")]
    application.deliver(upload)
    with pytest.raises(Inapplicable, match="resolve JOB --abandon"):
        application.operate.cancel("a.jpg")
    assert (application.job().status, committed(application)) == (JobStatus.IN_DOUBT, 1)


def test_deleting_the_version_before_its_submit_withdraws_the_job(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.refusals = [Throttled("HTTP 429")]
    application.submit(upload)
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    application.clock.advance(MINUTE)
    application.sweep_and_deliver()
    assert (application.job().status, application.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (application.provider.processes, application.bus.kinds, committed(application)) == ({}, ["Job Cancelled"], 0)


def test_deleting_the_object_before_its_submit_withdraws_the_job_though_its_version_is_kept(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")  # adds a delete marker, as the bucket is versioned
    application.deliver(upload)
    assert (application.job().status, application.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (application.provider.processes, application.cloud.keys(), application.cloud.budget("topaz", MONTH)) == (
        {},
        set(),
        {},
    )


def test_an_upload_after_a_deletion_is_not_withdrawn(application: ApplicationUnderTest, upload: Upload) -> None:
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")
    assert application.complete(application.cloud.put("a.jpg", picture(20, 20))).status is JobStatus.COMPLETED


def test_deleting_the_object_after_its_submit_costs_the_result_nothing(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture(), tags="label=x")
    application.deliver(upload)
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")
    application.provider.become(ProcessState.COMPLETED)
    assert follow(application).status is JobStatus.COMPLETED
    assert application.cloud.s3.get_object_tagging(Bucket=OUTPUT, Key="a.jpg")["TagSet"] == [
        {"Key": "label", "Value": "x"}
    ]
