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
from darkroom.pipeline import sweep
from darkroom.providers.adapter_base import Adapter
from darkroom.providers.registry import ADAPTERS, FORGETTING

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


def many(application: ApplicationUnderTest, count: int) -> None:
    """Let that many jobs be settled, and let a day pass."""
    for upload in uploads(application, count):
        application.submit(upload)
    application.provider.become(ProcessState.COMPLETED)
    for job in application.cloud.jobs():
        application.finalize(job)
    application.clock.advance(DAY + timedelta(hours=1))


def test_one_sweep_forgets_all_that_it_has_time_for(account: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "REMOVE_BATCH", 3)
    application = ApplicationUnderTest(account)
    many(application, 8)
    application.sweep()
    assert application.provider.processes == {}


def test_no_entry_is_removed_without_time_for_the_answer(account: Cloud) -> None:
    application = ApplicationUnderTest(account)
    many(application, 8)

    def slow(process_id: str) -> None:
        application.clock.advance(60)
        application.provider.forget(process_id)

    application.ports["provider"] = Replaced(application.provider, forget=slow)
    application.sweep()  # an invocation of 300 s, of which the last 45 s are too late to ask
    assert len(application.provider.processes) == 3


def test_a_vendor_that_forgets_nothing_has_no_entries_to_look_at(account: Cloud) -> None:
    application = ApplicationUnderTest(account)
    application.ports["ledger"] = replace(application.ledger, forgetting=())
    settled(application)
    assert application.job().due_at is None


def test_the_vendors_that_forget_are_those_whose_adapters_do() -> None:
    assert {name for name, load in ADAPTERS.items() if load().forget is not Adapter.forget} == FORGETTING


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
