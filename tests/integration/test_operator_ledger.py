"""Tests that after a person's decision no worker from before it can change or send the job."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import MONTH, START
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.ledger_support import LEASE, bound, claimed, make_ledger, plan, reserved

from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.operator_ledger import DynamoOperatorLedger
from darkroom.errors import LostClaim
from darkroom.model import JobStatus

LATER = START + timedelta(hours=1)


@pytest.fixture
def ledger(account: Cloud) -> DynamoLedger:
    return make_ledger(account)


@pytest.fixture
def operator(ledger: DynamoLedger) -> DynamoOperatorLedger:
    return DynamoOperatorLedger(ledger.table)


def test_the_next_run_begins_like_a_first_one(ledger: DynamoLedger, operator: DynamoOperatorLedger) -> None:
    polled = ledger.record_poll(bound(ledger), None, START)
    ended = ledger.settle(ledger.take_over(polled, START, START + LEASE), JobStatus.FAILED, Decimal(0), START)
    assert (ended.run, ended.attempt, ended.polls) == (1, 2, 1)
    again = operator.rerun(ended, LATER, LATER)
    assert (again.status, again.run, again.attempt, again.polls) == (JobStatus.CLAIMED, 2, 1, 0)
    assert (again.process, again.reservation, again.next_attempt_at) == (None, None, LATER)


def test_a_worker_from_before_the_doubt_does_not_settle_the_adopted_process(
    account: Cloud, ledger: DynamoLedger, operator: DynamoOperatorLedger
) -> None:
    before = bound(ledger)
    adopted = operator.adopt(ledger.mark_in_doubt(before, "lost", START), "p-1", START, LATER)
    with pytest.raises(LostClaim):
        ledger.settle(before, JobStatus.FAILED, Decimal(0), START)
    assert ledger.get(before.job_id) == adopted
    assert (adopted.attempt, account.budget("topaz", MONTH)["reserved"]) == (before.attempt + 1, 1)


def test_a_worker_from_before_the_doubt_does_not_send_the_resubmitted_job(
    account: Cloud, ledger: DynamoLedger, operator: DynamoOperatorLedger
) -> None:
    before = claimed(ledger)
    ledger.claim_output(before, OUTPUT, "a.jpg")
    submitting = ledger.reserve(before, plan(), OUTPUT, "a.jpg", "f" * 12, START)
    resubmitted = operator.resubmit(ledger.mark_in_doubt(submitting, "lost", START), START, LATER)
    with pytest.raises(LostClaim):
        ledger.reserve(before, plan(), OUTPUT, "a.jpg", "f" * 12, START)
    assert (resubmitted.attempt, account.budget("topaz", MONTH)["reserved"]) == (before.attempt + 1, 0)


def test_an_adoption_that_came_too_late_is_not_taken_for_another_jobs_process(
    account: Cloud, ledger: DynamoLedger, operator: DynamoOperatorLedger
) -> None:
    doubtful = ledger.mark_in_doubt(reserved(ledger), "lost", START)
    operator.resubmit(doubtful, START, LATER)
    before = account.rows()
    for claims in (False, True):
        with pytest.raises(LostClaim):
            operator.adopt(doubtful, "p-1", START, LATER, claims_process=claims)
    assert account.rows() == before


def test_an_adopted_process_that_no_other_job_can_find_has_no_row(
    account: Cloud, ledger: DynamoLedger, operator: DynamoOperatorLedger
) -> None:
    operator.adopt(ledger.mark_in_doubt(reserved(ledger), "lost", START), "p-1", START, LATER)
    assert "PROCESS" not in {row["sk"]["S"] for row in account.rows()}
