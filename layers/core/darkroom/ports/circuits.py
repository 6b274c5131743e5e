"""The circuit of each provider: whether submits may pass."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from darkroom.model import Circuit


class Circuits(Protocol):
    """One circuit a provider: open while nothing may be submitted to it. Any method may raise LedgerBusy."""

    def get(self, provider: str) -> Circuit | None:
        """The open circuit, None while submits pass."""

    def probe(self, provider: str, now: datetime, until: datetime) -> bool:
        """Whether this caller is the one that may try now; nobody else may before `until`. False when paused."""

    def open(self, provider: str, error_code: str, error: str, now: datetime, retry_at: datetime) -> None:
        """Nothing is submitted before `retry_at`. A pause stays. Repeat safe."""

    def close(self, provider: str) -> None:
        """Submits pass again, unless paused. Repeat safe."""

    def pause(self, provider: str, why: str, now: datetime) -> None:
        """Nothing is submitted until `resume`. Repeat safe."""

    def resume(self, provider: str) -> None:
        """Ends a pause, and whatever else kept the circuit open. Repeat safe."""
