"""Estimates the cost of a run, for the question before a paid API is used. The application's own code plans each picture.

It reads only the headers of the pictures. The cost is an estimate, because submit plans again, and the month's budget decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from darkroom.catalog import providers
from darkroom.configuration import Configuration
from darkroom.errors import Refusal
from darkroom.model import Limits
from darkroom_local.emulator.ledger_journal import Key, Row
from darkroom_local.folder import plans
from darkroom_local.folder.uploads import Item
from darkroom_local.run.progress_display import amount, dollars
from darkroom_local.stack.provider_choice import CAN_BE_REAL

_VARIABLES = {
    "MonthlyCreditLimit": "MONTHLY_CREDIT_LIMIT", "MonthlyBudgetUsd": "MONTHLY_BUDGET_USD", "CreditPriceUsd": "CREDIT_PRICE_USD",
    "Provider": "PROVIDER",
}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """The number of pictures that a paid provider may get, and the price of the pictures whose price is known."""

    pictures: int
    unpriced: int
    credits: Decimal
    usd: Decimal

    def __str__(self) -> str:
        pictures = f"{self.pictures} picture{'' if self.pictures == 1 else 's'}"
        price = f"about {amount(self.credits, CAN_BE_REAL)}, {dollars(self.usd)} USD"
        unknown = f" and {self.unpriced} without a known price" if self.unpriced else ""
        return f"{pictures} to the real Topaz API, paid with your credits: {price}{unknown}"


def question(
    items: Sequence[Item], parameters: Mapping[str, str], allowed: tuple[str, ...], rows: Mapping[Key, Row]
) -> str:
    """Return the text that says what the run will cost and what is left of the budget, or an empty text if there are no items.
    `rows` are the ledger's rows of earlier runs."""
    if not items:
        return ""
    asked = estimate(items, parameters, allowed)
    left = budget_left(rows, parameters, CAN_BE_REAL, asked.credits, asked.usd)
    return "\n".join(filter(None, [str(asked), left]))


def estimate(items: Iterable[Item], parameters: Mapping[str, str], allowed: tuple[str, ...]) -> Estimate:
    """Return the sum of the items' prices by the catalog, in the provider's credits and in dollars."""
    prices = [_price(item, parameters, allowed, limits(parameters)) for item in items]
    known = [price for price in prices if price is not None]
    credits, usd = sum((one[0] for one in known), Decimal(0)), sum((one[1] for one in known), Decimal(0))
    return Estimate(len(prices), len(prices) - len(known), credits, usd)


def limits(parameters: Mapping[str, str]) -> Limits:
    """Return the limits and prices that the stack parameters set, as the application reads them. Raises BadConfiguration."""
    environment = {_VARIABLES[name]: value for name, value in parameters.items() if name in _VARIABLES}
    return Configuration(environment).limits(providers())


def budget_left(
    rows: Mapping[Key, Row],
    parameters: Mapping[str, str],
    provider: str,
    credits: Decimal = Decimal(0),
    usd: Decimal = Decimal(0),
) -> str:
    """Return a text that says what is left of this month's limits, and whether it is less than `credits` or `usd`, the price of
    the run. It is empty if there is no limit. `rows` are the ledger's rows of earlier runs."""
    allowed, month = limits(parameters), f"{datetime.now(UTC):%Y-%m}"
    units = {
        f"{provider} credits": (provider, allowed.monthly_credits.get(provider), credits),
        "USD": ("usd", allowed.monthly_usd, usd),
    }
    said, is_short = [], False
    for unit, (key, limit, price) in units.items():
        if limit:
            left = max(Decimal(0), limit - _committed(rows, key, month))
            said.append(f"{_plain(left)} of {_plain(limit)} {unit}")
            is_short |= price > left
    short = " What does not fit is refused, unpaid." if is_short else ""
    return f"This month's budget leaves {' and '.join(said)}.{short}" if said else ""


def _committed(rows: Mapping[Key, Row], unit: str, month: str) -> Decimal:
    return Decimal(rows.get((f"BUDGET#{unit}", month), {}).get("committed", {}).get("N", "0"))


def _price(
    item: Item, parameters: Mapping[str, str], allowed: tuple[str, ...], prices: Limits
) -> tuple[Decimal, Decimal] | None:
    with suppress(Refusal):  # a refused picture costs nothing
        plan = plans.plan_of(item, parameters, allowed, _unlimited(prices))
        return None if plan is None or plan.credits is None else (plan.credits, plan.cost_usd)
    return Decimal(0), Decimal(0)


def _unlimited(prices: Limits) -> Limits:
    return Limits({}, Decimal(0), {}, prices.credit_price_usd)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
