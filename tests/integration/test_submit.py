"""Tests submit with real adapters: which uploads become jobs, which do not, and what each refusal leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, Cloud, cloud
from tests.integration.ledger_support import source

from darkroom import queue_messages
from darkroom.errors import CURES, ErrorCode, ProviderRejected
from darkroom.model import JobStatus, Limits, SourceObject, Upload
from darkroom.pipeline.message_outcomes import Done, Ignored, RetryLater


def test_an_upload_becomes_a_result_with_everything_accounted_for(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture(), ContentType="image/jpeg")
    job = application.complete(upload)
    assert (job.status, job.credits, job.dispatch.output_key) == (JobStatus.COMPLETED, Decimal(1), "a.jpg")
    assert application.cloud.body("a.jpg") == application.provider.processes[job.process.process_id].result
    assert application.provider.processes[job.process.process_id].sent == picture()
    assert application.bus.kinds == ["Job Completed"]
    assert application.cloud.budget("topaz", MONTH)["spent"] == 1
    application.assert_books_balance()


def test_the_execution_waits_for_the_eta(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", picture()))
    (tick,) = application.executions.running.values()
    assert tick.poll_at == START + application.provider.eta_after


def test_duplicates_before_during_and_after_make_one_submit(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    for _ in range(3):
        application.deliver(upload)
    application.complete(upload)
    for _ in range(3):
        assert isinstance(application.deliver(upload), Done)
    assert len(application.provider.processes) == len(application.executions.running) == len(application.bus.sent) == 1
    assert application.job().run == 1


def test_an_overtaken_event_of_an_older_version_still_makes_its_own_job(application: ApplicationUnderTest) -> None:
    bodies = [picture(), picture(noise=9)]
    old, new = (replace(application.cloud.put("a.jpg", body), sequencer=f"0{n}") for n, body in enumerate(bodies))
    for upload in (new, old, new, old):
        application.deliver(upload)
    assert [p.sent for p in application.provider.processes.values()] == [bodies[1], bodies[0]]
    assert {job.source_version for job in application.cloud.jobs()} == {old.version_id, new.version_id}


def test_an_event_whose_etag_is_not_the_objects_makes_no_job(application: ApplicationUnderTest) -> None:
    upload = replace(application.cloud.put("a.jpg", picture()), etag="0" * 32, version_id=None)
    assert isinstance(application.submit(upload), Ignored)
    assert application.cloud.jobs() == []


def test_a_version_deleted_before_its_event_has_a_job_that_says_so(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    for _ in range(2):
        assert isinstance(application.submit(upload), Done)
    job = application.job()
    assert (job.status, job.error_code, job.source_version) == (JobStatus.CANCELLED, "SourceGone", upload.version_id)
    assert (application.provider.processes, application.cloud.keys(), application.bus.kinds) == (
        {},
        set(),
        ["Job Cancelled"],
    )


def test_an_object_without_a_version_that_is_gone_before_its_event_makes_no_job(plain: ApplicationUnderTest) -> None:
    upload = plain.cloud.put("a.jpg", picture())
    plain.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg")
    assert isinstance(plain.submit(upload), Ignored)
    assert plain.cloud.jobs() == []


@pytest.fixture
def plain() -> Iterator[ApplicationUnderTest]:
    with cloud(versioned=False) as account:
        yield ApplicationUnderTest(account)


def test_in_an_unversioned_bucket_content_and_time_are_the_identity(plain: ApplicationUnderTest) -> None:
    upload = plain.cloud.put("a.jpg", picture())
    assert upload.version_id is None
    for same in (upload, replace(upload, sequencer="05"), Upload(INPUT, "a.jpg")):
        plain.deliver(same)
    assert len(plain.provider.processes) == len(plain.cloud.jobs()) == 1
    assert plain.job().source_version is None


def test_an_unversioned_object_overwritten_since_is_left_to_its_own_event(plain: ApplicationUnderTest) -> None:
    old = plain.cloud.put("a.jpg", picture())
    body = picture(noise=9)
    new = plain.cloud.put("a.jpg", body)
    assert isinstance(plain.submit(old), Ignored)
    plain.deliver(new)
    assert [p.sent for p in plain.provider.processes.values()] == [body]


class Overwriting:
    """Wraps the input bucket. When an object is opened to be sent, somebody overwrites it first."""

    def __init__(self, application: ApplicationUnderTest) -> None:
        self._world, self._sources = application, application.ports["sources"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sources, name)

    def open(self, source: SourceObject) -> Any:
        self._world.cloud.put("a.jpg", picture(noise=9))
        return self._sources.open(source)


def test_an_object_overwritten_while_it_is_sent_is_not_sent_as_another(plain: ApplicationUnderTest) -> None:
    upload = plain.cloud.put("a.jpg", picture())
    plain.ports["sources"] = Overwriting(plain)
    plain.deliver(upload)
    assert (plain.job().status, plain.job().error_code) == (JobStatus.CANCELLED, "SourceGone")
    assert plain.provider.processes == {}
    plain.assert_books_balance()


@pytest.mark.parametrize("key", ["folder/", "_failed/a.jpg.json", "_darkroom/incoming/x"])
def test_markers_and_our_own_keys_are_no_uploads(application: ApplicationUnderTest, key: str) -> None:
    assert isinstance(application.submit(application.cloud.put(key, b"")), Ignored)
    assert application.cloud.jobs() == []


def test_a_result_put_back_into_the_input_leaves_a_skipped_row_and_is_not_sent(
    application: ApplicationUnderTest,
) -> None:
    upload = application.cloud.put("a.jpg", picture(), Metadata={"darkroom-job": "1" * 32})
    for _ in range(2):
        assert isinstance(application.deliver(upload), Done)
    job = application.job()
    assert (job.status, job.error) == (JobStatus.SKIPPED, "an output of Darkroom cannot be its input")
    assert (application.provider.processes, application.cloud.keys(), application.bus.sent) == ({}, set(), [])
    application.assert_books_balance()


def test_another_buckets_upload_is_refused(application: ApplicationUnderTest) -> None:
    assert isinstance(application.submit(application.cloud.put("a.jpg", picture(), bucket="darkroom-out")), Ignored)
    assert application.cloud.jobs() == []


def test_skip_leaves_a_row_and_nothing_else(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture(), tags="skip=true")
    for _ in range(2):
        application.deliver(upload)
    assert application.job().status is JobStatus.SKIPPED
    assert (application.provider.processes, application.cloud.keys(), application.bus.sent) == ({}, set(), [])


DEAR = Limits({}, Decimal(0), {"topaz": Decimal("0.5")}, {})
POOR = Limits({"topaz": Decimal("0.5")}, Decimal(0), {}, {})
REFUSALS = {
    ErrorCode.INVALID_SETTING: ("a.jpg", picture(), "modle=Standard+V2", None),
    ErrorCode.UNKNOWN_MODEL: ("a.jpg", picture(), "model=Nonsense", None),
    ErrorCode.UNSUPPORTED_FORMAT: ("a.jpg", b"no picture at all", "", None),
    ErrorCode.IMAGE_TOO_LARGE: ("a.jpg", picture(), "model=Redefine&output_width=31999&output_height=31999", None),
    ErrorCode.PRICE_ABOVE_LIMIT: ("a.jpg", picture(), "", DEAR),
    ErrorCode.BUDGET_EXCEEDED: ("a.jpg", picture(), "", POOR),
    ErrorCode.OUTPUT_COLLISION: ("a.png", picture(form="png"), "output_format=jpeg", None),
    ErrorCode.PROVIDER_REJECTED: ("a.jpg", picture(), "", None),
}


UNREAD: dict[str, Any] = {"provider": None, "label": None, "model": None}
READ = {"provider": "topaz", "label": "summer", "model": None}
PLANNED = {"provider": "topaz", "label": "summer", "model": "Standard V2"}
KNOWN_BY_THEN = dict.fromkeys(REFUSALS, PLANNED) | {
    ErrorCode.INVALID_SETTING: UNREAD,
    ErrorCode.UNKNOWN_MODEL: READ,
    ErrorCode.UNSUPPORTED_FORMAT: READ,
    ErrorCode.IMAGE_TOO_LARGE: READ,
    ErrorCode.PRICE_ABOVE_LIMIT: READ,
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_is_reported_unpaid(account: Cloud, code: ErrorCode) -> None:
    key, body, tags, limits = REFUSALS[code]
    application = ApplicationUnderTest(account, limits=limits) if limits else ApplicationUnderTest(account)
    if code is ErrorCode.OUTPUT_COLLISION:
        other = ApplicationUnderTest(account)
        other.ledger.claim_output(
            other.ledger.claim(source("a.webp"), START, other.ends, START).job, "darkroom-out", "a.jpeg"
        )
    if code is ErrorCode.PROVIDER_REJECTED:
        application.provider.refusals = [ProviderRejected("HTTP 422: no")]
    application.deliver(account.put(key, body, tags=f"{tags}&label=summer" if tags else "label=summer"))
    (job,) = [job for job in account.jobs() if job.source_key == key]
    report = account.report(key)
    assert (job.status, job.error_code) == (JobStatus.REJECTED, code)
    assert report is not None
    assert (report["code"], report["message"], report["cure"]) == (code, job.error, CURES[code])
    assert (report["status"], report["job_id"]) == ("REJECTED", job.job_id)
    ((kind, detail),) = application.bus.sent
    assert (kind, detail["error_code"]) == ("Job Rejected", code)
    for told in (report, detail):
        assert (told["error_code"], told["error"]) == (code, job.error)
        assert {name: told.get(name) for name in KNOWN_BY_THEN[code]} == KNOWN_BY_THEN[code]
    row = queue_messages.event_detail(job)
    assert {name: row.get(name) for name in KNOWN_BY_THEN[code]} == KNOWN_BY_THEN[code]
    assert (row.get("settings") or {}).get("label") == (None if code is ErrorCode.INVALID_SETTING else "summer")
    assert (application.provider.processes, job.credits or 0) == ({}, 0)
    application.assert_books_balance()


def test_an_empty_object_is_refused_as_no_picture(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", b""))
    assert application.job().error_code == ErrorCode.UNSUPPORTED_FORMAT


def test_a_key_too_long_for_its_new_suffix_is_refused_before_it_is_paid(application: ApplicationUnderTest) -> None:
    key = "k" * 1020
    application.deliver(application.cloud.put(key, picture(), tags="output_format=tiff"))
    assert (application.job().status, application.job().error_code) == (JobStatus.REJECTED, ErrorCode.INVALID_SETTING)
    assert application.provider.processes == {}


def test_a_later_success_of_the_same_key_removes_the_report(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", b"broken"))
    assert application.cloud.report("a.jpg") is not None
    application.complete(application.cloud.put("a.jpg", picture()))
    assert application.cloud.keys() == {"a.jpg"}


def test_too_little_time_left_sends_nothing_and_comes_back(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    monkeypatch.setattr(ApplicationUnderTest, "ends", property(lambda self: self.clock.now))
    assert isinstance(application.submit(upload), RetryLater)
    assert (application.provider.processes, application.job().status) == ({}, JobStatus.CLAIMED)
    assert application.job().reservation is None
    monkeypatch.undo()
    application.clock.advance(60)
    application.deliver(upload)
    assert application.job().status is JobStatus.PROCESSING
    application.assert_books_balance()
