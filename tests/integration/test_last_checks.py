"""Tests the checks that matter only if something changed between two steps of one job."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import TABLE, cloud
from tests.integration.time_support import Replaced

from darkroom.aws import items, retention
from darkroom.aws.ledger_table import LedgerTable
from darkroom.errors import LostClaim, Throttled
from darkroom.model import Job, JobStatus, ProcessState, Upload
from darkroom.pipeline import lost_uploads
from darkroom.pipeline.message_outcomes import RetryLater


def test_an_object_that_was_overwritten_is_not_sent_under_the_job_of_the_old_one() -> None:
    with cloud(versioned=False) as account:
        application = ApplicationUnderTest(account)
        application.provider.refusals = [Throttled("HTTP 429")]
        application.submit(account.put("a.jpg", picture()))
        (waiting,) = account.jobs()
        newer = account.put("a.jpg", picture(noise=50))
        application.clock.advance(timedelta(minutes=5))
        application.sweep_and_deliver()
        ended = application.ledger.get(waiting.job_id)
        assert ended is not None
        assert (ended.status, ended.error_code) == (JobStatus.CANCELLED, "SourceGone")
        assert application.provider.processes == {}
        application.submit(Upload(newer.bucket, newer.key, None, newer.etag))
        assert len(application.provider.processes) == 1


def test_a_call_does_not_begin_if_reserving_took_the_time_that_was_left(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())

    def slow(*arguments: Any) -> Any:
        reserved = application.ledger.reserve(*arguments)
        application.clock.advance(timedelta(seconds=280))
        return reserved

    application.ports["ledger"] = Replaced(application.ledger, reserve=slow)
    assert isinstance(application.submit(upload), RetryLater)
    assert application.provider.processes == {}
    assert (application.job().status, application.job().reservation) == (JobStatus.CLAIMED, None)


def test_a_skipped_upload_is_known_for_longer_than_the_sweep_looks_for_it() -> None:
    assert lost_uploads.MAX_AGE + timedelta(days=1) < retention.SKIPPED_KEPT


def test_keys_that_a_batch_read_leaves_out_are_not_missing(application: ApplicationUnderTest) -> None:
    for name in ("a.jpg", "b.jpg"):
        application.submit(application.cloud.put(name, picture()))
    keys = [items.job_key(job.job_id) for job in application.cloud.jobs()]
    real, calls = application.cloud.dynamodb, list[int]()

    def half(**request: Any) -> Any:
        asked = request["RequestItems"][TABLE]["Keys"]
        calls.append(len(asked))
        answer = real.batch_get_item(RequestItems={TABLE: {**request["RequestItems"][TABLE], "Keys": asked[:1]}})
        return answer | {"UnprocessedKeys": {TABLE: {"Keys": asked[1:]}} if asked[1:] else {}}

    found = LedgerTable(Replaced(real, batch_get_item=half), TABLE).rows(keys)
    assert [item["pk"] for item in found] == [key["pk"] for key in keys]
    assert calls == [2, 1]


def test_the_process_of_an_abandoned_job_is_cancelled_at_the_provider(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.jpg", picture()))
    job = application.ledger.mark_in_doubt(application.job(), "nobody can tell", application.clock())
    assert job.process is not None
    application.operate.abandon(job.job_id)
    assert application.provider.processes[job.process.process_id].progress.state is ProcessState.CANCELLED


def test_the_ledger_itself_never_resubmits_a_run_that_has_a_process(application: ApplicationUnderTest) -> None:
    application.submit(application.cloud.put("a.jpg", picture()))
    job = application.ledger.mark_in_doubt(application.job(), "nobody can tell", application.clock())
    with pytest.raises(LostClaim):
        application.ports["operator_ledger"].resubmit(job, application.clock(), job.deadline_at)
    assert application.job().status is JobStatus.IN_DOUBT


def test_of_two_sweeps_that_saw_the_same_task_one_runs_it(application: ApplicationUnderTest) -> None:
    queries, now = application.ports["sweep_queries"], application.clock()
    assert queries.take_turn("Task", now, timedelta(hours=1))
    late = Replaced(application.cloud.dynamodb, get_item=lambda **request: {})  # it read before the other one wrote
    assert not replace(queries, table=LedgerTable(late, TABLE)).take_turn("Task", now, timedelta(hours=1))


def moved(application: ApplicationUnderTest, job: Job, how: str) -> None:
    """Let another worker change the job after the sweep has read it."""
    ledger, now = application.ledger, application.clock()
    if how == "rescheduled":
        application.ports["sweep_queries"].reschedule(job, now + timedelta(minutes=1))
    elif how == "taken over":
        assert job.due_at is not None
        ledger.take_over(job, now, job.due_at)
    else:
        ledger.settle(job, JobStatus.REJECTED, Decimal(0), now)
        row = items.job_key(job.job_id)
        due = {":due": items.wire(job.due_at)}  # as if the settlement had left it
        application.cloud.dynamodb.update_item(
            TableName=TABLE, Key=row, UpdateExpression="SET due_at = :due", ExpressionAttributeValues=due
        )


@pytest.mark.parametrize("how", ["rescheduled", "taken over", "ended"])
def test_a_sweep_reschedules_only_the_job_that_it_read(application: ApplicationUnderTest, how: str) -> None:
    application.provider.refusals = [Throttled("HTTP 429")]
    application.submit(application.cloud.put("a.jpg", picture()))
    application.clock.advance(timedelta(minutes=5))
    job = application.job()
    moved(application, job, how)
    with pytest.raises(LostClaim):
        application.ports["sweep_queries"].reschedule(job, application.clock() + timedelta(hours=1))
