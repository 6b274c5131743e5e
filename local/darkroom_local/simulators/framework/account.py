"""The credits of the simulated account. They are reserved when a job is accepted, and consumed or refunded when it ends.

This module must not know what a job is. It only counts whole credits: available, reserved and consumed.
"""

from __future__ import annotations

import threading


class Account:
    """Count the available, reserved and consumed credits of the one simulated account."""

    def __init__(self, available_credits: int) -> None:
        self._lock = threading.Lock()
        self.available_credits = available_credits
        self.reserved_credits = 0
        self.consumed_credits = 0

    def reserve(self, credits: int) -> bool:
        """Reserve credits. Return False and change nothing if too few are available."""
        with self._lock:
            if credits > self.available_credits:
                return False
            self.available_credits -= credits
            self.reserved_credits += credits
            return True

    def settle(self, credits: int, *, delivered: bool) -> None:
        """End a reservation: consume its credits if the job was delivered, else make them available again."""
        with self._lock:
            self.reserved_credits -= credits
            if delivered:
                self.consumed_credits += credits
            else:
                self.available_credits += credits

    def set_available(self, credits: int) -> None:
        """Set the number of available credits."""
        with self._lock:
            self.available_credits = credits

    def balance(self) -> dict[str, int]:
        """Return the available credits, the reserved credits and their sum."""
        with self._lock:
            return {
                "available_credits": self.available_credits,
                "reserved_credits": self.reserved_credits,
                "total_credits": self.available_credits + self.reserved_credits,
            }
