"""reconcile: compares what the ledger booked with what the provider's account lost. Part of the sweep, every half hour.

A provider charges when it finishes and the ledger books when it settles, so at any moment the account may have lost up to
what the ledger holds reserved. What it lost beyond that nobody here knows of: drift. Top-ups are recognised by a total that
rose, and never hide a drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from darkroom.errors import ProcessUnknown, ProviderSilent
from darkroom.model import NOTHING, AccountSnapshot, Alarm, Balance, Note
from darkroom.ports import Alerts, Clock, Provider, ProviderAccounts

EVERY = timedelta(minutes=30)


@dataclass(frozen=True)
class Comparison:
    """One provider's account beside the ledger, in its unit. `drift` > 0: charged, and not known here."""

    provider: str
    balance: Balance
    reserved: Decimal
    spent: Decimal
    drift: Decimal


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """The use case with its dependencies. Repeat safe; it changes nothing but its own notes."""

    accounts: ProviderAccounts
    providers: Mapping[str, Provider]
    alerts: Alerts
    clock: Clock

    def __call__(self) -> int:
        """How many providers' accounts drifted; each calls for a person. One that cannot be read is counted, and left for
        later."""
        drifted = [found for found in map(self.compare, self.providers) if found is not None and found.drift > 0]
        for found in drifted:
            why = f"{found.provider}'s account lost {found.drift} credits that no job here explains"
            self.alerts.call(Alarm.DRIFT, why, provider=found.provider)
        return len(drifted)

    def compare(self, provider: str) -> Comparison | None:
        """The account and the ledger now; None when the vendor shows no account, or not now, which is counted."""
        try:
            balance = self.providers[provider].balance()
        except (ProviderSilent, ProcessUnknown) as unread:
            why = f"{provider}'s account could not be read, so nobody can tell whether it drifted: {unread}"
            self.alerts.note(Note.ACCOUNT_UNREAD, why, provider=provider)
            return None
        if balance is None:
            return None
        reserved, spent = self.accounts.booked(provider)
        last = self.accounts.reckoning(provider)
        now = self.clock()
        if last is None:
            last = AccountSnapshot(balance.total, spent, balance.total, spent, now)
        topped_up = max(balance.total - last.total, NOTHING)
        booked = spent - last.baseline_spent
        # The account cannot have lost less than was booked: what is missing was a top-up among charges, or was charged
        # before the baseline. Without this, it would hide as much of a later drift.
        baseline_total = max(last.baseline_total + topped_up, balance.total + booked)
        reckoning = replace(last, baseline_total=baseline_total, total=balance.total, spent=spent, checked_at=now)
        self.accounts.keep(provider, reckoning)
        drift = max(baseline_total - balance.total - booked - reserved, NOTHING)
        return Comparison(provider, balance, reserved, spent, drift)

    def accept(self, provider: str) -> None:
        """A person explained the drift: from now on the account is compared with what it holds now. Repeat safe."""
        found = self.compare(provider)
        if found is not None:
            total = found.balance.total
            self.accounts.keep(provider, AccountSnapshot(total, found.spent, total, found.spent, self.clock()))
