"""What is told when a provider charges something else than was reserved."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes.application import ApplicationUnderTest, picture

from darkroom.model import Alarm


@pytest.mark.parametrize(("charged", "rings"), [("1", False), ("1.01", True), ("2", True)])
def test_any_charge_above_the_reservation_calls_a_person(
    application: ApplicationUnderTest, charged: str, rings: bool
) -> None:
    application.complete(application.cloud.put("a.jpg", picture()), Decimal(charged))
    assert (Alarm.OVERRUN in application.alerts.rung) is rings
