"""What the ledger knows of providers' accounts on DynamoDB: budgets summed up, and the last comparison."""

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
    """Fulfils `ports.ProviderAccounts` on the ledger's table."""

    table: LedgerTable

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Reserved and spent over all months: one row a month."""
        months = self.table.partition(f"BUDGET#{provider}")
        reserved = sum((items.number(month, "reserved") for month in months), Decimal(0))
        return reserved, sum((items.number(month, "spent") for month in months), Decimal(0))

    def reckoning(self, provider: str) -> AccountSnapshot | None:
        """The last comparison."""
        item = self.table.read(_key(provider))
        if item is None:
            return None
        numbers = {name: items.number(item, name) for name in ("baseline_total", "baseline_spent", "total", "spent")}
        return AccountSnapshot(**numbers, checked_at=moment(items.text(item, "checked_at") or ""))

    def keep(self, provider: str, reckoning: AccountSnapshot) -> None:
        """Replaces it."""
        self.table.update(Write(_key(provider), set=asdict(reckoning)))


def _key(provider: str) -> dict[str, dict[str, str]]:
    return items.own_key(f"ACCOUNT#{provider}", "RECKONING")
