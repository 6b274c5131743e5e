"""Tests the ledger's requests to DynamoDB: what its reads may miss, in which order they answer, and how long it waits."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.application import START
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.ledger_support import LEASE, bound, claimed, make_ledger, reserved, source
from tests.integration.time_support import Replaced

from darkroom.aws import items
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.aws.sweep_queries import DynamoSweepQueries
from darkroom.errors import LedgerBusy
from darkroom.model import JobStatus

MINUTE = timedelta(minutes=1)
BUSY = ClientError({"Error": {"Code": "ThrottlingException", "Message": "injected"}}, "GetItem")


class Lagging:
    """Wraps a DynamoDB client. A read of the table that does not ask for consistency finds nothing that was written yet."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_item(self, *, ConsistentRead: bool = False, **asked: Any) -> Any:
        return self._client.get_item(**asked) if ConsistentRead else {}

    def batch_get_item(self, *, RequestItems: Any) -> Any:
        if RequestItems[TABLE].get("ConsistentRead"):
            return self._client.batch_get_item(RequestItems=RequestItems)
        return {"Responses": {TABLE: []}}

    def query(self, *, ConsistentRead: bool = False, **asked: Any) -> Any:
        return self._client.query(**asked) if ConsistentRead else {"Items": []}


def test_every_read_of_the_table_sees_the_writes_before_it(account: Cloud) -> None:
    job = reserved(make_ledger(account))
    key = items.job_key(job.job_id)
    table = LedgerTable(Lagging(account.dynamodb), TABLE)  # type: ignore[arg-type]
    row = table.read(key)
    assert row is not None
    assert table.rows([key]) == table.partition(key["pk"]["S"]) == [row]


def test_a_failed_condition_names_its_write_and_shows_the_row(account: Cloud) -> None:
    row = items.job_item(claimed(make_ledger(account)))
    with pytest.raises(ConditionFailed, match="write 0 failed"):
        make_ledger(account).table.put_new(row)


def test_waits_double_up_to_three_seconds(account: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # The jitter hides how long a wait may be, so it is replaced by the longest.
    monkeypatch.setattr(random, "uniform", lambda low, high: high - low)
    slept: list[float] = []

    def busy(**asked: Any) -> None:
        raise BUSY

    table = LedgerTable(Replaced(account.dynamodb, get_item=busy), TABLE, slept.append)  # type: ignore[arg-type]
    with pytest.raises(LedgerBusy):
        table.read(items.job_key("0" * 32))
    assert slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]


# --- the index, which lags behind the table


def queries_that_lag(account: Cloud, word: str) -> DynamoSweepQueries:
    """Return queries that are answered with what the index lists under `word` now, whatever is written from now on."""
    table = LedgerTable(account.dynamodb, TABLE)
    listed = {"Items": table.due(word, START + 10 * LEASE, 100)}
    return DynamoSweepQueries(LedgerTable(Replaced(account.dynamodb, query=lambda **asked: listed), TABLE))  # type: ignore[arg-type]


def test_a_job_that_was_just_rescheduled_or_ended_is_not_due(account: Cloud) -> None:
    ledger = make_ledger(account)
    due, moved, ended = (bound(ledger, source(f"{n}.jpg"), f"p-{n}", output_key=f"{n}.jpg") for n in range(3))
    lagging = queries_that_lag(account, JobStatus.PROCESSING)
    DynamoSweepQueries(ledger.table).reschedule(moved, START + 9 * LEASE)
    ledger.settle(ended, JobStatus.FAILED, Decimal(0), START)
    found = lagging.due(JobStatus.PROCESSING, START + 2 * LEASE, 100)
    assert [job.job_id for job in found] == [due.job_id]


def test_what_is_due_longest_comes_first_even_if_the_index_lags(account: Cloud) -> None:
    ledger = make_ledger(account)
    jobs = sorted((claimed(ledger, source(f"{n}.jpg")) for n in range(4)), key=lambda job: job.job_id)
    lagging, queries = queries_that_lag(account, JobStatus.CLAIMED), DynamoSweepQueries(ledger.table)
    for place, job in enumerate(jobs):
        queries.reschedule(job, START + LEASE - place * MINUTE)
    found = lagging.due(JobStatus.CLAIMED, START + 2 * LEASE, 100)
    assert [job.job_id for job in found] == [job.job_id for job in reversed(jobs)]


def test_the_jobs_of_a_day_come_in_the_order_of_their_uploads(account: Cloud) -> None:
    ledger, queries = make_ledger(account), DynamoSweepQueries(LedgerTable(account.dynamodb, TABLE))
    made = [claimed(ledger, source(f"{n}.jpg"), START + n * MINUTE) for n in range(3)]
    claimed(ledger, source("tomorrow.jpg"), START + timedelta(days=1))
    assert list(queries.of_day("2026-11-21")) == made
