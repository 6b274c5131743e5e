"""The port for circuits: the stored state of each provider's circuit breaker."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from darkroom.model import Circuit


class Circuits(Protocol):
    """Keeps one circuit for each provider. While it is open, nothing is submitted. Any method may raise LedgerBusy."""

    def get(self, provider: str) -> Circuit | None:
        """Return the circuit if it is open, None if submits are allowed."""

    def probe(self, provider: str, now: datetime, until: datetime) -> bool:
        """Return whether this caller may try one submit now. After True, no other caller may try before `until`. Return False
        if the provider is paused."""

    def open(self, provider: str, error_code: str, error: str, now: datetime, retry_at: datetime) -> None:
        """Open the circuit, so that nothing is submitted before `retry_at`. A pause stays. Repeat safe."""

    def note_waiting(self, provider: str, now: datetime) -> None:
        """Store that a job waits for the provider now. Repeat safe."""

    def close(self, provider: str) -> None:
        """Allow submits again, unless the provider is paused. Repeat safe."""

    def pause(self, provider: str, why: str, now: datetime) -> None:
        """Stop all submits until `resume`. Repeat safe."""

    def resume(self, provider: str) -> None:
        """End a pause and close the circuit. Repeat safe."""
