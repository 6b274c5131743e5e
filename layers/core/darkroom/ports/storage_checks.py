"""The ports for storage checks: the proof that a result can be stored, made before money is spent."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from darkroom.model import StorageCheck


class StorageChecks(Protocol):
    """The ledger's row about the output bucket. Any method may raise LedgerBusy."""

    def last(self) -> StorageCheck | None:
        """Return what is known; None if the bucket was never checked."""

    def take_turn(self, now: datetime, until: datetime) -> bool:
        """Return whether this caller may check now. If so, no other may before `until`."""

    def record(self, now: datetime, refusal: str | None, next_check_at: datetime) -> None:
        """Store the result of a check that was made at `now`. Repeat safe."""


class StorageProof(Protocol):
    """The proof itself. Only finalize's role can make it, because it writes the results."""

    def __call__(self) -> str | None:
        """Write an object as results are written, and remove it. Return what is wrong and who must do what, None if nothing is.
        Raises StorageUnproven if that cannot be found out now. Repeat safe."""


class StorageChecker(Protocol):
    """Has finalize check the output bucket."""

    def __call__(self) -> None:
        """Wait until finalize has checked and recorded. Raises StorageUnproven. Repeat safe."""
