"""What is known of an account at a provider: its balance, its last comparison, its circuit. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class Balance:
    """The balance of an account in the provider's unit. `total` = available + reserved; it falls when the provider charges."""

    available: Decimal
    reserved: Decimal
    total: Decimal


@dataclass(frozen=True)
class AccountSnapshot:
    """The last comparison of the ledger with a provider's account, in the provider's unit.

    The baseline is the first comparison, or the one that an operator accepted last.
    """

    baseline_total: Decimal  # the account's total at the baseline, plus all top-ups since
    baseline_spent: Decimal  # the credits that the ledger had booked as spent at the baseline
    total: Decimal  # the account's total at the last comparison
    spent: Decimal  # the credits that the ledger had booked as spent at the last comparison
    checked_at: datetime


@dataclass(frozen=True)
class Circuit:
    """An open circuit: nothing is submitted to the provider, because its account needs its owner or an operator paused it."""

    provider: str
    paused: bool  # by an operator, until an operator resumes it
    retry_at: datetime | None  # from then on one submit may be tried; None = none may
    opened_at: datetime | None
    waiting_at: datetime | None = None  # when a job was last seen that waits for the provider
    error_code: str | None = None
    error: str | None = None
