"""Before money is reserved it is known that a result can be stored: finalize has proven it, with its role and its headers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT, Cloud
from tests.fakes.refusing_bucket import ELSEWHERE, RefusingBucket, left_over

from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.aws.storage_proof import S3StorageProof
from darkroom.errors import StorageUnproven
from darkroom.model import Alarm, JobStatus, Upload
from darkroom.pipeline.message_outcomes import RetryLater
from darkroom.pipeline.storage_check import CHECK_EVERY, REFUSED_CHECK_EVERY
from darkroom.pipeline.storage_gate import CHECK_TAKES, TRUSTED_FOR

pytestmark = pytest.mark.emulated("s3")

MINUTE = timedelta(minutes=1)
REFUSING = {
    "mistyped": "there is no bucket 'darkroom-out': correct OutputBucketName",
    "another account's": "it is another account's, or its policy denies s3:ListBucket",
    "under a policy that demands a header": "explicit deny in a resource-based policy",
    "under a foreign KMS key": "kms:GenerateDataKey",
    "under a disabled KMS key": "KMS.DisabledException",
    "unreadable": "refuses that results are read",
}


class Guarded(ApplicationUnderTest):
    """An application whose output bucket may refuse, and which counts how often finalize checked it."""

    def __init__(self, account: Cloud) -> None:
        super().__init__(account)
        self.s3, self.checks = RefusingBucket(account.s3), 0
        self.broken: Exception | None = None  # with which finalize cannot be asked
        self.ports["outputs"] = S3OutputBucket(self.s3, OUTPUT)  # type: ignore[arg-type]
        self.ports["storage_proof"] = self.proof()

    def proof(self) -> S3StorageProof:
        return S3StorageProof(self.s3, OUTPUT, INPUT, "123456789012")  # type: ignore[arg-type]

    def check_storage(self) -> None:
        self.checks += 1
        if self.broken:
            raise self.broken
        super().check_storage()

    def put(self, key: str = "a.jpg") -> Upload:
        return self.cloud.put(key, picture())


@pytest.fixture
def guarded(account: Cloud) -> Guarded:
    return Guarded(account)


def waiting(application: Guarded) -> str:
    """Check that nothing was spent and nothing is reserved. Return why the job waits."""
    job = application.job()
    assert (job.status, job.reservation, application.provider.processes) == (JobStatus.CLAIMED, None, {})
    assert application.cloud.budget("topaz", MONTH) == {}
    return job.error or ""


# --- the proof


def test_the_first_upload_of_a_stack_has_the_bucket_checked_and_is_sent_at_once(guarded: Guarded) -> None:
    guarded.submit(guarded.put())
    assert (guarded.job().status, guarded.checks) == (JobStatus.PROCESSING, 1)


def test_a_new_bucket_that_does_not_show_the_object_yet_takes_results(guarded: Guarded) -> None:
    guarded.s3.kind = "shows no new object yet"
    assert guarded.proof()() is None


def test_a_proof_leaves_nothing_behind(guarded: Guarded) -> None:
    assert [guarded.proof()() for _ in range(2)] == [None, None]
    assert left_over(guarded.cloud.s3, OUTPUT) == []


def test_a_proof_is_written_with_what_results_have(guarded: Guarded) -> None:
    seen: dict[str, Any] = {}
    guarded.cloud.s3.meta.events.register_first(
        "provide-client-params.s3.PutObject", lambda params, **_: seen.update(params), unique_id="seen"
    )
    guarded.proof()()
    guarded.cloud.s3.meta.events.unregister("provide-client-params.s3.PutObject", unique_id="seen")
    assert (seen["Key"], seen["IfNoneMatch"]) == ("_darkroom/storage-check", "*")
    assert {"ContentType", "Metadata", "Tagging", "CacheControl"} <= seen.keys()


def test_what_an_earlier_proof_left_is_no_refusal(guarded: Guarded) -> None:
    guarded.cloud.put("_darkroom/storage-check", b"", bucket=OUTPUT)
    assert guarded.proof()() is None


@pytest.mark.parametrize("kind", REFUSING)
def test_a_bucket_that_refuses_results_says_why(guarded: Guarded, kind: str) -> None:
    guarded.s3.kind = kind
    assert REFUSING[kind] in (guarded.proof()() or "")


def test_a_bucket_in_another_region_is_refused(guarded: Guarded) -> None:
    guarded.s3.region = ELSEWHERE
    assert f"is in {ELSEWHERE}, and the stack in eu-central-1" in (guarded.proof()() or "")


def test_an_input_bucket_in_another_region_is_refused_too(guarded: Guarded) -> None:
    elsewhere = RefusingBucket(guarded.cloud.s3, region=ELSEWHERE)

    class Both:
        meta = guarded.cloud.s3.meta

        def head_bucket(self, **asked: Any) -> Any:
            return (elsewhere if asked["Bucket"] == INPUT else guarded.s3).head_bucket(**asked)

    proof = S3StorageProof(Both(), OUTPUT, INPUT, "123456789012")  # type: ignore[arg-type]
    assert f"the bucket {INPUT!r} is in {ELSEWHERE}" in (proof() or "")


def test_an_outage_proves_nothing(guarded: Guarded) -> None:
    guarded.s3.kind = "behind an outage"
    with pytest.raises(StorageUnproven, match="InternalError"):
        guarded.proof()()


# --- the gate


@pytest.mark.parametrize("kind", REFUSING)
def test_while_the_bucket_refuses_nothing_is_reserved_and_an_alarm_says_why(guarded: Guarded, kind: str) -> None:
    guarded.s3.kind = kind
    guarded.submit(guarded.put())
    assert REFUSING[kind] in waiting(guarded)
    assert guarded.alerts.rung == [Alarm.STORAGE_REFUSED]


def test_uploads_that_wait_cost_no_invocations_and_one_of_them_has_the_bucket_checked_again(guarded: Guarded) -> None:
    guarded.s3.kind = "mistyped"
    for number in range(5):
        guarded.submit(guarded.put(f"{number}.jpg"))
    assert guarded.checks == 1
    for _ in range(4):  # sweeps within the five minutes
        guarded.clock.advance(MINUTE)
        assert guarded.sweep_and_deliver() is None
    guarded.clock.advance(REFUSED_CHECK_EVERY - 4 * MINUTE + MINUTE)
    guarded.sweep_and_deliver()
    assert (len(guarded.queue.sent), guarded.checks) == (1, 2)
    assert len(guarded.alerts.rung) == 2


def test_after_the_bucket_was_corrected_every_upload_is_sent(guarded: Guarded) -> None:
    guarded.s3.kind = "under a disabled KMS key"
    for number in range(3):
        guarded.submit(guarded.put(f"{number}.jpg"))
    guarded.s3.kind = ""
    for _ in range(20):
        guarded.clock.advance(MINUTE)
        guarded.sweep_and_deliver()
    assert {job.status for job in guarded.cloud.jobs()} == {JobStatus.PROCESSING}


def test_a_proof_is_used_for_a_quarter_of_an_hour(guarded: Guarded) -> None:
    guarded.submit(guarded.put("a.jpg"))
    guarded.clock.advance(CHECK_EVERY - MINUTE)
    guarded.submit(guarded.put("b.jpg"))
    assert guarded.checks == 1
    guarded.clock.advance(MINUTE)
    guarded.s3.kind = "mistyped"
    guarded.submit(guarded.put("c.jpg"))
    assert guarded.checks == 2
    assert len(guarded.provider.processes) == 2


def test_while_another_submit_has_the_first_check_made_an_upload_waits_seconds(guarded: Guarded) -> None:
    guarded.ports["storage_checks"].take_turn(START, START + CHECK_TAKES)
    outcome = guarded.submit(guarded.put())
    assert isinstance(outcome, RetryLater)
    assert (outcome.seconds < 5, guarded.checks, "under way" in waiting(guarded)) == (True, 0, True)


def test_after_an_idle_time_an_upload_waits_only_seconds_for_the_check_of_another_submit(guarded: Guarded) -> None:
    guarded.submit(guarded.put("a.jpg"))
    guarded.clock.advance(2 * TRUSTED_FOR)
    now = guarded.clock()
    guarded.ports["storage_checks"].take_turn(now, now + CHECK_TAKES)  # by the first upload of a batch
    outcome = guarded.submit(guarded.put("b.jpg"))
    assert isinstance(outcome, RetryLater)
    assert (outcome.seconds < 5, guarded.checks, len(guarded.provider.processes)) == (True, 1, 1)


def test_a_check_that_died_is_made_by_another_submit(guarded: Guarded) -> None:
    guarded.ports["storage_checks"].take_turn(START, START + CHECK_TAKES)
    guarded.clock.advance(CHECK_TAKES)
    guarded.submit(guarded.put())
    assert (guarded.job().status, guarded.checks) == (JobStatus.PROCESSING, 1)


def test_where_finalize_cannot_be_asked_nothing_is_reserved(guarded: Guarded) -> None:
    guarded.broken = StorageUnproven("submit could not call finalize (AccessDeniedException)")
    guarded.submit(guarded.put())
    assert "AccessDeniedException" in waiting(guarded)
    assert guarded.alerts.rung == [Alarm.STORAGE_REFUSED]


def test_a_proof_counts_although_finalizes_answer_was_lost(guarded: Guarded) -> None:
    def answer_lost() -> None:
        guarded.make_container().check_storage()
        raise StorageUnproven("submit could not call finalize (ReadTimeoutError)")

    guarded.ports["storage_checker"] = answer_lost
    guarded.submit(guarded.put("a.jpg"))
    assert (guarded.job().status, guarded.alerts.rung) == (JobStatus.PROCESSING, [])


def test_a_recent_proof_counts_while_the_next_one_cannot_be_made(guarded: Guarded) -> None:
    guarded.submit(guarded.put("a.jpg"))
    guarded.broken = StorageUnproven("finalize could not check")
    guarded.clock.advance(CHECK_EVERY)
    guarded.submit(guarded.put("b.jpg"))
    assert (len(guarded.provider.processes), guarded.alerts.rung) == (2, [])
    guarded.clock.advance(TRUSTED_FOR - CHECK_EVERY)
    guarded.submit(guarded.put("c.jpg"))
    assert len(guarded.provider.processes) == 2
    assert guarded.alerts.rung == [Alarm.STORAGE_REFUSED]


def test_an_upload_that_is_to_be_rejected_waits_too_because_its_report_could_not_be_written(guarded: Guarded) -> None:
    guarded.s3.kind = "mistyped"
    guarded.submit(guarded.cloud.put("a.jpg", picture(), tags="sclae=2"))
    assert "there is no bucket" in waiting(guarded)


def test_an_upload_ends_at_its_deadline_though_no_report_can_be_written(guarded: Guarded) -> None:
    guarded.s3.kind = "under a disabled KMS key"
    guarded.submit(guarded.put())
    guarded.clock.advance(DEADLINE)
    guarded.sweep_and_deliver()
    job = guarded.job()
    assert (job.status, job.error_code, guarded.cloud.report("a.jpg")) == (JobStatus.FAILED, "TimedOut", None)
    assert "KMS.DisabledException" in (job.error or "")


def test_of_two_submits_that_saw_that_it_is_time_one_has_the_bucket_checked(guarded: Guarded) -> None:
    checks = guarded.ports["storage_checks"]
    assert [checks.take_turn(START, START + CHECK_TAKES) for _ in range(2)] == [True, False]
    assert checks.take_turn(START + CHECK_TAKES, START + 2 * CHECK_TAKES)
