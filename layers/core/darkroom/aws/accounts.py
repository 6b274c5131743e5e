"""What the ledger knows of providers' accounts on DynamoDB: budgets summed up, and the last comparison."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from darkroom.aws import rows
from darkroom.aws.writes import Write, Writer
from darkroom.model import Reckoning

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True)
class DynamoAccounts:
    """Fulfils `ports.Accounts` on the ledger's table."""

    client: DynamoDBClient
    table: str
    sleep: Callable[[float], None] = time.sleep

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Reserved and spent over all months: one row a month."""
        months = self._writer.partition(f"BUDGET#{provider}")
        reserved = sum((rows.number(month, "reserved") for month in months), Decimal(0))
        return reserved, sum((rows.number(month, "spent") for month in months), Decimal(0))

    def reckoning(self, provider: str) -> Reckoning | None:
        """The last comparison."""
        item = self._writer.read(_key(provider))
        if item is None:
            return None
        numbers = {name: rows.number(item, name) for name in ("baseline_total", "baseline_spent", "total", "spent")}
        return Reckoning(**numbers, checked_at=rows.moment(rows.text(item, "checked_at") or ""))

    def keep(self, provider: str, reckoning: Reckoning) -> None:
        """Replaces it."""
        self._writer.update(Write(_key(provider), set=asdict(reckoning)))

    @property
    def _writer(self) -> Writer:
        return Writer(self.client, self.table, self.sleep)


def _key(provider: str) -> dict[str, dict[str, str]]:
    return rows.own_key(f"ACCOUNT#{provider}", "RECKONING")
