"""Tests the ledger under conflicts and throttling. Moto never produces them, so a wrapper of the client injects them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.application import MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.ledger_support import HOURS_24, LEASE, bound, make_ledger, plan, reserved, source
from tests.integration.time_support import Replaced

from darkroom.aws.ledger_table import MAX_ATTEMPTS
from darkroom.errors import BudgetExceeded, LedgerBusy
from darkroom.model import JobStatus, Submission
from darkroom.pipeline.message_outcomes import RetryLater
from darkroom.pipeline.process_binding import BIND_ATTEMPTS


def error(code: str, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "injected"}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(answer, "injected")


CONFLICT = error("TransactionCanceledException", "None", "TransactionConflict", "None")
THROTTLED = error("TransactionCanceledException", "ThrottlingError", "None", "None")
SINGLE_CONFLICT = error("TransactionConflictException")
OVER_CAPACITY = error("ProvisionedThroughputExceededException")


class Contended:
    """Wraps a DynamoDB client. A method named in `faults` first raises each of its errors once, without any effect."""

    def __init__(self, client: Any, faults: dict[str, list[ClientError]]) -> None:
        self._client, self._faults = client, faults

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            if not self._faults.get(name):
                return real(**parameters)
            raise self._faults[name].pop(0)

        return call


@pytest.mark.parametrize("fault", [CONFLICT, THROTTLED, OVER_CAPACITY], ids=["conflict", "throttled", "capacity"])
def test_a_transaction_gets_through_when_the_contention_ends(
    application: ApplicationUnderTest, fault: ClientError
) -> None:
    application.ports["ledger"] = application.make_ledger(
        Contended(application.cloud.dynamodb, {"transact_write_items": [fault] * (MAX_ATTEMPTS - 1)})
    )
    application.deliver(application.cloud.put("a.jpg", picture()))
    assert application.job().status is JobStatus.PROCESSING
    assert len(application.slept) == MAX_ATTEMPTS - 1


def test_the_waits_are_jittered_and_grow(application: ApplicationUnderTest) -> None:
    ledger = application.make_ledger(
        Contended(application.cloud.dynamodb, {"transact_write_items": [CONFLICT] * MAX_ATTEMPTS})
    )
    with pytest.raises(LedgerBusy):
        reserved(ledger)
    assert all(0 <= wait <= 0.05 * 2**turn for turn, wait in enumerate(application.slept))
    assert len(set(application.slept)) == len(application.slept) == MAX_ATTEMPTS - 1


def test_a_write_that_dynamodb_makes_and_answers_with_an_error_is_not_called_unwritten(
    application: ApplicationUnderTest,
) -> None:
    tries = iter(range(1, MAX_ATTEMPTS + 1))

    def put_item(**asked: Any) -> Any:
        if next(tries) == MAX_ATTEMPTS:
            application.cloud.dynamodb.put_item(**asked)
        raise error("InternalServerError")

    ledger = application.make_ledger(Replaced(application.cloud.dynamodb, put_item=put_item))
    with pytest.raises(LedgerBusy, match="may have been made"):
        ledger.claim(source(), START, START + LEASE, START + HOURS_24)
    assert application.job().status is JobStatus.CLAIMED


SINGLE: list[tuple[str, str]] = [("put_item", "claim"), ("update_item", "bind"), ("get_item", "read")]


@pytest.mark.parametrize(("call", "step"), SINGLE, ids=[step for _, step in SINGLE])
@pytest.mark.parametrize("fault", [SINGLE_CONFLICT, OVER_CAPACITY], ids=["conflict", "capacity"])
def test_single_writes_and_reads_are_repeated_too(
    application: ApplicationUnderTest, call: str, step: str, fault: ClientError
) -> None:
    application.ports["ledger"] = application.make_ledger(Contended(application.cloud.dynamodb, {call: [fault] * 3}))
    application.deliver(application.cloud.put("a.jpg", picture()))
    assert application.job().status is JobStatus.PROCESSING
    assert len(application.slept) == 3


def test_contention_that_outlasts_the_invocation_writes_nothing(account: Cloud) -> None:
    job = bound(make_ledger(account))
    before = account.rows()
    busy = ApplicationUnderTest(account).make_ledger(
        Contended(account.dynamodb, {"transact_write_items": [CONFLICT] * 99})
    )
    with pytest.raises(LedgerBusy):
        busy.settle(job, JobStatus.FAILED, Decimal(0), START)
    assert account.rows() == before


def test_an_unexpected_error_of_dynamodb_is_not_hidden(account: Cloud) -> None:
    broken = ApplicationUnderTest(account).make_ledger(
        Contended(account.dynamodb, {"put_item": [error("AccessDeniedException")]})
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        reserved(broken)


def test_a_failed_condition_beside_a_conflict_is_not_retried(account: Cloud) -> None:
    fault = error("TransactionCanceledException", "None", "TransactionConflict")
    fault.response["CancellationReasons"] = [  # type: ignore[typeddict-unknown-key]
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Item": {}},
        {"Code": "TransactionConflict"},
    ]
    ledger = make_ledger(account, credits="1")
    first = reserved(ledger)
    ledger.release(first, START)
    full = ApplicationUnderTest(account, limits=ledger.limits)
    contended = full.make_ledger(Contended(account.dynamodb, {"transact_write_items": [fault]}))
    again = ledger.claim(source(), START, START + LEASE, START + HOURS_24).job
    with pytest.raises(BudgetExceeded):
        contended.reserve(again, plan(), OUTPUT, "a.jpg", "f" * 12, START)
    assert full.slept == []


@pytest.mark.parametrize("call", ["put_item", "transact_write_items", "update_item", "get_item"])
def test_a_busy_ledger_asks_for_later_and_the_upload_is_still_paid_for_once(
    application: ApplicationUnderTest, call: str
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.ports["ledger"] = application.make_ledger(
        Contended(application.cloud.dynamodb, {call: [OVER_CAPACITY] * MAX_ATTEMPTS * BIND_ATTEMPTS})
    )
    assert isinstance(application.submit(upload), RetryLater)
    application.clock.advance(600)
    application.ports["ledger"] = application.ledger
    application.deliver(upload)
    assert (application.job().status, application.provider.charged) == (JobStatus.PROCESSING, 1)
    application.assert_books_balance()


def test_a_reservation_that_was_too_contended_leaves_no_lease_behind(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture())
    contended = Contended(application.cloud.dynamodb, {"transact_write_items": [CONFLICT] * MAX_ATTEMPTS})
    application.ports["ledger"] = application.make_ledger(contended)
    verdict = application.submit(upload)
    assert isinstance(verdict, RetryLater)
    assert (application.job().status, application.job().lease_until) == (JobStatus.CLAIMED, None)
    application.clock.advance(verdict.seconds)
    application.deliver(upload)  # the wait is over, so the job is due when the message comes again
    assert (application.job().status, application.provider.charged) == (JobStatus.PROCESSING, 1)


LOST = error("InternalServerError")


@pytest.mark.parametrize(
    "step",
    [
        lambda ledger: reserved(ledger),
        lambda ledger: ledger.bind(reserved(ledger), Submission("p-1", START), START),
    ],
    ids=["reserve", "bind"],
)
def test_a_write_whose_answer_was_lost_is_booked_once(account: Cloud, step: Callable[..., Any]) -> None:
    ledger = ApplicationUnderTest(account).make_ledger(Forgetful(account.dynamodb))
    step(ledger)
    booked = account.budget("topaz", MONTH)
    assert (booked["reserved"], booked["jobs"]) == (1, 1)


class Forgetful:
    """Wraps a DynamoDB client. It makes each write, but answers the first time with an error.

    Like DynamoDB, it makes a write with the same ClientRequestToken only once. Moto would make it twice.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._made = client, set[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, *, ClientRequestToken: str, **parameters: Any) -> Any:
        if ClientRequestToken in self._made:
            return {}
        self._client.transact_write_items(**parameters)
        self._made.add(ClientRequestToken)
        raise LOST

    def update_item(self, **parameters: Any) -> Any:
        answer = self._client.update_item(**parameters)
        if str(parameters) in self._made:
            return answer
        self._made.add(str(parameters))
        raise LOST
