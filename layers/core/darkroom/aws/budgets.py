"""Makes the writes of the month's budget rows. Each is written only in one transaction with the job.

A row has `committed` = `reserved` + `spent`, because a DynamoDB condition cannot add. Only a reservation may fail. A settlement
and a release have no condition, because every charge must be booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.errors import BudgetExceeded
from darkroom.model import Job, Limits, Plan, Reservation

USD = "usd"
# The attributes that a job has only while credits are reserved for it.
OF_A_RESERVATION = tuple(field.name for field in fields(Reservation))

# The month has no row yet, so nothing is committed. Whether the price alone fits the limit is checked before the write.
FIRST_OF_PERIOD = "attribute_not_exists(#committed)"
# The committed credits leave room for the price: `room` = limit - price, because a condition cannot add.
ROOM_LEFT = "#committed <= :room"


def reservations(plan: Plan, limits: Limits, month: str) -> list[Write]:
    """Return the writes that reserve the plan's price, one in the provider's unit and one in dollars. Raises BudgetExceeded if
    the price alone is above a limit."""
    provider_limit = limits.monthly_credits.get(plan.provider, Decimal(0))
    return [
        _grant(plan.provider, month, plan.price, provider_limit),
        _grant(USD, month, plan.cost_usd, limits.monthly_usd),
    ]


def _grant(unit: str, month: str, price: Decimal, limit: Decimal) -> Write:
    changed: dict[str, Any] = {
        "key": items.budget_key(unit, month),
        "set": {"limit": limit},
        "add": {"reserved": price, "committed": price, "spent": Decimal(0), "jobs": 1},
    }
    if not limit:
        return Write(**changed)
    if price > limit:
        raise BudgetExceeded(f"the {_word(unit)} limit of {month} is {limit}; this job alone costs {price}")
    return Write(**changed, when=[f"{FIRST_OF_PERIOD} OR {ROOM_LEFT}"], values={"room": limit - price})


def settlements(job: Job, credits: Decimal) -> list[Write]:
    """Return the writes that end the job's reservation and book the charged credits. They change the month of the reservation."""
    reservation = job.reservation
    if reservation is None:
        return []
    price_usd = reservation.credit_price_usd
    return [
        _settle(job.require_provider(), reservation.budget_month, reservation.credits_reserved, credits),
        _settle(USD, reservation.budget_month, reservation.credits_reserved * price_usd, credits * price_usd),
    ]


def releases(job: Job) -> list[Write]:
    """Return the writes that undo the job's reservation, because the job waits for its next attempt."""
    return [replace(write, add={**write.add, "jobs": -1}) for write in settlements(job, Decimal(0))]


def _settle(unit: str, month: str, reserved: Decimal, spent: Decimal) -> Write:
    moved = {"reserved": -reserved, "spent": spent, "committed": spent - reserved}
    overrun = {"overrun": spent - reserved} if spent > reserved else {}
    return Write(key=items.budget_key(unit, month), add={**moved, **overrun})


def explain(write: Write, item: Mapping[str, Any]) -> None:
    """Raise BudgetExceeded if the failed write was a reservation. The message names the rest of the budget and the price."""
    if "room" not in write.values:
        return
    unit = (items.text(write.key, "pk") or "").removeprefix("BUDGET#")
    limit, price = Decimal(str(write.set["limit"])), Decimal(str(write.add["reserved"]))
    left = max(limit - items.number(item, "committed"), Decimal(0))
    raise BudgetExceeded(
        f"the {_word(unit)} limit of {items.text(write.key, 'sk')} is {limit}: {left} left, this job costs {price}"
    )


def _word(unit: str) -> str:
    return "USD" if unit == USD else unit
