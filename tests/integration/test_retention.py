"""Tests that rows of ended jobs expire, and that no expired job's object is ever taken for a new upload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, TABLE, cloud
from tests.rows import each_row

from darkroom.aws.ledger import DynamoLedger
from darkroom.configuration import BadConfiguration, Configuration
from darkroom.errors import Inapplicable
from darkroom.model import Job, JobDue, JobStatus, SourceObject, Upload
from darkroom.pipeline.message_outcomes import Ignored

KEPT = timedelta(days=90)


def retaining(application: ApplicationUnderTest) -> ApplicationUnderTest:
    """Return the application, whose jobs now expire."""
    application.ports["ledger"] = replace(application.ledger, kept=KEPT)
    application.ports["operator_ledger"] = replace(application.ports["operator_ledger"], kept=KEPT)
    return application


@pytest.fixture
def application() -> Iterator[ApplicationUnderTest]:
    with cloud() as account:
        yield retaining(ApplicationUnderTest(account))


class AgedSources:
    """The input bucket, whose objects were uploaded when the test's clock began. The buckets date them by the real time."""

    def __init__(self, bucket: Any) -> None:
        self.bucket = bucket

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bucket, name)

    def find(self, upload: Upload) -> SourceObject:
        found: SourceObject = self.bucket.find(upload)
        return replace(found, last_modified=START)


def row(application: ApplicationUnderTest, job: Job, sk: str) -> dict[str, Any]:
    key = {"pk": {"S": f"JOB#{job.job_id}"}, "sk": {"S": sk}}
    found: dict[str, Any] = application.cloud.dynamodb.get_item(TableName=TABLE, Key=key).get("Item", {})
    return found


def expire(application: ApplicationUnderTest) -> None:
    """Delete the rows whose time has come, as DynamoDB's TTL does."""
    application.clock.advance(KEPT)
    for item in application.cloud.rows():
        if int(item.get("expires_at", {"N": "99999999999"})["N"]) <= application.clock().timestamp():
            application.cloud.dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})


def expired(application: ApplicationUnderTest) -> tuple[Upload, Job]:
    """Return an upload whose job was completed, and whose job's row has expired."""
    application.ports["sources"] = AgedSources(application.ports["sources"])
    upload = application.cloud.put("a.jpg", picture())
    job = application.complete(upload)
    expire(application)
    assert application.ledger.get(job.job_id) is None
    return upload, job


def test_a_job_that_ends_expires_and_its_id_and_status_stay(application: ApplicationUnderTest) -> None:
    _, job = expired(application)
    assert job.completed_at is not None
    stays = row(application, job, "ENDED")
    assert stays["status"] == {"S": "COMPLETED"}
    assert stays.keys() == {"pk", "sk", "status", "completed_at"}


def test_the_sums_of_the_month_stay(application: ApplicationUnderTest) -> None:
    expired(application)
    month = application.cloud.budget("topaz", "2026-11")
    assert (month["jobs"], month["spent"]) == (1, Decimal(1))


def test_a_message_about_an_expired_job_pays_nothing(application: ApplicationUnderTest) -> None:
    upload, _ = expired(application)
    before = application.cloud.rows()
    assert isinstance(application.submit(upload), Ignored)
    assert application.cloud.rows() == before
    assert len(application.provider.processes) == 1


def test_a_redriven_message_about_an_expired_job_is_ignored(application: ApplicationUnderTest) -> None:
    _, job = expired(application)
    assert isinstance(application.submit(JobDue(job.job_id)), Ignored)


def test_an_expired_job_is_not_run_again(application: ApplicationUnderTest) -> None:
    _, job = expired(application)
    for reference in (job.job_id, job.source_key):
        with pytest.raises(Inapplicable, match="there is no job"):
            application.operate.rerun(reference)


def test_an_expired_job_is_no_lost_upload(application: ApplicationUnderTest) -> None:
    _, job = expired(application)
    queries = application.ports["sweep_queries"]
    assert queries.find_without_job([job.job_id, "never-seen"]) == {"never-seen"}


def test_a_job_that_is_run_again_before_it_expires_does_not_expire_meanwhile(application: ApplicationUnderTest) -> None:
    application.ports["sources"] = AgedSources(application.ports["sources"])
    upload = application.cloud.put("a.jpg", picture())
    job = application.complete(upload)
    application.clock.advance(KEPT - timedelta(hours=1))
    again = application.operate.rerun(job.job_id, completed=True)
    assert "expires_at" not in row(application, again, "JOB")
    assert "expires_at" in row(application, again, "RUN#1")
    application.clock.advance(timedelta(hours=2))
    application.deliver(upload)  # the row that stays does not hide the run that works
    assert application.job().status is JobStatus.PROCESSING
    assert application.job().run == 2


def test_a_job_in_doubt_never_expires(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", picture()))
    job = application.ports["ledger"].mark_in_doubt(application.job(), "nobody can tell", application.clock())
    assert "expires_at" not in row(application, job, "JOB")


def test_without_a_retention_nothing_expires_and_no_row_is_added(application: ApplicationUnderTest) -> None:
    application.ports["ledger"] = application.ledger
    job = application.complete(application.cloud.put("a.jpg", picture()))
    assert "expires_at" not in row(application, job, "JOB")
    assert row(application, job, "ENDED") == {}


def test_a_young_upload_costs_no_extra_read(application: ApplicationUnderTest) -> None:
    read: list[str] = []
    table = replace(application.ledger.table, guard=lambda: read.append("request"))
    young = SourceObject(INPUT, "a.jpg", "v1", "e", 1, START)
    ledger = DynamoLedger(table, application.limits, KEPT)
    ledger.claim(young, START + timedelta(days=88), START, START)
    assert len(read) == 1
    ledger.claim(replace(young, version_id="v2"), START + timedelta(days=89), START, START)
    assert len(read) == 3


@each_row("days", ["1", "89", "-1", "many"])
def test_a_retention_below_90_days_is_refused(days: str) -> None:
    with pytest.raises(BadConfiguration, match="RetainJobsDays"):
        _ = Configuration({"RETAIN_JOBS_DAYS": days}).retain_jobs


def test_the_retention_is_read_from_the_environment() -> None:
    assert Configuration({}).retain_jobs is None
    assert Configuration({"RETAIN_JOBS_DAYS": "90"}).retain_jobs == KEPT


def test_the_rows_of_a_job_are_kept_for_the_whole_time(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    failed = application.complete(upload)
    again = application.operate.rerun(failed.job_id, completed=True)
    until = {"N": str(int((application.clock() + KEPT).timestamp()))}
    assert row(application, again, "RUN#1")["expires_at"] == until
    skipped = application.complete(application.cloud.put("b.jpg", picture(), tags="skip=true"))
    assert (skipped.status, row(application, skipped, "JOB")["expires_at"]) == (JobStatus.SKIPPED, until)
