"""The data about an account at a provider: its balance, its last comparison, its circuit, and what the ledger booked in a month.
Uses only the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class Balance:
    """The balance of an account in the provider's unit. `total` = `available` + `reserved`. The provider's charges lower it."""

    available: Decimal
    reserved: Decimal
    total: Decimal


@dataclass(frozen=True)
class AccountSnapshot:
    """The last comparison of the ledger with a provider's account. All amounts are in the provider's unit.

    The baseline is the comparison that an operator accepted last, or else the first comparison.
    """

    baseline_total: Decimal  # the account's total at the baseline, plus all top-ups since then
    baseline_spent: Decimal  # the credits that the ledger had booked as spent at the baseline
    total: Decimal  # the account's total at the last comparison
    spent: Decimal  # the credits that the ledger had booked as spent at the last comparison
    checked_at: datetime


@dataclass(frozen=True)
class BudgetMonth:
    """What is booked in one month, in a provider's own unit or in `usd`."""

    unit: str
    month: str  # YYYY-MM
    limit: Decimal  # as it was at the last reservation; 0 = none
    reserved: Decimal  # for jobs that have not ended
    spent: Decimal
    overrun: Decimal  # what providers charged above the reservations
    jobs: int  # how many jobs reserved something

    @property
    def committed(self) -> Decimal:
        """What counts against the limit."""
        return self.reserved + self.spent


@dataclass(frozen=True)
class Circuit:
    """An open circuit: nothing is submitted to the provider. The account's owner must act, or an operator paused the provider."""

    provider: str
    paused: bool  # true if an operator paused the provider and has not resumed it
    retry_at: datetime | None  # from this time on, one submit may be tried; None = no submit may be tried
    opened_at: datetime | None
    waiting_at: datetime | None = None  # when a job that waits for the provider was last seen
    error_code: str | None = None
    error: str | None = None
