"""Counts the capacity units that DynamoDB bills for a request, from the rows before and after the request.

A write costs one unit for each KB of the larger row, and at least one. In a transaction, writes and condition checks cost
twice as much. Each index entry that appears or disappears costs one more unit, so an entry that moves costs two. A read
costs one unit for each 4 KB, or half of that if it need not be consistent. It is assumed that the price of index entries
does not double in a transaction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]  # a row in DynamoDB's typed form; empty if there is no row


def size_bytes(row: Row) -> int:
    """Return the size of a row's names and values, by the rules of DynamoDB's developer guide."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in row.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content.lstrip("-").replace(".", "")) + 1) // 2 + 1
        case "SS":
            return sum(len(one.encode()) for one in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(one) for name, one in content.items())
        case "L":
            return 3 + sum(1 + _value_bytes(one) for one in content)
        case _:
            return 1


@dataclass
class Units:
    """Counts the capacity units that were used so far."""

    writes: float = 0
    reads: float = 0
    of_indexes: float = 0  # the part of `writes` that index entries cost
    in_transactions: float = 0  # the part of `writes` that transactions cost, without index entries
    largest_row_bytes: int = 0
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # name of an index → its two key attributes

    def read(self, row: Row, *, consistent: bool) -> None:
        """Count the read of one row."""
        self.reads += max(math.ceil(size_bytes(row) / 4096), 1) * (1 if consistent else 0.5)

    def write(self, before: Row, after: Row, *, transacted: bool) -> None:
        """Count the write of one row, or the check of a condition on it."""
        larger = max(size_bytes(before), size_bytes(after))
        units = max(math.ceil(larger / 1024), 1) * (2 if transacted else 1)
        moved = sum(self._moved(keys, before, after) for keys in self.indexes.values())
        self.writes += units + moved
        self.of_indexes += moved
        self.in_transactions += units if transacted else 0
        self.largest_row_bytes = max(self.largest_row_bytes, larger)

    def _moved(self, keys: tuple[str, str], before: Row, after: Row) -> int:
        old, new = (_entry(keys, row) for row in (before, after))
        return 0 if old == new else (old is not None) + (new is not None)


def _entry(keys: tuple[str, str], row: Row) -> tuple[Any, ...] | None:
    """Return a row's entry in an index that holds keys only, or None if the row is not in the index."""
    return tuple(row[key] for key in keys) if all(key in row for key in keys) else None
