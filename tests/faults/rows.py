"""Reads attributes of the ledger's rows, as DynamoDB stores them."""

from __future__ import annotations

from decimal import Decimal

from darkroom.model import TERMINAL
from tests.fakes.dynamodb_values import Row

OVER = {status.value for status in TERMINAL}
NOTHING = Decimal(0)


def text(row: Row | None, name: str) -> str | None:
    """Return a text attribute of a row, or None if the row does not have it."""
    return row[name]["S"] if row and name in row else None


def number(row: Row | None, name: str) -> Decimal:
    """Return a number attribute of a row, or 0 if the row does not have it."""
    return Decimal(row[name]["N"]) if row and name in row else NOTHING
