"""Tests finalize with real adapters. Whatever the provider does, a result is published whole or not at all, and is
settled once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, RETENTION, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    OperatorFault,
    ProviderUnavailable,
    ResultNotReady,
    Throttled,
    UnsafeLink,
)
from darkroom.model import Job, JobStatus, ProcessState, Upload
from darkroom.pipeline.finalize import BUSY_RETRY
from darkroom.poll_schedule import MIN_WAIT_SECONDS

SECOND = timedelta(seconds=1)


def processing(application: ApplicationUnderTest, **put: object) -> Job:
    """Return a job whose process is running at the provider."""
    application.deliver(application.cloud.put("a.jpg", picture(), **put))  # type: ignore[arg-type]
    return application.job()


def completed(application: ApplicationUnderTest, **put: object) -> Job:
    """Return a job whose result is ready at the provider."""
    job = processing(application, **put)
    application.provider.become(ProcessState.COMPLETED)
    return job


def outcome(application: ApplicationUnderTest) -> tuple[JobStatus, str | None]:
    return application.job().status, application.job().error_code


def test_finalizing_twice_copies_and_settles_once(application: ApplicationUnderTest) -> None:
    job = completed(application)
    ticks = [application.finalize(job) for _ in range(3)]
    assert [tick.status for tick in ticks] == ["COMPLETED"] * 3
    assert (application.cloud.versions("a.jpg"), application.cloud.budget("topaz", MONTH)["spent"]) == (1, 1)
    assert application.bus.kinds == ["Job Completed"]


def test_an_event_that_was_not_marked_is_sent_again(application: ApplicationUnderTest) -> None:
    job = completed(application)
    publish, application.bus.publish = application.bus.publish, _refused  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        application.finalize(job)
    application.bus.publish = publish  # type: ignore[method-assign]
    application.finalize(job)
    assert (application.bus.kinds, application.job().status) == (["Job Completed"], JobStatus.COMPLETED)


def _refused(detail_type: str, detail: object) -> None:
    raise RuntimeError("the bus refused")


def test_the_event_holds_public_attributes_only(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application))
    detail = application.bus.sent[0][1]
    assert {"lease_until", "key_fingerprint", "orphans", "source_order"}.isdisjoint(detail)
    assert (detail["status"], detail["credits"], detail["cost_usd"]) == ("COMPLETED", 1, 0.12)


def test_the_receipt_says_where_the_result_came_from(application: ApplicationUnderTest) -> None:
    job = completed(
        application, ContentType="image/jpeg", Metadata={"artist": "Ada", "dark": "room"}, tags="label=x&Team=a+b"
    )
    application.finalize(job)
    head = application.cloud.head("a.jpg")
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"] == {
        "artist": "Ada",
        "dark": "room",
        "darkroom-job": job.job_id,
        "darkroom-source": f"{INPUT}/a.jpg",
        "darkroom-source-version": job.source_version,
        "darkroom-provider": "topaz",
        "darkroom-model": "Standard V2",
        "darkroom-process-id": "process-1",
        "darkroom-credits": "1",
    }
    tags = application.cloud.s3.get_object_tagging(Bucket="darkroom-out", Key="a.jpg")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"label": "x", "Team": "a b"}


def test_a_new_format_gets_its_content_type_and_suffix(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application, tags="output_format=png"))
    assert (application.cloud.keys(), application.cloud.head("a.png")["ContentType"]) == ({"a.png"}, "image/png")


@pytest.mark.parametrize("cut", [0, 100])
def test_a_cut_download_leaves_no_object_and_is_fetched_again(application: ApplicationUnderTest, cut: int) -> None:
    job = completed(application)
    application.provider.cuts = [cut]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    assert (application.cloud.keys(), application.job().status) == (set(), JobStatus.PROCESSING)
    application.finalize(job)  # possible at once, because the failed attempt released its lease
    assert outcome(application) == (JobStatus.COMPLETED, None)
    assert (application.job().error, application.cloud.body("a.jpg")) == (
        None,
        application.provider.processes["process-1"].result,
    )


def test_a_big_cut_download_leaves_no_multipart_upload_open(application: ApplicationUnderTest) -> None:
    job = completed(application)
    big = picture(1800, 1600, "png", noise=64)
    assert len(big) > 8 * 1024 * 1024
    process = application.provider.processes["process-1"]
    process.result, process.progress = big, replace(process.progress, output_width=1800, output_height=1600)
    application.cloud.dynamodb.update_item(  # let the job's plan ask for png, as if it had done so from the start
        TableName="ledger",
        Key={"pk": {"S": f"JOB#{job.job_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET output_format = :f",
        ExpressionAttributeValues={":f": {"S": "png"}},
    )
    application.provider.cuts = [len(big) - 1]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    assert (application.cloud.unfinished_uploads(), application.cloud.keys()) == ([], set())
    application.finalize(job)
    assert (application.cloud.unfinished_uploads(), application.cloud.body("a.jpg")) == ([], big)


BROKEN = {
    "truncated": picture()[:-40],
    "empty": b"",
    "text": b"<html>try later</html>" * 9,
    "another size": picture(41, 30),
    "another format": picture(form="png"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_result_is_never_published(application: ApplicationUnderTest, kind: str) -> None:
    job = completed(application)
    good = application.provider.processes["process-1"].result
    application.provider.processes["process-1"].result = BROKEN[kind]
    for _ in range(3):
        with pytest.raises(ResultNotReady):
            application.finalize(job)
    assert application.cloud.keys() == set()
    application.provider.processes["process-1"].result = good
    application.finalize(job)
    assert (application.cloud.keys(), application.job().status) == ({"a.jpg"}, JobStatus.COMPLETED)


def test_a_turned_picture_is_still_the_picture(application: ApplicationUnderTest) -> None:
    job = completed(application)
    application.provider.processes["process-1"].result = picture(30, 40)
    application.finalize(job)
    assert application.job().status is JobStatus.COMPLETED


@pytest.mark.parametrize("error", [ResultNotReady("gone"), UnsafeLink("the result link is not https")])
def test_a_result_not_to_be_had_until_its_retention_ends_is_lost_and_settled(
    application: ApplicationUnderTest, error: DarkroomError
) -> None:
    job = completed(application)
    application.provider.faults["result"] = [error] * 9
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.clock.advance(DEADLINE + RETENTION - (application.clock() - START) - SECOND)
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.clock.advance(SECOND)
    application.finalize(job)
    assert outcome(application) == (JobStatus.FAILED, "ResultLost")
    assert application.cloud.budget("topaz", MONTH)["spent"] == 1
    report = application.cloud.report("a.jpg")
    assert report is not None
    assert (report["code"], report["credits_reserved"]) == ("ResultLost", 1)
    application.assert_books_balance()


def test_a_process_that_took_longer_than_results_are_kept_has_more_than_one_try(
    application: ApplicationUnderTest,
) -> None:
    """A provider keeps a result for a time that begins when the process completes, not when it was submitted."""
    application.retention = timedelta(hours=4)
    job = processing(application)
    application.clock.advance(timedelta(hours=5))
    application.provider.become(ProcessState.COMPLETED)
    application.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.finalize(job)
    assert application.job().status is JobStatus.COMPLETED


SILENT = [Throttled("429"), OperatorFault(ErrorCode.AUTH_FAILED, "401"), ProviderUnavailable("503")]


@pytest.mark.parametrize("error", SILENT, ids=str)
def test_a_provider_that_never_names_its_result_is_not_asked_for_ever(
    application: ApplicationUnderTest, error: DarkroomError
) -> None:
    job = completed(application)
    application.provider.faults["result"] = [error] * 9
    with pytest.raises(type(error)):
        application.finalize(job)
    application.clock.advance(DEADLINE + RETENTION)
    application.finalize(job)
    assert outcome(application) == (JobStatus.FAILED, "ResultLost")
    application.assert_books_balance()


def test_an_expired_result_is_lost_and_settled(application: ApplicationUnderTest) -> None:
    job = processing(application)
    application.provider.become(ProcessState.EXPIRED)
    application.finalize(job)
    assert outcome(application) == (JobStatus.FAILED, "ResultLost")
    assert application.cloud.budget("topaz", MONTH)["spent"] == 1


@pytest.mark.parametrize("state", [ProcessState.FAILED, ProcessState.CANCELLED])
def test_a_process_that_failed_is_released(application: ApplicationUnderTest, state: ProcessState) -> None:
    job = processing(application)
    application.provider.become(state)
    tick = application.finalize(job)
    assert (tick.status, outcome(application)) == ("FAILED", (JobStatus.FAILED, "ProviderFailed"))
    assert application.cloud.budget("topaz", MONTH)["committed"] == 0
    assert (application.bus.kinds, application.cloud.report("a.jpg") is None) == (["Job Failed"], False)
    application.assert_books_balance()


def test_what_the_provider_charged_is_settled_not_what_was_reserved(application: ApplicationUnderTest) -> None:
    job = application.complete(application.cloud.put("a.jpg", picture()), credits=Decimal(3))
    assert (job.credits, job.cost_usd) == (3, Decimal("0.36"))
    booked = application.cloud.budget("topaz", MONTH)
    assert (booked["spent"], booked["overrun"]) == (3, 2)
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-credits"] == "3"
    application.assert_books_balance()


def test_a_source_deleted_meanwhile_does_not_lose_its_paid_result(application: ApplicationUnderTest) -> None:
    job = completed(application, tags="label=x")
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=job.source_version)
    application.finalize(job)
    assert (application.job().status, application.cloud.keys()) == (JobStatus.COMPLETED, {"a.jpg"})


def versions(application: ApplicationUnderTest) -> tuple[Job, Job]:
    """Return the jobs of two versions of one key, both completed at the provider."""
    for number in (1, 2):
        upload: Upload = application.cloud.put("a.jpg", picture())
        application.deliver(replace(upload, sequencer=f"{number:02}"))
    application.provider.become(ProcessState.COMPLETED)
    old, new = sorted(application.cloud.jobs(), key=lambda job: job.source_order)
    return old, new


def test_an_older_version_never_replaces_a_newer_ones_result(application: ApplicationUnderTest) -> None:
    old, new = versions(application)
    application.finalize(new)
    application.finalize(old)
    stands = application.cloud.head("a.jpg")["Metadata"]["darkroom-job"]
    ended = application.ledger.get(old.job_id)
    assert ended is not None
    assert (stands, ended.status, ended.superseded) == (new.job_id, JobStatus.COMPLETED, True)
    assert application.cloud.keys() == {"a.jpg", f"a.superseded-{old.job_id[:12]}.jpg"}
    assert ended.dispatch.output_key == f"a.superseded-{old.job_id[:12]}.jpg"
    application.assert_books_balance()


def test_a_newer_version_replaces_an_older_ones_result(application: ApplicationUnderTest) -> None:
    old, new = versions(application)
    application.finalize(old)
    application.finalize(new)
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-job"] == new.job_id
    assert application.cloud.keys() == {"a.jpg"}


def test_while_another_version_is_written_finalize_waits(application: ApplicationUnderTest) -> None:
    old, new = versions(application)
    writing = application.ledger.take_over(old, application.clock(), application.ends)
    assert application.ledger.lock_output(writing, "a.jpg", Decimal(1), application.clock(), application.ends)
    tick = application.finalize(new)
    assert (tick.status, tick.poll_at) == ("running", application.clock() + BUSY_RETRY)
    application.clock.advance(BUSY_RETRY)
    application.clock.advance(INVOCATION - 2 * BUSY_RETRY)
    assert (
        application.finalize(new).poll_at == application.ends - INVOCATION + BUSY_RETRY
    )  # finalize looks again no later than the end of the other version's lease
    assert application.cloud.keys() == set()
    application.clock.advance(BUSY_RETRY)
    application.finalize(new)
    assert application.cloud.head("a.jpg")["Metadata"]["darkroom-job"] == new.job_id


def test_a_second_worker_comes_back_when_the_first_ones_lease_is_over(application: ApplicationUnderTest) -> None:
    job = completed(application)
    application.ledger.take_over(job, application.clock(), application.ends)
    tick = application.finalize(job)
    assert (tick.status, tick.poll_at) == ("running", application.ends)
    assert application.cloud.keys() == set()
    application.clock.advance(INVOCATION)
    assert application.finalize(job).status == "COMPLETED"


def test_a_job_that_runs_after_all_is_not_asked_about_at_once_again(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", picture()))
    tick = application.finalize(application.job())
    assert (tick.status, tick.poll_at) == ("running", application.clock() + timedelta(seconds=MIN_WAIT_SECONDS))


def test_a_worker_overtaken_by_a_finished_one_answers_what_that_one_did(application: ApplicationUnderTest) -> None:
    job = completed(application)
    find = application.ports["outputs"].find
    overtaken: list[bool] = []

    class Overtaken:
        def __getattr__(self, name: str) -> object:
            return getattr(outputs, name)

        def find(self, key: str) -> object:
            if not overtaken:
                overtaken.append(True)
                application.clock.advance(INVOCATION + timedelta(seconds=61))
                application.finalize(job)
            return find(key)

    outputs, application.ports["outputs"] = application.ports["outputs"], Overtaken()
    assert application.finalize(job).status == "COMPLETED"
    assert (application.cloud.versions("a.jpg"), application.cloud.budget("topaz", MONTH)["spent"]) == (1, 1)


def test_a_foreign_failure_gives_the_lease_back_too(application: ApplicationUnderTest) -> None:
    job = completed(application)
    application.cloud.s3.delete_bucket(Bucket="darkroom-out")
    with pytest.raises(Exception, match=r"NoSuchBucket|Not Found"):
        application.finalize(job)
    assert application.job().lease_until is None


@pytest.mark.parametrize(("run", "known"), [(2, True), (1, False)])
def test_an_unknown_job_or_run_is_absent(application: ApplicationUnderTest, run: int, known: bool) -> None:
    job = completed(application)
    asked = replace(job, run=run, job_id=job.job_id if known else "0" * 32)
    assert application.finalize(asked).status == "ABSENT"
    assert application.cloud.keys() == set()
