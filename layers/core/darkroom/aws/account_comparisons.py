"""Provider accounts in DynamoDB: sums up a provider's budgets, and stores the last comparison with the provider's account."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.ledger_table import LedgerTable
from darkroom.model import AccountSnapshot
from darkroom.timestamps import moment


@dataclass(frozen=True)
class DynamoProviderAccounts:
    """Reads and writes provider accounts in the ledger's table; implements `ports.ProviderAccounts`."""

    table: LedgerTable

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Return the reserved and the spent credits of all months. Each month has one row."""
        months = self.table.partition(f"BUDGET#{provider}")
        reserved = sum((items.number(month, "reserved") for month in months), Decimal(0))
        return reserved, sum((items.number(month, "spent") for month in months), Decimal(0))

    def last_comparison(self, provider: str) -> AccountSnapshot | None:
        """Return the last comparison, or None if there was none."""
        item = self.table.read(_key(provider))
        if item is None:
            return None
        numbers = {name: items.number(item, name) for name in ("baseline_total", "baseline_spent", "total", "spent")}
        return AccountSnapshot(**numbers, checked_at=moment(items.text(item, "checked_at") or ""))

    def save_comparison(self, provider: str, last_comparison: AccountSnapshot) -> None:
        """Replace the last comparison."""
        self.table.update(Write(_key(provider), set=asdict(last_comparison)))


def _key(provider: str) -> dict[str, dict[str, str]]:
    return items.own_key(f"ACCOUNT#{provider}", "RECKONING")
