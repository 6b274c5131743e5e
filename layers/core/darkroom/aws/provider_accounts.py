"""What the ledger knows of providers' accounts on DynamoDB: budgets summed up, and the last comparison."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.ledger_table import LedgerTable
from darkroom.model import AccountSnapshot
from darkroom.timestamps import moment

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoProviderAccounts:
    """Fulfils `ports.ProviderAccounts` on the ledger's table."""

    client: DynamoDBClient
    table: str
    sleep: Callable[[float], None] = time.sleep

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Reserved and spent over all months: one row a month."""
        months = self._writer.partition(f"BUDGET#{provider}")
        reserved = sum((items.number(month, "reserved") for month in months), Decimal(0))
        return reserved, sum((items.number(month, "spent") for month in months), Decimal(0))

    def reckoning(self, provider: str) -> AccountSnapshot | None:
        """The last comparison."""
        item = self._writer.read(_key(provider))
        if item is None:
            return None
        numbers = {name: items.number(item, name) for name in ("baseline_total", "baseline_spent", "total", "spent")}
        return AccountSnapshot(**numbers, checked_at=moment(items.text(item, "checked_at") or ""))

    def keep(self, provider: str, reckoning: AccountSnapshot) -> None:
        """Replaces it."""
        self._writer.update(Write(_key(provider), set=asdict(reckoning)))

    @property
    def _writer(self) -> LedgerTable:
        return LedgerTable(self.client, self.table, self.sleep)


def _key(provider: str) -> dict[str, dict[str, str]]:
    return items.own_key(f"ACCOUNT#{provider}", "RECKONING")
