"""The port for provider accounts: what the ledger has booked, to be compared with the providers' balances."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from darkroom.model import AccountSnapshot


class ProviderAccounts(Protocol):
    """The ledger's sums for each provider, and the last comparison with the provider's balance."""

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Return the credits reserved and spent over all months, in the provider's unit."""

    def last_comparison(self, provider: str) -> AccountSnapshot | None:
        """Return the last comparison, None if there was none."""

    def save_comparison(self, provider: str, last_comparison: AccountSnapshot) -> None:
        """Replace the last comparison."""
