"""The account's credits: reserved when a job is accepted, consumed or refunded when it ends.

This ledger must not know what a job is; it only moves whole credits between three piles.
"""

from __future__ import annotations

import threading


class Account:
    """Available, reserved and consumed credits of the one simulated account."""

    def __init__(self, available_credits: int) -> None:
        self._lock = threading.Lock()
        self.available_credits = available_credits
        self.reserved_credits = 0
        self.consumed_credits = 0

    def reserve(self, credits: int) -> bool:
        """Set credits aside; False, and nothing moved, when too few are available."""
        with self._lock:
            if credits > self.available_credits:
                return False
            self.available_credits -= credits
            self.reserved_credits += credits
            return True

    def settle(self, credits: int, *, delivered: bool) -> None:
        """A reserved job ended: its credits are consumed if it was delivered, else given back."""
        with self._lock:
            self.reserved_credits -= credits
            if delivered:
                self.consumed_credits += credits
            else:
                self.available_credits += credits

    def set_available(self, credits: int) -> None:
        """Put the account at a given number of available credits."""
        with self._lock:
            self.available_credits = credits

    def balance(self) -> dict[str, int]:
        """What is there to spend, what is set aside, and both together."""
        with self._lock:
            return {
                "available_credits": self.available_credits,
                "reserved_credits": self.reserved_credits,
                "total_credits": self.available_credits + self.reserved_credits,
            }
