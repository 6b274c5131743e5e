"""What is told when a provider charges something else than was reserved."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.integration.worker_death_support import LEASE, WHEN, WorkerDied, deaths_happened, finalize_until_done, kill

from darkroom.model import Alarm, JobStatus, ProcessState


@pytest.mark.parametrize(("charged", "rings"), [("1", False), ("1.01", True), ("2", True)])
def test_any_charge_above_the_reservation_calls_a_person(
    application: ApplicationUnderTest, charged: str, rings: bool
) -> None:
    application.complete(application.cloud.put("a.jpg", picture()), Decimal(charged))
    assert (Alarm.OVERRUN in application.alerts.rung) is rings


@WHEN
def test_a_worker_that_dies_at_the_settlement_has_called_a_person(
    application: ApplicationUnderTest, after: bool
) -> None:
    """Once the settlement is written, no later attempt would call for the charge any more."""
    application.submit(application.cloud.put("a.jpg", picture()))
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(2))
    kill(application, "ledger", "settle", after=after)
    with pytest.raises(WorkerDied):
        application.finalize(application.job())
    assert deaths_happened()
    assert Alarm.OVERRUN in application.alerts.rung
    application.clock.advance(LEASE)
    finalize_until_done(application)
    assert (application.job().status, application.job().credits) == (JobStatus.COMPLETED, 2)
