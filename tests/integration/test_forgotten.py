"""Tests that a job's entry is deleted from the provider's list one day after the job ends, and no other entry is deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.time_support import MINUTE, Replaced, uploads

from darkroom.aws import items
from darkroom.aws.ledger_table import LedgerTable
from darkroom.errors import ErrorCode, OperatorFault, ProviderUnavailable, Throttled
from darkroom.model import LISTED, Job, JobStatus, ProcessState
from darkroom.pipeline.sweep import REMOVE_BATCH

DAY = timedelta(hours=24)


def settled(application: ApplicationUnderTest) -> Job:
    """Return a job that has been settled and whose event has been published."""
    return application.complete(uploads(application, 1)[0])


def test_what_was_settled_a_day_ago_is_forgotten_at_the_provider(application: ApplicationUnderTest) -> None:
    job = settled(application)
    application.clock.advance(DAY - MINUTE)
    application.sweep()
    assert job.process.process_id in application.provider.processes
    application.clock.advance(MINUTE)
    application.sweep()
    application.clock.advance(MINUTE)
    application.sweep()
    assert application.provider.processes == {}
    assert application.job().due_at is None


def test_only_what_was_bound_here_is_forgotten_at_the_provider(application: ApplicationUnderTest) -> None:
    job = settled(application)
    entry = application.provider.processes[job.process.process_id]
    others = {name: replace(entry, process_id=name) for name in ("somebody-else", "an-orphan")}
    application.provider.processes |= others
    application.ledger.record_orphan(job, "an-orphan")
    application.clock.advance(DAY)
    application.sweep()
    assert application.provider.processes.keys() == others.keys()


def test_many_entries_are_forgotten_a_few_at_a_time(account: Cloud) -> None:
    application = ApplicationUnderTest(account)
    for upload in uploads(application, REMOVE_BATCH + 5):
        application.submit(upload)
    application.provider.become(ProcessState.COMPLETED)
    for job in application.cloud.jobs():
        application.finalize(job)
    application.clock.advance(DAY + timedelta(hours=1))
    application.sweep()
    assert len(application.provider.processes) == 5
    application.sweep()
    assert application.provider.processes == {}


@pytest.mark.parametrize(
    "trouble",
    [OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401"), ProviderUnavailable("HTTP 503"), Throttled("HTTP 429")],
    ids=str,
)
def test_trouble_at_the_provider_only_delays_the_forgetting(
    application: ApplicationUnderTest, trouble: Exception
) -> None:
    settled(application)

    def fail(process_id: str) -> None:
        raise trouble

    application.ports["provider"] = Replaced(application.provider, forget=fail)
    application.clock.advance(DAY)
    application.sweep()
    application.ports["provider"] = application.provider
    assert len(application.provider.processes) == 1
    application.clock.advance(timedelta(hours=1))
    application.sweep()
    assert application.provider.processes == {}


def test_a_rerun_that_the_index_does_not_show_yet_stays_among_the_jobs_to_look_at(
    application: ApplicationUnderTest,
) -> None:
    job = settled(application)
    application.clock.advance(DAY)
    application.operate.rerun(job.job_id, completed=True)

    def lagging(**request: Any) -> Any:
        shown = request["ExpressionAttributeValues"].get(":word") == {"S": LISTED}
        return {"Items": [items.job_key(job.job_id)] if shown else []}

    backlog = application.ports["sweep_queries"]
    application.ports["sweep_queries"] = replace(
        backlog, table=LedgerTable(Replaced(application.cloud.dynamodb, query=lagging), TABLE)
    )
    application.sweep()
    application.ports["sweep_queries"] = backlog
    application.clock.advance(timedelta(minutes=15))
    application.sweep_and_deliver()
    assert (application.job().run, application.job().status) == (2, JobStatus.PROCESSING)
