"""Finalize with real adapters: a result is published whole or not at all, and settled once, whatever the provider
does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, RETENTION, START, World, picture
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


def processing(world: World, **put: object) -> Job:
    """Return a job that runs at the provider."""
    world.deliver(world.cloud.put("a.jpg", picture(), **put))  # type: ignore[arg-type]
    return world.job()


def completed(world: World, **put: object) -> Job:
    """Return a job whose result is ready at the provider."""
    job = processing(world, **put)
    world.provider.become(ProcessState.COMPLETED)
    return job


def outcome(world: World) -> tuple[JobStatus, str | None]:
    return world.job().status, world.job().error_code


def test_finalizing_twice_copies_and_settles_once(world: World) -> None:
    job = completed(world)
    ticks = [world.finalize(job) for _ in range(3)]
    assert [tick.status for tick in ticks] == ["COMPLETED"] * 3
    assert (world.cloud.versions("a.jpg"), world.cloud.budget("topaz", MONTH)["spent"]) == (1, 1)
    assert world.bus.kinds == ["Job Completed"]


def test_an_event_that_was_not_marked_is_sent_again(world: World) -> None:
    job = completed(world)
    publish, world.bus.publish = world.bus.publish, _refused  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        world.finalize(job)
    world.bus.publish = publish  # type: ignore[method-assign]
    world.finalize(job)
    assert (world.bus.kinds, world.job().status) == (["Job Completed"], JobStatus.COMPLETED)


def _refused(detail_type: str, detail: object) -> None:
    raise RuntimeError("the bus refused")


def test_the_event_holds_public_attributes_only(world: World) -> None:
    world.finalize(completed(world))
    detail = world.bus.sent[0][1]
    assert {"lease_until", "key_fingerprint", "orphans", "source_order"}.isdisjoint(detail)
    assert (detail["status"], detail["credits"], detail["cost_usd"]) == ("COMPLETED", 1, 0.12)


def test_the_receipt_says_where_the_result_came_from(world: World) -> None:
    job = completed(
        world, ContentType="image/jpeg", Metadata={"artist": "Ada", "dark": "room"}, tags="label=x&Team=a+b"
    )
    world.finalize(job)
    head = world.cloud.head("a.jpg")
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
    tags = world.cloud.s3.get_object_tagging(Bucket="darkroom-out", Key="a.jpg")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"label": "x", "Team": "a b"}


def test_a_new_format_gets_its_content_type_and_suffix(world: World) -> None:
    world.finalize(completed(world, tags="output_format=png"))
    assert (world.cloud.keys(), world.cloud.head("a.png")["ContentType"]) == ({"a.png"}, "image/png")


@pytest.mark.parametrize("cut", [0, 100])
def test_a_cut_download_leaves_no_object_and_is_fetched_again(world: World, cut: int) -> None:
    job = completed(world)
    world.provider.cuts = [cut]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    assert (world.cloud.keys(), world.job().status) == (set(), JobStatus.PROCESSING)
    world.finalize(job)  # at once: the failed attempt released its lease
    assert outcome(world) == (JobStatus.COMPLETED, None)
    assert (world.job().error, world.cloud.body("a.jpg")) == (None, world.provider.processes["process-1"].result)


def test_a_big_cut_download_leaves_no_multipart_upload_open(world: World) -> None:
    job = completed(world)
    big = picture(2600, 2000, "png", noise=64)
    assert len(big) > 8 * 1024 * 1024
    process = world.provider.processes["process-1"]
    process.result, process.progress = big, replace(process.progress, output_width=2600, output_height=2000)
    world.cloud.dynamodb.update_item(  # the plan asked for png all along
        TableName="ledger",
        Key={"pk": {"S": f"JOB#{job.job_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET output_format = :f",
        ExpressionAttributeValues={":f": {"S": "png"}},
    )
    world.provider.cuts = [len(big) - 1]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    assert (world.cloud.unfinished_uploads(), world.cloud.keys()) == ([], set())
    world.finalize(job)
    assert (world.cloud.unfinished_uploads(), world.cloud.body("a.jpg")) == ([], big)


BROKEN = {
    "truncated": picture()[:-40],
    "empty": b"",
    "text": b"<html>try later</html>" * 9,
    "another size": picture(41, 30),
    "another format": picture(form="png"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_result_is_never_published(world: World, kind: str) -> None:
    job = completed(world)
    good = world.provider.processes["process-1"].result
    world.provider.processes["process-1"].result = BROKEN[kind]
    for _ in range(3):
        with pytest.raises(ResultNotReady):
            world.finalize(job)
    assert world.cloud.keys() == set()
    world.provider.processes["process-1"].result = good
    world.finalize(job)
    assert (world.cloud.keys(), world.job().status) == ({"a.jpg"}, JobStatus.COMPLETED)


def test_a_turned_picture_is_still_the_picture(world: World) -> None:
    job = completed(world)
    world.provider.processes["process-1"].result = picture(30, 40)
    world.finalize(job)
    assert world.job().status is JobStatus.COMPLETED


@pytest.mark.parametrize("error", [ResultNotReady("gone"), UnsafeLink("the result link is not https")])
def test_a_result_not_to_be_had_until_its_retention_ends_is_lost_and_settled(
    world: World, error: DarkroomError
) -> None:
    job = completed(world)
    world.provider.faults["result"] = [error] * 9
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.clock.advance(DEADLINE + RETENTION - (world.clock() - START) - SECOND)
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.clock.advance(SECOND)
    world.finalize(job)
    assert outcome(world) == (JobStatus.FAILED, "ResultLost")
    assert world.cloud.budget("topaz", MONTH)["spent"] == 1
    report = world.cloud.report("a.jpg")
    assert report is not None
    assert (report["code"], report["credits_reserved"]) == ("ResultLost", 1)
    world.assert_books_balance()


def test_a_process_that_took_longer_than_results_are_kept_has_more_than_one_try(world: World) -> None:
    """The provider keeps a result from its completion on, not from the submit on."""
    world.retention = timedelta(hours=4)
    job = processing(world)
    world.clock.advance(timedelta(hours=5))
    world.provider.become(ProcessState.COMPLETED)
    world.provider.faults["result"] = [ResultNotReady("the download was cut")]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.finalize(job)
    assert world.job().status is JobStatus.COMPLETED


SILENT = [Throttled("429"), OperatorFault(ErrorCode.AUTH_FAILED, "401"), ProviderUnavailable("503")]


@pytest.mark.parametrize("error", SILENT, ids=str)
def test_a_provider_that_never_names_its_result_is_not_asked_for_ever(world: World, error: DarkroomError) -> None:
    job = completed(world)
    world.provider.faults["result"] = [error] * 9
    with pytest.raises(type(error)):
        world.finalize(job)
    world.clock.advance(DEADLINE + RETENTION)
    world.finalize(job)
    assert outcome(world) == (JobStatus.FAILED, "ResultLost")
    world.assert_books_balance()


def test_an_expired_result_is_lost_and_settled(world: World) -> None:
    job = processing(world)
    world.provider.become(ProcessState.EXPIRED)
    world.finalize(job)
    assert outcome(world) == (JobStatus.FAILED, "ResultLost")
    assert world.cloud.budget("topaz", MONTH)["spent"] == 1


@pytest.mark.parametrize("state", [ProcessState.FAILED, ProcessState.CANCELLED])
def test_a_process_that_failed_is_released(world: World, state: ProcessState) -> None:
    job = processing(world)
    world.provider.become(state)
    tick = world.finalize(job)
    assert (tick.status, outcome(world)) == ("FAILED", (JobStatus.FAILED, "ProviderFailed"))
    assert world.cloud.budget("topaz", MONTH)["committed"] == 0
    assert (world.bus.kinds, world.cloud.report("a.jpg") is None) == (["Job Failed"], False)
    world.assert_books_balance()


def test_what_the_provider_charged_is_settled_not_what_was_reserved(world: World) -> None:
    job = world.complete(world.cloud.put("a.jpg", picture()), credits=Decimal(3))
    assert (job.credits, job.cost_usd) == (3, Decimal("0.36"))
    booked = world.cloud.budget("topaz", MONTH)
    assert (booked["spent"], booked["overrun"]) == (3, 2)
    assert world.cloud.head("a.jpg")["Metadata"]["darkroom-credits"] == "3"
    world.assert_books_balance()


def test_a_source_deleted_meanwhile_does_not_lose_its_paid_result(world: World) -> None:
    job = completed(world, tags="label=x")
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=job.source_version)
    world.finalize(job)
    assert (world.job().status, world.cloud.keys()) == (JobStatus.COMPLETED, {"a.jpg"})


def versions(world: World) -> tuple[Job, Job]:
    """Return the jobs of two versions of one key, both completed at the provider."""
    for number in (1, 2):
        upload: Upload = world.cloud.put("a.jpg", picture())
        world.deliver(replace(upload, sequencer=f"{number:02}"))
    world.provider.become(ProcessState.COMPLETED)
    old, new = sorted(world.cloud.jobs(), key=lambda job: job.source_order)
    return old, new


def test_an_older_version_never_replaces_a_newer_ones_result(world: World) -> None:
    old, new = versions(world)
    world.finalize(new)
    world.finalize(old)
    stands = world.cloud.head("a.jpg")["Metadata"]["darkroom-job"]
    ended = world.ledger.get(old.job_id)
    assert ended is not None
    assert (stands, ended.status, ended.superseded) == (new.job_id, JobStatus.COMPLETED, True)
    assert world.cloud.keys() == {"a.jpg", f"a.superseded-{old.job_id[:12]}.jpg"}
    assert ended.dispatch.output_key == f"a.superseded-{old.job_id[:12]}.jpg"
    world.assert_books_balance()


def test_a_newer_version_replaces_an_older_ones_result(world: World) -> None:
    old, new = versions(world)
    world.finalize(old)
    world.finalize(new)
    assert world.cloud.head("a.jpg")["Metadata"]["darkroom-job"] == new.job_id
    assert world.cloud.keys() == {"a.jpg"}


def test_while_another_version_is_written_finalize_waits(world: World) -> None:
    old, new = versions(world)
    writing = world.ledger.take_over(old, world.clock(), world.ends)
    assert world.ledger.lock_output(writing, "a.jpg", Decimal(1), world.clock(), world.ends)
    tick = world.finalize(new)
    assert (tick.status, tick.poll_at) == ("running", world.clock() + BUSY_RETRY)
    world.clock.advance(BUSY_RETRY)
    world.clock.advance(INVOCATION - 2 * BUSY_RETRY)
    assert (
        world.finalize(new).poll_at == world.ends - INVOCATION + BUSY_RETRY
    )  # when the other's lease ends at the latest
    assert world.cloud.keys() == set()
    world.clock.advance(BUSY_RETRY)
    world.finalize(new)
    assert world.cloud.head("a.jpg")["Metadata"]["darkroom-job"] == new.job_id


def test_a_second_worker_comes_back_when_the_first_ones_lease_is_over(world: World) -> None:
    job = completed(world)
    world.ledger.take_over(job, world.clock(), world.ends)
    tick = world.finalize(job)
    assert (tick.status, tick.poll_at) == ("running", world.ends)
    assert world.cloud.keys() == set()
    world.clock.advance(INVOCATION)
    assert world.finalize(job).status == "COMPLETED"


def test_a_job_that_runs_after_all_is_not_asked_about_at_once_again(world: World) -> None:
    world.deliver(world.cloud.put("a.jpg", picture()))
    tick = world.finalize(world.job())
    assert (tick.status, tick.poll_at) == ("running", world.clock() + timedelta(seconds=MIN_WAIT_SECONDS))


def test_a_worker_overtaken_by_a_finished_one_answers_what_that_one_did(world: World) -> None:
    job = completed(world)
    receipt = world.ports["outputs"].receipt
    overtaken: list[bool] = []

    class Overtaken:
        def __getattr__(self, name: str) -> object:
            return getattr(outputs, name)

        def receipt(self, key: str) -> object:
            if not overtaken:
                overtaken.append(True)
                world.clock.advance(INVOCATION + timedelta(seconds=61))
                world.finalize(job)
            return receipt(key)

    outputs, world.ports["outputs"] = world.ports["outputs"], Overtaken()
    assert world.finalize(job).status == "COMPLETED"
    assert (world.cloud.versions("a.jpg"), world.cloud.budget("topaz", MONTH)["spent"]) == (1, 1)


def test_a_foreign_failure_gives_the_lease_back_too(world: World) -> None:
    job = completed(world)
    world.cloud.s3.delete_bucket(Bucket="darkroom-out")
    with pytest.raises(Exception, match=r"NoSuchBucket|Not Found"):
        world.finalize(job)
    assert world.job().lease_until is None


@pytest.mark.parametrize(("run", "known"), [(2, True), (1, False)])
def test_an_unknown_job_or_run_is_absent(world: World, run: int, known: bool) -> None:
    job = completed(world)
    asked = replace(job, run=run, job_id=job.job_id if known else "0" * 32)
    assert world.finalize(asked).status == "ABSENT"
    assert world.cloud.keys() == set()
