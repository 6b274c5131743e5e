"""The port for the ledger's owner: the one stack whose functions may use the ledger."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import LedgerOwner


class LedgerOwnership(Protocol):
    """Says whether this stack may use the ledger. Any method may raise LedgerBusy."""

    def owner(self) -> LedgerOwner | None:
        """Return the ledger's owner, or None if it names none."""

    def refusal(self) -> str | None:
        """Return why this stack may not use the ledger and what a person must do, or None if the ledger is its own. A stack
        that created its ledger makes itself the owner if there is none. Repeat safe."""

    def adopt(self, shown: LedgerOwner | None) -> None:
        """Make this stack the owner, as a person has decided who was shown the owner `shown`. Raises LedgerNotOwned if the
        owner has changed since."""
