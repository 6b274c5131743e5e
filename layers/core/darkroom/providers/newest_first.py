"""Decides when enough of a vendor's list was read. No vendor publishes the order of its list, so what is read must prove it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SLACK = timedelta(minutes=10)  # how far the vendor's clock and ours may differ, and how late it may date a process
ENOUGH = 100  # the fewest entries that prove an order


@dataclass
class NewestFirst:
    """Follows a list while it is read page by page. It knows whether the unread rest may hold a process made at `since` or
    later."""

    since: datetime
    _oldest: datetime | None = None
    _is_ordered: bool = True
    _seen: set[Hashable] = field(default_factory=set)

    def read_page(self, entries: Iterable[tuple[Hashable, datetime | None]]) -> bool:
        """Note the next page: the id and the time of each entry. Return whether the rest of the list is too old.

        That is so if at least ENOUGH entries were read, none was newer than one before it, and this page is older than the page
        before and than `since`. An entry without a time proves that nothing is known. An entry that comes again, because pages
        shift while they are read, says nothing.
        """
        new = {name: made for name, made in entries if name not in self._seen}
        self._seen |= new.keys()
        before = self._oldest
        for made in new.values():
            if made is None or (self._oldest is not None and made > self._oldest):
                self._is_ordered = False
                return False
            self._oldest = made
        is_older = before is not None and self._oldest is not None and self._oldest < before
        is_old = all(made is not None and made < self.since - SLACK for made in new.values())
        return self._is_ordered and is_older and is_old and len(self._seen) >= ENOUGH
