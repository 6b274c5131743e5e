"""Circuits in DynamoDB. Each provider has one row, `CIRCUIT#<provider>`, with the time when a submit may be tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.model import Circuit
from darkroom.timestamps import moment

# The time for a probe has come. The first worker sets a later time, so that no other worker may try.
TIME_TO_TRY = "#retry_at <= :now"
# The provider is not paused. Only an operator may end a pause; a submit that succeeds must not.
NOT_PAUSED = "attribute_not_exists(#paused_at)"
# The circuit must still be open. A job that waits although the circuit was closed must not leave `waiting_at` in the row.
STILL_OPEN = "attribute_exists(#retry_at)"
# The provider must have a row, because an operator may resume a provider that was never paused.
KNOWN = "attribute_exists(pk)"
OPENED = ("retry_at", "opened_at", "waiting_at", "error_code", "error")


@dataclass(frozen=True)
class DynamoCircuits:
    """Reads and writes the circuits in the ledger's table; implements `ports.Circuits`."""

    table: LedgerTable

    def get(self, provider: str) -> Circuit | None:
        """Return the circuit if it is open, or None if submits are allowed."""
        item = self.table.read(_key(provider)) or {}
        retry_at, paused_at, opened_at, waiting_at = (
            items.text(item, name) for name in ("retry_at", "paused_at", "opened_at", "waiting_at")
        )
        if not (retry_at or paused_at):
            return None
        return Circuit(
            provider=provider,
            paused=paused_at is not None,
            retry_at=moment(retry_at) if retry_at else None,
            opened_at=moment(paused_at or opened_at or retry_at or ""),
            waiting_at=moment(waiting_at) if waiting_at else None,
            error_code=None if paused_at else items.text(item, "error_code"),
            error=items.text(item, "paused_why") if paused_at else items.text(item, "error"),
        )

    def probe(self, provider: str, now: datetime, until: datetime) -> bool:
        """Return whether this caller may try one submit now. After True, no other caller may try before `until`."""
        return self._update(
            Write(_key(provider), set={"retry_at": until}, when=[TIME_TO_TRY, NOT_PAUSED], values={"now": now})
        )

    def open(self, provider: str, error_code: str, error: str, now: datetime, retry_at: datetime) -> None:
        """Open the circuit, so that nothing is submitted before `retry_at`."""
        changes = {"retry_at": retry_at, "opened_at": now, "waiting_at": now, "error_code": error_code, "error": error}
        self._update(Write(_key(provider), set=changes))

    def note_waiting(self, provider: str, now: datetime) -> None:
        """Store that a job waits for the provider now, unless the provider's circuit was closed in the meantime."""
        self._update(Write(_key(provider), set={"waiting_at": now}, when=[STILL_OPEN]))

    def close(self, provider: str) -> None:
        """Allow submits again, unless the provider is paused."""
        self._update(Write(_key(provider), remove=OPENED, when=[NOT_PAUSED]))

    def pause(self, provider: str, why: str, now: datetime) -> None:
        """Stop all submits until `resume`."""
        self._update(Write(_key(provider), set={"paused_at": now, "paused_why": why}))

    def resume(self, provider: str) -> None:
        """End a pause and close the circuit."""
        self._update(Write(_key(provider), remove=[*OPENED, "paused_at", "paused_why"], when=[KNOWN]))

    def _update(self, write: Write) -> bool:
        try:
            self.table.update(write)
        except ConditionFailed:
            return False
        return True


def _key(provider: str) -> dict[str, dict[str, str]]:
    return items.own_key(f"CIRCUIT#{provider}", "CIRCUIT")
