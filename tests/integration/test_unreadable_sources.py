"""Tests uploads that cannot be read. They end with a report or at their deadline, cost a bounded number of tries, and delay
no other upload.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes import refusing_s3
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, RETENTION, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud, cloud
from tests.fakes.refusing_s3 import KINDS, RefusingS3
from tests.integration.intake_support import Intake
from tests.integration.time_support import LEASE, Replaced, WorkerDied, die

from darkroom.aws.input_bucket import S3InputBucket
from darkroom.errors import ClaimHeld, ErrorCode, SubmitInDoubt
from darkroom.model import Alarm, Job, JobDue, JobStatus, ProcessState, Upload
from darkroom.pipeline.message_outcomes import Done, RetryLater

DAY, HOUR = timedelta(hours=24), timedelta(hours=1)
MOST_INVOCATIONS = 30  # a broken upload may cost no more invocations than this in a day
WAITS = ("denied by a policy", "not scanned yet", "under a foreign KMS key", "under a disabled KMS key",
         "under its uploader's key", "not shown yet")  # fmt: skip


class Refusing(ApplicationUnderTest):
    """An application whose input bucket refuses reads."""

    def __init__(self, account: Cloud) -> None:
        super().__init__(account)
        self.s3 = RefusingS3(account.s3)
        self.ports["sources"] = S3InputBucket(self.s3)  # type: ignore[arg-type]

    def put(self, key: str, kind: str = "", **extra: Any) -> Upload:
        self.s3.kinds[key] = kind
        return self.cloud.put(key, picture(), **extra)

    def of(self, key: str) -> Job:
        (job,) = (job for job in self.cloud.jobs() if job.source_key == key)
        return job


@pytest.fixture
def refusing(account: Cloud) -> Refusing:
    return Refusing(account)


@pytest.fixture(params=[True, False], ids=["versioned", "unversioned"])
def either(request: pytest.FixtureRequest) -> Iterator[Refusing]:
    with cloud(versioned=request.param) as account:
        yield Refusing(account)


# --- archived objects


def test_an_archived_object_ends_at_once_with_a_report_that_says_who_must_act(refusing: Refusing) -> None:
    outcome = refusing.submit(refusing.put("a.jpg", "archived"))
    job, report = refusing.job(), refusing.cloud.report("a.jpg")
    assert str(outcome) == JobStatus.REJECTED
    assert (job.status, job.error_code) == (JobStatus.REJECTED, ErrorCode.SOURCE_UNREADABLE)
    assert report is not None
    assert (report["code"], "darkroom-in/a.jpg is archived" in report["message"]) == ("SourceUnreadable", True)
    assert "rerun --code SourceUnreadable" in report["cure"]


@pytest.mark.emulated("s3")
def test_a_restored_object_is_read_although_its_storage_class_says_archive(refusing: Refusing) -> None:
    upload = refusing.put("a.jpg", StorageClass="STANDARD_IA")
    refusing.deliver(upload)
    assert refusing.job().status is JobStatus.PROCESSING


def test_an_object_that_was_restored_is_sent_by_a_rerun(refusing: Refusing) -> None:
    refusing.submit(refusing.put("a.jpg", "archived"))
    refusing.s3.kinds.clear()
    refusing.operate.rerun(refusing.job().job_id)
    refusing.sweep_and_deliver()
    assert refusing.job().status is JobStatus.PROCESSING


# --- objects whose read is denied


@pytest.mark.parametrize("kind", WAITS)
def test_a_denied_read_is_tried_eight_times_in_a_quarter_of_an_hour_and_then_rejected(
    refusing: Refusing, kind: str
) -> None:
    intake = Intake(refusing)
    intake.put(refusing.put("a.jpg", kind))
    intake.run(timedelta(minutes=14))
    job = refusing.job()
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, ErrorCode.SOURCE_UNREADABLE)
    assert "darkroom-in/a.jpg" in (job.error or "")
    intake.run(timedelta(minutes=2))
    job, report = refusing.job(), refusing.cloud.report("a.jpg")
    assert (job.status, job.error_code, job.denied_since) == (JobStatus.REJECTED, ErrorCode.SOURCE_UNREADABLE, None)
    assert report is not None
    assert report["message"] == job.error
    assert (intake.invocations["a.jpg"], intake.dead) == (8, [])
    assert refusing.bus.kinds == ["Job Rejected"]


@pytest.mark.parametrize("call", ["head_object", "get_object", "get_object_tagging"])
def test_an_object_that_s3_does_not_show_yet_is_not_taken_for_a_deleted_one(
    either: Refusing, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    only = {"not shown yet": {call: KINDS["not shown yet"][call]}}
    monkeypatch.setattr(refusing_s3, "KINDS", only)
    either.submit(either.put("a.jpg", "not shown yet"))
    assert (either.job().status, either.job().error_code) == (JobStatus.CLAIMED, ErrorCode.SOURCE_UNREADABLE)


def test_the_message_of_a_denied_read_says_who_must_do_what(refusing: Refusing) -> None:
    for number, kind in enumerate(WAITS):
        refusing.submit(refusing.put(f"{number}.jpg", kind))
    policy, scan, foreign, disabled, uploaders = (refusing.of(f"{number}.jpg").error or "" for number in range(5))
    assert "nobody need do anything" in (refusing.of("5.jpg").error or "")
    assert all("operator" in text and "policy" in text for text in (policy, scan))
    assert all("KmsKeyArns" in text for text in (foreign, disabled))
    assert "the uploader must upload it" in uploaders
    assert "123456789012" not in foreign


@pytest.mark.parametrize("kind", ["not scanned yet", "not shown yet"])
def test_an_object_that_may_be_read_at_last_is_sent_as_if_it_had_never_waited(refusing: Refusing, kind: str) -> None:
    intake = Intake(refusing)
    intake.put(refusing.put("a.jpg", kind))
    intake.run(timedelta(minutes=5))
    refusing.s3.kinds.clear()
    intake.run(timedelta(minutes=5))
    job = refusing.job()
    assert (job.status, job.denied_since, job.error, len(refusing.provider.processes)) == (
        JobStatus.PROCESSING,
        None,
        None,
        1,
    )


def test_a_job_that_was_denied_once_and_waited_for_something_else_has_its_whole_quarter_of_an_hour_again(
    refusing: Refusing,
) -> None:
    upload = refusing.put("a.jpg", "not scanned yet")
    refusing.submit(upload)
    refusing.s3.kinds.clear()
    refusing.operate.pause("topaz", "away")
    refusing.clock.advance(20)
    refusing.submit(upload)
    refusing.s3.kinds["a.jpg"] = "not scanned yet"
    refusing.operate.resume("topaz")
    refusing.clock.advance(5 * HOUR)
    outcome = refusing.submit(upload)
    assert isinstance(outcome, RetryLater)
    assert refusing.job().denied_since == refusing.clock()


def test_a_rerun_of_a_job_that_could_not_be_read_waits_anew(refusing: Refusing) -> None:
    intake = Intake(refusing)
    intake.put(refusing.put("a.jpg", "denied by a policy"))
    intake.run(HOUR)
    refusing.operate.rerun(refusing.job().job_id)
    intake.run(timedelta(minutes=5))
    assert (refusing.job().status, refusing.job().run) == (JobStatus.CLAIMED, 2)
    refusing.s3.kinds.clear()
    intake.run(timedelta(minutes=6))
    assert refusing.job().status is JobStatus.PROCESSING


def test_duplicates_of_a_denied_upload_add_no_tries(refusing: Refusing) -> None:
    upload = refusing.put("a.jpg", "denied by a policy")
    refusing.submit(upload)
    asked = len(refusing.s3.asked)
    for _ in range(3):
        assert refusing.submit(upload) == Done(refusing.job())
    # Each duplicate only checks that the object exists, and reads nothing else.
    assert len(refusing.s3.asked) == asked + 3
    assert refusing.job().attempt == 1


def test_an_object_that_may_not_be_looked_at_has_the_identity_that_head_and_the_listing_give(either: Refusing) -> None:
    either.cloud.put("a.jpg.bak", picture())  # another key that begins with "a.jpg"
    either.cloud.put("a.jpg", picture(noise=7))  # an older version of the same key
    upload = either.put("a.jpg")
    from_head = either.ports["sources"].find(upload)
    either.s3.kinds["a.jpg"] = "denied by a policy"
    identified = either.ports["sources"].identify(upload)
    listed = [one for one in either.ports["sources"].page(upload.bucket, "", None)[0] if one.key == "a.jpg"]
    assert identified.job_id == from_head.job_id == next(one.job_id for one in listed if one.is_latest)
    assert (identified.etag, identified.order) == (from_head.etag, from_head.order)
    either.submit(upload)
    assert either.job().job_id == from_head.job_id
    either.s3.kinds.clear()
    either.clock.advance(20)
    either.submit(upload)
    assert (either.job().status, len(either.provider.processes)) == (JobStatus.PROCESSING, 1)


def test_an_older_version_is_identified_among_many_of_its_key(refusing: Refusing) -> None:
    old = refusing.put("a.jpg", "denied by a policy")
    for number in range(7):
        refusing.cloud.put("a.jpg", picture(noise=number + 1))
    few = Replaced(
        refusing.s3, list_object_versions=lambda **asked: refusing.s3.client.list_object_versions(MaxKeys=3, **asked)
    )
    found = replace(refusing.ports["sources"], client=few).identify(old)
    assert (found.version_id, found.etag) == (old.version_id, old.etag)


def test_a_version_that_is_gone_and_would_be_denied_ends_as_gone(refusing: Refusing) -> None:
    upload = refusing.put("a.jpg", "denied by a policy")
    refusing.cloud.s3.delete_object(Bucket=upload.bucket, Key="a.jpg", VersionId=upload.version_id)
    refusing.submit(upload)
    assert (refusing.job().status, refusing.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)


def test_a_newer_version_that_may_not_be_read_does_not_hold_up_an_older_one(refusing: Refusing) -> None:
    old = refusing.put("a.jpg")
    refusing.cloud.put("a.jpg", picture(noise=3))
    head = refusing.s3.client.head_object

    def only_old(**asked: Any) -> Any:
        if "VersionId" in asked:
            return head(**asked)
        refusing.s3.kinds["a.jpg"] = "denied by a policy"
        try:
            return refusing.s3.head_object(**asked)
        finally:
            refusing.s3.kinds.clear()

    refusing.ports["sources"] = S3InputBucket(Replaced(refusing.s3, head_object=only_old))  # type: ignore[arg-type]
    refusing.submit(old)
    assert refusing.job().status is JobStatus.PROCESSING


def test_a_read_that_is_denied_when_the_bytes_are_sent_gives_the_reservation_back_and_waits(refusing: Refusing) -> None:
    upload = refusing.put("a.jpg")
    opens = refusing.ports["sources"]

    def denied(source: Any) -> Any:
        refusing.s3.kinds["a.jpg"] = "not scanned yet"
        return opens.open(source)

    refusing.ports["sources"] = Replaced(opens, open=denied)
    assert isinstance(refusing.submit(upload), RetryLater)
    job = refusing.job()
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, ErrorCode.SOURCE_UNREADABLE)
    assert refusing.cloud.budget("topaz", MONTH)["committed"] == 0
    refusing.clock.advance(HOUR)
    refusing.submit(upload)
    assert refusing.job().status is JobStatus.REJECTED
    refusing.assert_books_balance()


# --- failures of an unknown kind


def test_an_upload_that_always_fails_reaches_the_dead_letters_costs_thirty_invocations_a_day_and_ends(
    refusing: Refusing,
) -> None:
    intake = Intake(refusing)
    upload = refusing.put("a.jpg")
    refusing.submit(upload)
    refusing.ports["provider"] = Replaced(refusing.provider)
    other = refusing.put("b.jpg")
    refusing.ports["sources"] = Replaced(refusing.ports["sources"], tags=_bug)
    intake.put(other)
    intake.run(HOUR)
    assert intake.dead == [other]
    intake.run(DAY - HOUR)
    assert intake.invocations["b.jpg"] <= MOST_INVOCATIONS
    intake.run(HOUR)
    assert (refusing.of("b.jpg").status, refusing.of("b.jpg").error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)
    assert intake.invocations["b.jpg"] <= MOST_INVOCATIONS
    assert intake.dead == [other]


def _bug(*_: Any) -> Any:
    raise RuntimeError("a bug")


def test_an_upload_that_always_kills_its_worker_reaches_the_dead_letters_and_costs_thirty_invocations_a_day(
    refusing: Refusing,
) -> None:
    intake, upload = Intake(refusing), refusing.put("a.jpg")
    refusing.ports["sources"] = Replaced(refusing.ports["sources"], tags=die)
    intake.put(upload)
    intake.run(2 * HOUR)
    assert upload in intake.dead
    intake.run(DAY - 2 * HOUR)
    assert intake.invocations["a.jpg"] <= MOST_INVOCATIONS
    intake.run(HOUR)
    assert (refusing.job().status, refusing.job().error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)


def test_a_failure_that_passes_within_its_messages_life_delays_the_upload_by_minutes(refusing: Refusing) -> None:
    intake = Intake(refusing)
    whole = refusing.ports["sources"]
    refusing.ports["sources"] = Replaced(whole, tags=_bug)
    intake.put(refusing.put("a.jpg"))
    intake.run(timedelta(minutes=12))
    refusing.ports["sources"] = whole
    intake.run(timedelta(minutes=6))
    job = refusing.job()
    assert (job.status, job.failing_since, intake.dead) == (JobStatus.PROCESSING, None, [])


def test_a_failure_that_lasts_longer_than_its_message_is_tried_again_by_the_sweep(refusing: Refusing) -> None:
    intake = Intake(refusing)
    whole = refusing.ports["sources"]
    refusing.ports["sources"] = Replaced(whole, tags=_bug)
    intake.put(refusing.put("a.jpg"))
    intake.run(2 * HOUR)
    refusing.ports["sources"] = whole
    intake.run(2 * HOUR)
    assert (refusing.job().status, len(intake.dead)) == (JobStatus.PROCESSING, 1)


def test_a_message_that_comes_again_while_its_dead_workers_lease_lasts_is_not_acknowledged(refusing: Refusing) -> None:
    upload = refusing.put("a.jpg")
    whole = refusing.ports["sources"]
    refusing.ports["sources"] = Replaced(whole, tags=die)
    with pytest.raises(WorkerDied):
        refusing.submit(upload)
    refusing.ports["sources"] = whole
    refusing.clock.advance(INVOCATION)  # the message is visible again, a minute before the lease ends
    with pytest.raises(ClaimHeld):
        refusing.submit(upload, is_repeated=True)
    # Another message for the same upload is a duplicate, and is acknowledged.
    assert refusing.submit(upload) == Done(refusing.job())
    refusing.clock.advance(INVOCATION)
    refusing.submit(upload, is_repeated=True)
    assert refusing.job().status is JobStatus.PROCESSING


# --- jobs that reach their deadline


@pytest.mark.parametrize("kind", ["denied by a policy", "behind an outage"])
def test_a_job_whose_object_can_no_longer_be_looked_at_after_a_pause_ends_at_its_deadline(
    refusing: Refusing, kind: str
) -> None:
    intake = Intake(refusing)
    refusing.operate.pause("topaz", "away")
    intake.put(refusing.put("a.jpg"))
    intake.run(HOUR)
    refusing.s3.kinds["a.jpg"] = kind
    refusing.operate.resume("topaz")
    intake.run(DEADLINE + HOUR)
    job = refusing.job()
    assert job.status in (JobStatus.FAILED, JobStatus.REJECTED)
    assert refusing.cloud.report("a.jpg") is not None
    assert intake.invocations["a.jpg"] <= MOST_INVOCATIONS
    assert (len(intake.dead) > 0) == (kind == "behind an outage")


def test_a_cancelled_job_ends_although_its_object_can_no_longer_be_looked_at(refusing: Refusing) -> None:
    upload = refusing.put("a.jpg", "behind an outage")
    source = S3InputBucket(refusing.cloud.s3).find(upload)
    refusing.ledger.claim(source, START, START, START + DEADLINE)
    refusing.operate.cancel(refusing.job().job_id)
    refusing.clock.advance(LEASE)
    refusing.sweep_and_deliver()
    assert refusing.job().status is JobStatus.CANCELLED


def test_a_lost_submit_whose_staging_place_may_not_be_looked_at_is_a_persons_at_its_deadline(
    refusing: Refusing,
) -> None:
    intake = Intake(refusing)
    refusing.provider.losses = [SubmitInDoubt("time-out")]
    upload = refusing.put("a.jpg")
    refusing.ports["staging"] = Replaced(refusing.ports["staging"], find=_bug)
    intake.put(upload)
    intake.run(2 * HOUR)
    assert (refusing.job().status, len(intake.dead)) == (JobStatus.SUBMITTING, 1)
    intake.run(DEADLINE)
    assert refusing.job().status is JobStatus.IN_DOUBT
    assert refusing.cloud.budget("topaz", MONTH)["reserved"] == 1
    assert intake.invocations["a.jpg"] <= MOST_INVOCATIONS + 2


def test_a_paid_result_is_published_although_its_source_may_no_longer_be_read(refusing: Refusing) -> None:
    refusing.deliver(refusing.put("a.jpg"))
    refusing.s3.kinds["a.jpg"] = "denied by a policy"
    refusing.provider.become(ProcessState.COMPLETED)
    refusing.finalize(refusing.job())
    assert refusing.job().status is JobStatus.COMPLETED
    assert refusing.cloud.body("a.jpg") is not None


def test_a_paid_job_that_cannot_be_ended_while_the_provider_keeps_its_result_is_a_persons(refusing: Refusing) -> None:
    refusing.deliver(refusing.put("a.jpg"))
    refusing.provider.become(ProcessState.COMPLETED)
    refusing.ports["outputs"] = Replaced(refusing.ports["outputs"], find=_bug)
    refusing.clock.advance(DEADLINE + HOUR)
    with pytest.raises(RuntimeError, match="a bug"):
        refusing.finalize(refusing.job())
    assert refusing.job().status is JobStatus.PROCESSING
    refusing.clock.advance(RETENTION)
    refusing.finalize(refusing.job())
    assert (refusing.job().status, refusing.alerts.rung) == (JobStatus.IN_DOUBT, [Alarm.IN_DOUBT])
    assert refusing.cloud.budget("topaz", MONTH)["reserved"] == 1


# --- broken uploads delay no other upload


def test_the_sweep_sends_no_message_for_a_failing_job_while_its_last_one_may_be_on_its_way(refusing: Refusing) -> None:
    refusing.ports["sources"] = Replaced(refusing.ports["sources"], tags=_bug)
    with pytest.raises(RuntimeError):
        refusing.submit(refusing.put("a.jpg"))
    for _ in range(3 * 60 - 1):
        refusing.clock.advance(60)
        refusing.sweep()
    assert refusing.queue.sent == []
    refusing.clock.advance(60)
    refusing.sweep()
    assert refusing.queue.sent == [(JobDue(refusing.job().job_id, after_failure=True), 0)]
