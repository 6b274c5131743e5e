"""Compares the credits that the ledger booked with the provider's account. The sweep runs this task every 30 minutes.

A provider charges when a process finishes, and the ledger books when the job settles. So the account may have lost more than the
ledger has booked, but only up to the reserved credits. Any further loss is drift, because no job explains it. A balance that has
risen means a top-up, which never hides a drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from darkroom.errors import KeyMissing, ProcessUnknown, ProviderSilent
from darkroom.model import NOTHING, AccountSnapshot, Alarm, Balance, WarningMetric
from darkroom.ports import Alerts, Clock, Provider, ProviderAccounts

EVERY = timedelta(minutes=30)


@dataclass(frozen=True)
class Comparison:
    """One provider's account and the ledger's sums, in the provider's unit. `drift` has the credits that no job explains."""

    provider: str
    balance: Balance
    reserved: Decimal
    spent: Decimal
    drift: Decimal


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """Compares the providers' accounts with the ledger. Repeat safe. The only thing that it writes is the comparison."""

    accounts: ProviderAccounts
    providers: Mapping[str, Provider]
    alerts: Alerts
    clock: Clock

    def __call__(self) -> int:
        """Compare all accounts. Raise an alarm for each account that drifted, and return the number of these accounts. An account
        that cannot be read is counted by a warning and compared the next time."""
        drifted = [found for found in map(self.compare, self.providers) if found is not None and found.drift > 0]
        for found in drifted:
            why = f"{found.provider}'s account lost {found.drift} credits that no job of this ledger explains"
            self.alerts.call(Alarm.DRIFT, why, provider=found.provider)
        return len(drifted)

    def compare(self, provider: str) -> Comparison | None:
        """Compare one account with the ledger now. Return None if the vendor publishes no balance, or if the stack has no key for
        it. Also return None, after a warning, if the balance cannot be read."""
        # Read before the balance: a job that settles while the vendor answers would count as booked and not yet charged, which
        # would raise the baseline for good.
        reserved, spent = self.accounts.booked(provider)
        try:
            balance = self.providers[provider].balance()
        except KeyMissing:
            return None  # most stacks have keys of one provider only; where one is needed, its circuit calls a person
        except (ProviderSilent, ProcessUnknown) as unread:
            why = f"{provider}'s account could not be read, so Darkroom could not check it for drift: {unread}"
            self.alerts.warn(WarningMetric.ACCOUNT_UNREAD, why, provider=provider)
            return None
        if balance is None:
            return None
        last = self.accounts.last_comparison(provider)
        now = self.clock()
        if last is None:
            last = AccountSnapshot(balance.total, spent, balance.total, spent, now)
        topped_up = max(balance.total - last.total, NOTHING)
        booked = spent - last.baseline_spent
        # The account must have lost at least the booked credits. If it seems to have lost less, somebody topped it up between
        # charges, or credits were charged before the baseline. `max` raises the baseline by that difference, which would
        # otherwise hide a later drift.
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
