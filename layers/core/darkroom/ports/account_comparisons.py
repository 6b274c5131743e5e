"""The port for provider accounts: the sums that the ledger has booked, and their last comparison with the balances."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from darkroom.model import AccountSnapshot


class ProviderAccounts(Protocol):
    """Gives the ledger's sums for each provider, and keeps the last comparison with the provider's balance."""

    def booked(self, provider: str) -> tuple[Decimal, Decimal]:
        """Return the reserved and the spent credits of all months, in the provider's unit."""

    def last_comparison(self, provider: str) -> AccountSnapshot | None:
        """Return the last comparison, None if there was none."""

    def save_comparison(self, provider: str, last_comparison: AccountSnapshot) -> None:
        """Replace the last comparison."""
