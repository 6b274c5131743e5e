"""Tests that only one stack uses a ledger, and that a person can hand it over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, TABLE, cloud
from tests.integration.time_support import Replaced

from darkroom.aws.ledger_table import LedgerTable
from darkroom.errors import LedgerNotOwned
from darkroom.model import Alarm, JobStatus, LedgerOwner, PollStatus, ProcessState
from darkroom.pipeline.message_outcomes import RetryLater

OLD, NEW = LedgerOwner("old", INPUT), LedgerOwner("new", INPUT)


@pytest.fixture
def application() -> Iterator[ApplicationUnderTest]:
    with cloud() as account:
        yield ApplicationUnderTest(account)


def become(application: ApplicationUnderTest, stack: str, *, is_given: bool = True) -> None:
    """Let the application be another stack, whose adapters are all guarded. It did not create the table."""
    ownership = application.make_ownership(stack, is_given=is_given)
    guarded = replace(application.ledger.table, guard=ownership.require)
    application.ports["ledger_ownership"] = ownership
    for name in (
        "ledger",
        "circuits",
        "sweep_queries",
        "operator_ledger",
        "job_queries",
        "provider_accounts",
        "storage_checks",
    ):
        application.ports[name] = replace(application.ports[name], table=guarded)


def rows(application: ApplicationUnderTest) -> list[Any]:
    return sorted(application.cloud.rows(), key=str)


def test_the_stack_that_created_the_ledger_becomes_its_owner(application: ApplicationUnderTest) -> None:
    assert application.make_ownership("first").refusal() is None
    assert application.make_ownership("second").owner() == LedgerOwner("first", INPUT)
    assert "belongs to the stack first" in (application.make_ownership("second").refusal() or "")


def test_a_given_ledger_without_an_owner_is_taken_by_nobody(application: ApplicationUnderTest) -> None:
    assert "names no owner" in (application.make_ownership("new", is_given=True).refusal() or "")
    assert application.make_ownership("new", is_given=True).owner() is None


def test_a_stack_made_anew_with_the_same_name_and_bucket_goes_on_at_once(application: ApplicationUnderTest) -> None:
    assert application.make_ownership("darkroom").refusal() is None
    assert application.make_ownership("darkroom", is_given=True).refusal() is None


def test_another_input_bucket_is_another_owner(application: ApplicationUnderTest) -> None:
    assert application.make_ownership("darkroom").refusal() is None
    other = application.make_ownership("darkroom")
    other.stack = LedgerOwner("darkroom", "other-bucket")
    assert other.refusal() is not None


def test_another_stack_touches_nothing_and_its_uploads_wait_with_one_alarm(application: ApplicationUnderTest) -> None:
    assert application.make_ownership("old").refusal() is None
    upload = application.cloud.put("a.jpg", picture())
    become(application, "new")
    before = rows(application)
    for _ in range(3):
        outcome = application.submit(upload)
        assert isinstance(outcome, RetryLater)
        assert outcome.seconds == 300
        assert "darkroom adopt-ledger --stack new" in outcome.reason
        assert application.sweep() == {}
        application.clock.advance(300)
    assert rows(application) == before
    assert application.alerts.rung == [Alarm.LEDGER_NOT_OWNED] * 3  # one in each sweep
    assert application.queue.sent == []


def test_an_execution_of_another_stack_touches_nothing_and_ends_and_the_owner_starts_one(
    application: ApplicationUnderTest,
) -> None:
    """Otherwise each would fail every five minutes for days, until it has had 25,000 events."""
    assert application.make_ownership("old").refusal() is None
    application.deliver(application.cloud.put("a.jpg", picture()))
    job = application.job()
    application.provider.become(ProcessState.COMPLETED, job.process.process_id)
    before = rows(application)
    become(application, "new")
    assert application.poll(job).status == PollStatus.ENDED
    assert application.finalize(job).status == PollStatus.ABSENT  # which fails the execution
    assert rows(application) == before
    application.executions.running.clear()
    application.make_ownership("new", is_given=True).adopt(OLD)
    application.clock.advance(timedelta(minutes=30))
    application.sweep()
    assert [name[0] for name in application.executions.running] == [job.job_id]
    application.finalize(job)
    assert application.job().status is JobStatus.COMPLETED


def test_after_a_handover_uploads_go_on_and_the_month_too(application: ApplicationUnderTest) -> None:
    assert application.make_ownership("old").refusal() is None
    application.complete(application.cloud.put("a.jpg", picture()))
    upload = application.cloud.put("b.jpg", picture())
    become(application, "new")
    assert isinstance(application.submit(upload), RetryLater)
    application.make_ownership("new", is_given=True).adopt(OLD)
    assert application.complete(upload).status is JobStatus.COMPLETED
    assert application.cloud.budget("topaz", "2026-11")["jobs"] == 2


def test_a_handover_that_comes_second_is_refused(application: ApplicationUnderTest) -> None:
    application.make_ownership("new").adopt(None)
    with pytest.raises(LedgerNotOwned, match="has changed"):
        application.make_ownership("third").adopt(None)
    with pytest.raises(LedgerNotOwned, match="has changed"):
        application.make_ownership("third").adopt(OLD)
    assert application.make_ownership("third").owner() == NEW


def test_the_earlier_owner_stops_within_a_quarter_of_an_hour(application: ApplicationUnderTest) -> None:
    earlier = application.make_ownership("old")
    earlier.require()
    application.make_ownership("new").adopt(OLD)
    application.clock.advance(timedelta(minutes=15))
    with pytest.raises(LedgerNotOwned):
        earlier.require()


class Counted:
    """Counts the requests that reach DynamoDB."""

    def __init__(self, client: Any) -> None:
        self.client, self.count = client, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.count += 1
        return getattr(self.client, name)  # type: ignore[no-any-return]


def test_the_check_costs_one_request_a_container_and_none_a_job(application: ApplicationUnderTest) -> None:
    ownership = application.make_ownership("darkroom")
    ownership.require()
    counted = Counted(application.cloud.dynamodb)
    another = application.make_ownership("darkroom")
    another.table = LedgerTable(counted, TABLE)  # type: ignore[arg-type]
    for _ in range(100):
        another.require()
        application.clock.advance(1)
    assert counted.count == 1


def test_two_functions_of_a_new_stack_may_look_at_the_same_time(application: ApplicationUnderTest) -> None:
    faster, slower = application.make_ownership("darkroom"), application.make_ownership("darkroom")
    get_item = application.cloud.dynamodb.get_item

    def overtaken(**asked: Any) -> Any:
        found = get_item(**asked)
        slower.table = LedgerTable(application.cloud.dynamodb, TABLE)
        faster.require()
        return found

    slower.table = LedgerTable(Replaced(application.cloud.dynamodb, get_item=overtaken), TABLE)  # type: ignore[arg-type]
    slower.require()
    assert slower.owner() == LedgerOwner("darkroom", INPUT)


def test_of_two_new_stacks_that_look_at_the_same_time_one_is_refused(application: ApplicationUnderTest) -> None:
    faster, slower = application.make_ownership("first"), application.make_ownership("second")
    get_item = application.cloud.dynamodb.get_item

    def overtaken(**asked: Any) -> Any:
        found = get_item(**asked)
        faster.require()
        return found

    slower.table = LedgerTable(Replaced(application.cloud.dynamodb, get_item=overtaken), TABLE)  # type: ignore[arg-type]
    with pytest.raises(LedgerNotOwned, match="belongs to the stack first"):
        slower.require()
