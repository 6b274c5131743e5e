"""What the ledger knows of the providers' accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from darkroom.model import AccountSnapshot


class ProviderAccounts(Protocol):
    """What the ledger knows of providers' accounts, to be compared with what they say."""

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Reserved and spent over all months, in the provider's unit."""

    def reckoning(self, provider: str) -> AccountSnapshot | None:
        """The last comparison."""

    def keep(self, provider: str, reckoning: AccountSnapshot) -> None:
        """Replaces it."""
