"""Keeps the row that names the ledger's owner, so that two stacks never work on one ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import LedgerNotOwned
from darkroom.model import LedgerOwner

# A process that found its stack to be the owner does not look again for this time. So the check costs no request per job, and
# a stack whose ledger was handed over stops within this time.
TRUSTED_FOR = timedelta(minutes=15)
KEY = items.own_key("LEDGER", "OWNER")
# The ledger names no owner yet.
NO_OWNER = "attribute_not_exists(pk)"
# The ledger still names the owner that the person was shown.
SAME_OWNER = "#stack = :stack AND #input_bucket = :input_bucket"


@dataclass
class DynamoLedgerOwnership:
    """Reads and writes the owner's row; implements `ports.LedgerOwnership`. `table` must not be guarded by this object.

    If `may_claim` is true, the stack has created the table itself. Then it makes itself the owner of a ledger without one.
    """

    table: LedgerTable
    stack: LedgerOwner
    may_claim: bool
    clock: Callable[[], datetime]
    _trusted_until: datetime | None = field(default=None, init=False)

    def owner(self) -> LedgerOwner | None:
        """Return the owner by a consistent read, or None if the ledger names none. Raises LedgerBusy."""
        row = self.table.read(KEY)
        if row is None:
            return None
        return LedgerOwner(items.text(row, "stack") or "", items.text(row, "input_bucket") or "")

    def refusal(self) -> str | None:
        """Return why this stack may not use the ledger and what a person must do, or None if the ledger is its own."""
        now = self.clock()
        if self._trusted_until is not None and now < self._trusted_until:
            return None
        owner = self.owner()
        if owner is None and self.may_claim:
            owner = self._claim()
        if owner == self.stack:
            self._trusted_until = now + TRUSTED_FOR
            return None
        whose = f"belongs to {owner}" if owner else "names no owner"
        return (
            f"the ledger {self.table.name} {whose}, so {self.stack} does not use it. To hand it over, run "
            f"`darkroom adopt-ledger --stack {self.stack.stack}`"
        )

    def require(self) -> None:
        """Raise LedgerNotOwned if the ledger is not this stack's own."""
        why = self.refusal()
        if why is not None:
            raise LedgerNotOwned(why)

    def adopt(self, shown: LedgerOwner | None) -> None:
        """Make this stack the owner. Raises LedgerNotOwned if the owner is no longer `shown`."""
        when, values = ([SAME_OWNER], vars(shown)) if shown else ([NO_OWNER], {})
        try:
            self.table.update(Write(KEY, set=_attributes(self.stack, self.clock()), when=when, values=values))
        except ConditionFailed:
            raise LedgerNotOwned("the ledger's owner has changed in the meantime: run the command again") from None

    def _claim(self) -> LedgerOwner | None:
        try:
            self.table.update(Write(KEY, set=_attributes(self.stack, self.clock()), when=[NO_OWNER]))
        except ConditionFailed:
            return self.owner()  # another function of this stack was faster
        return self.stack


def _attributes(owner: LedgerOwner, now: datetime) -> dict[str, object]:
    return {**vars(owner), "since": now}
