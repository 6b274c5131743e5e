"""Tests a vendor that charges more than its catalog says. Spending exceeds a limit at most by the extra charges of
the jobs that run at that moment.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud

from darkroom.model import Alarm, JobStatus, Limits, ProcessState

LIMIT, RESERVED, CHARGED = Decimal(4), Decimal(1), Decimal(3)


@pytest.mark.parametrize("in_flight", [1, 3])
def test_the_limit_is_passed_by_what_was_in_flight_and_then_nothing_is_granted(account: Cloud, in_flight: int) -> None:
    world = ApplicationUnderTest(account, limits=Limits({"topaz": LIMIT}, Decimal(0), {}, {}))
    for wave in range(3):
        for number in range(in_flight):
            world.submit(account.put(f"{wave}-{number}.jpg", picture()))
        for job in [job for job in account.jobs() if job.status is JobStatus.PROCESSING]:
            world.provider.become(ProcessState.COMPLETED, job.require_process().process_id, CHARGED)
            world.clock.advance(60)
            world.finalize(job)
        world.assert_books_balance()
    spent = account.budget("topaz", MONTH)["spent"]
    assert LIMIT - CHARGED < spent <= LIMIT + in_flight * (CHARGED - RESERVED)
    assert "BudgetExceeded" in {job.error_code for job in account.jobs()}
    assert Alarm.OVERRUN in world.alerts.rung
