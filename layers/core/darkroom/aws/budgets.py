"""Budgets: the month's rows, written only together with the job that moves the money.

A period keeps `committed` = `reserved` + `spent` because DynamoDB's conditions cannot add. Granting a reservation is
the one write that may be refused; settling and releasing always go through, since what was charged was charged.
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
# What a job carries only while something is reserved for it.
OF_A_RESERVATION = tuple(field.name for field in fields(Reservation))

# The period has no row yet: nothing is committed, and the price alone fits (checked before the write).
FIRST_OF_PERIOD = "attribute_not_exists(#committed)"
# What is committed leaves room for the price: `room` = limit - price, since a condition cannot add.
ROOM_LEFT = "#committed <= :room"


def reservations(plan: Plan, limits: Limits, month: str) -> list[Write]:
    """The grants for a plan: its provider's month and the dollars'. Raises BudgetExceeded when no row could fit it."""
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
        raise BudgetExceeded(f"the {unit} limit of {month} is {limit}; this job alone asks for {price}")
    return Write(**changed, when=[f"{FIRST_OF_PERIOD} OR {ROOM_LEFT}"], values={"room": limit - price})


def settlements(job: Job, credits: Decimal) -> list[Write]:
    """Gives the job's reservation back and books what was charged, in the month of the reservation."""
    held = job.reservation
    if held is None:
        return []
    price_usd = held.credit_price_usd
    return [
        _settle(job.require_provider(), held.budget_month, held.credits_reserved, credits),
        _settle(USD, held.budget_month, held.credits_reserved * price_usd, credits * price_usd),
    ]


def releases(job: Job) -> list[Write]:
    """Gives the job's reservation back as if it had never been: the job waits for its next attempt."""
    return [replace(write, add={**write.add, "jobs": -1}) for write in settlements(job, Decimal(0))]


def _settle(unit: str, month: str, reserved: Decimal, spent: Decimal) -> Write:
    moved = {"reserved": -reserved, "spent": spent, "committed": spent - reserved}
    overrun = {"overrun": spent - reserved} if spent > reserved else {}
    return Write(key=items.budget_key(unit, month), add={**moved, **overrun})


def explain(write: Write, item: Mapping[str, Any]) -> None:
    """Raises BudgetExceeded when the failed write was a grant; says what was left and what was asked."""
    if "room" not in write.values:
        return
    unit = (items.text(write.key, "pk") or "").removeprefix("BUDGET#")
    limit, price = Decimal(str(write.set["limit"])), Decimal(str(write.add["reserved"]))
    left = max(limit - items.number(item, "committed"), Decimal(0))
    raise BudgetExceeded(
        f"the {unit} limit of {items.text(write.key, 'sk')} is {limit}: {left} left, this job asks for {price}"
    )
