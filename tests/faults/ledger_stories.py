"""Typical histories of jobs in the ledger. Each function plays one history, and leaves the same rows in any kind of table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from darkroom.aws.ledger import DynamoLedger
from darkroom.errors import BudgetExceeded, LostClaim
from darkroom.model import JobStatus
from tests.fakes.application import START
from tests.integration.ledger_support import HOURS_24, LEASE, bound, claimed, plan, reserved, source


def settles_below_its_price(ledger: DynamoLedger) -> None:
    """Claim, reserve, bind and settle a job. The provider charges less than was reserved."""
    ended = ledger.settle(bound(ledger, credits="3"), JobStatus.FAILED, Decimal(1), START, error_code="Expired")
    ledger.mark_published(ended, START)


def fails_and_overruns(ledger: DynamoLedger) -> None:
    """Fail a job for which the provider charges more than was reserved."""
    job = bound(ledger, credits="2")
    ledger.record_orphan(job, "p-2")
    ledger.record_orphan(job, "p-1")
    ledger.settle(job, JobStatus.FAILED, Decimal(3), START, error_code="ResultInvalid", error="half a picture")


def is_released_and_taken_over(ledger: DynamoLedger) -> None:
    """Release a throttled job and claim it again. After that, its earlier owner can write nothing."""
    stale = reserved(ledger, credits="2")
    ledger.release(stale, START + timedelta(seconds=30), error_code="Throttled", error="wait")
    later = START + timedelta(seconds=31)
    again = ledger.claim(source(), later, later + LEASE, later + HOURS_24)
    assert again.owned
    with pytest.raises(LostClaim):
        ledger.mark_in_doubt(stale, "never", later)
    ledger.claim_output(again.job, "darkroom-out", "a.jpg")
    ledger.reserve(again.job, plan("1"), "darkroom-out", "a.jpg", "f" * 12, later)


def fills_the_budget(ledger: DynamoLedger) -> None:
    """Reserve credits up to the limit. The next reservation is refused, and its job is rejected."""
    for number in range(5):
        reserved(ledger, source(f"{number}.jpg"), credits="2", output_key=f"{number}.jpg")
    job = claimed(ledger, source("x.jpg"))
    with pytest.raises(BudgetExceeded):
        ledger.reserve(job, plan("1"), "darkroom-out", "x.jpg", "f" * 12, START)
    ledger.settle(job, JobStatus.REJECTED, Decimal(0), START, error_code="BudgetExceeded", error="full")


STORIES: list[Callable[[DynamoLedger], None]] = [
    settles_below_its_price,
    fails_and_overruns,
    is_released_and_taken_over,
    fills_the_budget,
]
