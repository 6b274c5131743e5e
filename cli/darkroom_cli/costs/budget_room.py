"""What a plan leaves of each budget: the limits of the stack, what is committed this month, and what the plan asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.model import Limits
    from darkroom.ports import OperatorLedger

USD = "usd"


@dataclass(frozen=True)
class Room:
    """One budget of a month, in a provider's own unit or in `usd`."""

    unit: str
    month: str  # YYYY-MM
    limit: Decimal
    committed: Decimal  # reserved and spent
    asked: Decimal

    @property
    def left(self) -> Decimal:
        """What is left before the plan."""
        return max(self.limit - self.committed, Decimal(0))

    @property
    def fits(self) -> bool:
        """Whether the plan can be paid to its end."""
        return self.asked <= self.left


def rooms(
    ledger: OperatorLedger, limits: Limits, month: str, credits: Mapping[str, Decimal], usd: Decimal
) -> list[Room]:
    """Return the budgets that have a limit and that the plan uses. `credits` maps providers to what the plan asks for."""
    asked = {provider: (limits.monthly_credits.get(provider), wanted) for provider, wanted in credits.items()}
    asked[USD] = (limits.monthly_usd, usd)
    return [
        Room(unit, month, limit, ledger.committed(unit, month), wanted)
        for unit, (limit, wanted) in asked.items()
        if limit
    ]
