"""Reconcile: compares the credits that the ledger booked with the provider's account. A task of the sweep, every 30 minutes.

A provider charges when it finishes, and the ledger books when it settles. So the account may have lost up to the reserved
credits more than the ledger has booked. What it lost beyond that is drift: no job explains it. A balance that has risen means a
top-up, which never hides a drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from darkroom.errors import ProcessUnknown, ProviderSilent
from darkroom.model import NOTHING, AccountSnapshot, Alarm, Balance, WarningMetric
from darkroom.ports import Alerts, Clock, Provider, ProviderAccounts

EVERY = timedelta(minutes=30)


@dataclass(frozen=True)
class Comparison:
    """One provider's account and the ledger's sums, in the provider's unit. `drift` is what was charged without a job."""

    provider: str
    balance: Balance
    reserved: Decimal
    spent: Decimal
    drift: Decimal


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """The use case with its dependencies. Repeat safe. It writes only its own comparison."""

    accounts: ProviderAccounts
    providers: Mapping[str, Provider]
    alerts: Alerts
    clock: Clock

    def __call__(self) -> int:
        """Compare all accounts. Raise an alarm for each that drifted, and return their number. An account that cannot be read
        is counted and left for the next time."""
        drifted = [found for found in map(self.compare, self.providers) if found is not None and found.drift > 0]
        for found in drifted:
            why = f"{found.provider}'s account lost {found.drift} credits that no job here explains"
            self.alerts.call(Alarm.DRIFT, why, provider=found.provider)
        return len(drifted)

    def compare(self, provider: str) -> Comparison | None:
        """Compare one account with the ledger now. Return None if the vendor publishes no balance, or if it cannot be read,
        which is counted."""
        try:
            balance = self.providers[provider].balance()
        except (ProviderSilent, ProcessUnknown) as unread:
            why = f"{provider}'s account could not be read, so nobody can tell whether it drifted: {unread}"
            self.alerts.warn(WarningMetric.ACCOUNT_UNREAD, why, provider=provider)
            return None
        if balance is None:
            return None
        reserved, spent = self.accounts.booked(provider)
        last = self.accounts.last_comparison(provider)
        now = self.clock()
        if last is None:
            last = AccountSnapshot(balance.total, spent, balance.total, spent, now)
        topped_up = max(balance.total - last.total, NOTHING)
        booked = spent - last.baseline_spent
        # The account must have lost at least what was booked. If it seems to have lost less, the difference was a top-up
        # between charges, or was charged before the baseline. Without this, it would hide a later drift of that size.
        baseline_total = max(last.baseline_total + topped_up, balance.total + booked)
        reckoning = replace(last, baseline_total=baseline_total, total=balance.total, spent=spent, checked_at=now)
        self.accounts.save_comparison(provider, reckoning)
        drift = max(baseline_total - balance.total - booked - reserved, NOTHING)
        return Comparison(provider, balance, reserved, spent, drift)

    def accept(self, provider: str) -> None:
        """Make the current balance the new baseline, after an operator has explained the drift. Repeat safe."""
        found = self.compare(provider)
        if found is not None:
            total = found.balance.total
            self.accounts.save_comparison(
                provider, AccountSnapshot(total, found.spent, total, found.spent, self.clock())
            )
