"""Tests the failure reports in the output bucket. The newest version of a key decides whether it has a report, and a
removed report leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.ledger_support import source

from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.errors import ErrorCode, OperatorFault, ProviderRejected
from darkroom.model import Job, JobStatus, ProcessState

ADAPTER = pytest.mark.emulated("s3")
KEY = "_failed/ü/a.jpg.json"
OLD, MIDDLE, NEW = (source(version=f"v{n}", second=n).order for n in (1, 2, 3))


@pytest.fixture
def outputs(account: Cloud) -> S3OutputBucket:
    return S3OutputBucket(account.s3, OUTPUT)


def report(account: Cloud) -> Any:
    return account.report("ü/a.jpg")


def markers(account: Cloud) -> int:
    """Return the number of delete markers in the output bucket, which is versioned."""
    return len(account.s3.list_object_versions(Bucket=OUTPUT).get("DeleteMarkers", []))


@ADAPTER
def test_a_report_is_json_with_its_letters_as_they_are(outputs: S3OutputBucket, account: Cloud) -> None:
    outputs.write_report(KEY, {"message": "größer"}, OLD)
    assert report(account) == {"message": "größer"}
    assert account.head(KEY)["ContentType"] == "application/json"
    assert "größer".encode() in (account.body(KEY) or b"")


@ADAPTER
@pytest.mark.parametrize("order", [MIDDLE, NEW])
def test_a_report_of_the_same_or_a_newer_version_takes_the_place(
    outputs: S3OutputBucket, account: Cloud, order: str
) -> None:
    outputs.write_report(KEY, {"n": 1}, MIDDLE)
    outputs.write_report(KEY, {"n": 2}, order)
    assert report(account) == {"n": 2}


@ADAPTER
def test_a_newer_versions_report_is_not_overwritten_by_an_older_ones(outputs: S3OutputBucket, account: Cloud) -> None:
    outputs.write_report(KEY, {"n": 3}, NEW)
    for order in (OLD, MIDDLE):
        outputs.write_report(KEY, {"n": 1}, order)
    assert (report(account), account.versions(KEY)) == ({"n": 3}, 1)


@ADAPTER
@pytest.mark.parametrize("order", [MIDDLE, NEW])
def test_a_report_is_removed_by_its_own_or_a_newer_version(outputs: S3OutputBucket, account: Cloud, order: str) -> None:
    outputs.write_report(KEY, {"n": 2}, MIDDLE)
    for _ in range(3):
        outputs.remove_report(KEY, order)
    assert (report(account), markers(account)) == (None, 1)


@ADAPTER
def test_a_newer_versions_report_is_not_removed_by_an_older_one(outputs: S3OutputBucket, account: Cloud) -> None:
    outputs.write_report(KEY, {"n": 2}, MIDDLE)
    outputs.remove_report(KEY, OLD)
    assert (report(account), markers(account)) == ({"n": 2}, 0)


@ADAPTER
def test_removing_where_there_is_none_makes_no_delete_marker(outputs: S3OutputBucket, account: Cloud) -> None:
    outputs.remove_report(KEY, NEW)
    assert account.s3.list_object_versions(Bucket=OUTPUT).get("DeleteMarkers", []) == []


@ADAPTER
def test_a_report_without_an_order_is_older_than_all(outputs: S3OutputBucket, account: Cloud) -> None:
    account.s3.put_object(Bucket=OUTPUT, Key=KEY, Body=b"{}")
    outputs.write_report(KEY, {"n": 1}, OLD)
    assert report(account) == {"n": 1}
    account.s3.put_object(Bucket=OUTPUT, Key=KEY, Body=b"{}")
    outputs.remove_report(KEY, OLD)
    assert report(account) is None


def two_versions(application: ApplicationUnderTest, old: bytes, new: bytes) -> tuple[str, str]:
    """Deliver two versions of `a.jpg`, the newer one first. Return the job ids of the older and the newer version."""
    uploads = [replace(application.cloud.put("a.jpg", body), sequencer=f"0{n}") for n, body in enumerate((old, new))]
    for upload in reversed(uploads):
        application.deliver(upload)
    first, second = sorted(application.cloud.jobs(), key=lambda job: job.source_order)
    return first.job_id, second.job_id


def test_of_two_refused_versions_the_newer_ones_report_stands(application: ApplicationUnderTest) -> None:
    old, new = two_versions(application, b"broken", b"broken too")
    found = application.cloud.report("a.jpg")
    assert found is not None
    assert found["job_id"] == new
    assert {job.job_id: job.status for job in application.cloud.jobs()} == dict.fromkeys((old, new), JobStatus.REJECTED)
    assert application.bus.kinds == ["Job Rejected"] * 2  # each job has its own event, although there is one report


def test_an_older_version_that_completes_leaves_the_newer_ones_report(application: ApplicationUnderTest) -> None:
    old, new = two_versions(application, picture(), b"broken")
    application.provider.become(ProcessState.COMPLETED)
    job = application.ledger.get(old)
    assert job is not None
    assert application.finalize(job).status == "COMPLETED"
    found = application.cloud.report("a.jpg")
    assert found is not None
    assert (found["job_id"], application.cloud.keys()) == (new, {"a.jpg", "_failed/a.jpg.json"})


def failing_first(application: ApplicationUnderTest) -> tuple[Job, Job]:
    """Return the jobs of an older and a newer version. The older job's process has failed, and the newer one's is completed."""
    uploads = [replace(application.cloud.put("a.jpg", picture(noise=n)), sequencer=f"0{n}") for n in (1, 2)]
    for upload in uploads:
        application.deliver(upload)
    older, newer = sorted(application.cloud.jobs(), key=lambda job: job.source_order)
    application.provider.become(ProcessState.FAILED, older.process.process_id)
    application.provider.become(ProcessState.COMPLETED, newer.process.process_id)
    return older, newer


def test_an_older_version_that_fails_late_leaves_no_report_beside_the_newer_ones_result(
    application: ApplicationUnderTest,
) -> None:
    older, newer = failing_first(application)
    application.finalize(newer)
    application.finalize(older)
    assert {job.source_order: job.status for job in application.cloud.jobs()} == {
        older.source_order: JobStatus.FAILED,
        newer.source_order: JobStatus.COMPLETED,
    }
    assert application.cloud.keys() == {"a.jpg"}
    assert application.bus.kinds == ["Job Completed", "Job Failed"]


def test_an_older_version_refused_late_leaves_no_report_beside_a_result_in_another_format(
    application: ApplicationUnderTest,
) -> None:
    old = replace(application.cloud.put("a.jpg", b"broken"), sequencer="01")
    application.complete(replace(application.cloud.put("a.jpg", picture(), tags="output_format=png"), sequencer="02"))
    application.deliver(old)
    assert application.cloud.keys() == {"a.png"}


def test_another_sources_result_says_nothing_of_this_one(application: ApplicationUnderTest) -> None:
    application.complete(replace(application.cloud.put("a.png", picture(form="png")), sequencer="09"))
    application.deliver(replace(application.cloud.put("a.jpg", b"broken"), sequencer="01"))
    assert application.cloud.report("a.jpg") is not None


class Meanwhile:
    """Wraps a port. The first call of `method` also calls `happens`, just before or just after its own effect."""

    def __init__(self, port: Any, method: str, happens: Callable[[], object], *, after: bool) -> None:
        self._port, self._method, self._happens, self._after = port, method, [happens], after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name != self._method or not self._happens:
            return found
        happens = self._happens.pop()

        def call(*given: Any, **named: Any) -> Any:
            if not self._after:
                happens()
            answer = found(*given, **named)
            if self._after:
                happens()
            return answer

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("port", "method"),
    [("ledger", "has_newer_result"), ("outputs", "write_report"), ("ledger", "settle"), ("events", "publish")],
)
def test_a_result_that_lands_while_an_older_version_fails_leaves_no_report(
    application: ApplicationUnderTest, port: str, method: str, after: bool
) -> None:
    older, newer = failing_first(application)
    sound = application.ports[port]

    def lands() -> None:
        application.ports[port] = sound
        application.finalize(newer)

    application.ports[port] = Meanwhile(sound, method, lands, after=after)
    application.finalize(older)
    assert application.cloud.keys() == {"a.jpg"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("port", "method"),
    [("outputs", "write"), ("outputs", "remove_report"), ("ledger", "settle"), ("events", "publish")],
)
def test_an_older_version_that_fails_while_the_newer_one_lands_leaves_no_report(
    application: ApplicationUnderTest, port: str, method: str, after: bool
) -> None:
    older, newer = failing_first(application)
    sound = application.ports[port]

    def fails() -> None:
        application.ports[port] = sound
        application.finalize(older)

    application.ports[port] = Meanwhile(sound, method, fails, after=after)
    application.finalize(newer)
    assert application.cloud.keys() == {"a.jpg"}


def test_a_report_says_how_it_ended_and_not_why_it_waited(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture(), tags="label=summer")
    application.provider.refusals = [
        OperatorFault(ErrorCode.OUT_OF_CREDITS, "no credits"),
        ProviderRejected("HTTP 422: no"),
    ]
    application.deliver(upload)
    found = application.cloud.report("a.jpg")
    assert found is not None
    assert (found["error_code"], found["code"]) == ("ProviderRejected", "ProviderRejected")
    assert (found["error"], found["message"]) == ("HTTP 422: no", "HTTP 422: no")


def test_a_job_that_expires_unsent_says_what_it_was_for(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "away")
    upload = application.cloud.put("a.jpg", picture(), tags="label=summer&model=Redefine")
    application.submit(upload)
    application.clock.advance(DEADLINE)
    application.sweep_and_deliver()
    found = application.cloud.report("a.jpg")
    job = application.job()
    assert found is not None
    assert (job.status, job.error_code) == (JobStatus.FAILED, "TimedOut")
    for told in (found, application.bus.sent[-1][1]):
        assert (told["provider"], told["model"], told["label"]) == ("topaz", "Redefine", "summer")
        assert told["settings"]["model"] == "Redefine"  # type: ignore[index]


def test_a_newer_version_that_completes_removes_an_older_ones_report_once(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", b"broken"))
    application.complete(replace(application.cloud.put("a.jpg", picture()), sequencer="09"))
    application.complete(replace(application.cloud.put("a.jpg", picture(noise=9)), sequencer="0A"))
    assert (application.cloud.keys(), markers(application.cloud)) == ({"a.jpg"}, 1)
