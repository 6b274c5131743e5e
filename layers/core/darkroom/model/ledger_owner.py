"""The owner of a ledger. Uses only the standard library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LedgerOwner:
    """The stack to which a ledger belongs."""

    stack: str  # the stack's name, which is unique in an account and Region
    input_bucket: str

    def __str__(self) -> str:
        return f"the stack {self.stack} with the input bucket {self.input_bucket}"
