"""DynamoDB's typed values in the in-memory table. They have a canonical form, are never changed in place, and are
compared together with their type.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Clamped, Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, Rounded, Underflow
from functools import lru_cache
from typing import Any

Value = dict[str, Any]  # a dict with one entry, from the type tag to the content, e.g. {"S": "text"}
Row = dict[str, Value]

DIGITS = Context(prec=38, traps=[Clamped, Inexact, InvalidOperation, Overflow, Rounded, Underflow])
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Unsupported(AssertionError):
    """Raised for a request that DynamoDB refuses as invalid or that this table does not support, so that the test fails."""


@lru_cache(maxsize=8192)
def decimal(text: str) -> Decimal:
    """Return the number that `text` contains. Raises Unsupported if it is not finite."""
    number = Decimal(text)
    if not number.is_finite():
        raise Unsupported(f"{text!r} is not a number that DynamoDB takes")
    return number


@lru_cache(maxsize=8192)
def canonical(text: str) -> str:
    """Return a number as DynamoDB writes it, with at most 38 digits: `1.50` becomes `1.5`, and `1E+2` becomes `100`."""
    try:
        number = DIGITS.normalize(decimal(text))
    except DecimalException:
        raise Unsupported(f"{text!r} has more digits than DynamoDB keeps") from None
    return format(number, "f") if number else "0"


def added(left: str, right: str) -> str:
    """Return the sum of two numbers. The numbers and the sum are texts."""
    return canonical(str(DIGITS.add(decimal(left), decimal(right))))


def stored(value: Mapping[str, Any]) -> Value:
    """Return a canonical copy of a value that came from outside. Two equal values then are equal dicts."""
    if type(value) is not dict or len(value) != 1:
        raise Unsupported(f"a value must have exactly one type tag, unlike {value!r}")
    ((tag, inner),) = value.items()
    if tag == "S" and isinstance(inner, str):  # a StrEnum is sent as its text
        return {"S": inner if type(inner) is str else str.__str__(inner)}
    if tag == "N" and type(inner) is str:
        return {"N": canonical(inner)}
    if tag == "BOOL" and type(inner) is bool:
        return {"BOOL": inner}
    if tag == "NULL" and inner is True:
        return {"NULL": True}
    if tag == "M":
        return {"M": {name: stored(inner[name]) for name in inner}}
    if tag == "L":
        return {"L": [stored(entry) for entry in inner]}
    if tag in ("SS", "NS"):
        return {tag: _members(tag, inner)}
    raise Unsupported(f"DynamoDB has no such value, or this table does not support its type: {value!r}")


def _members(tag: str, inner: Any) -> list[str]:
    members = sorted(inner) if tag == "SS" else sorted(map(canonical, inner), key=decimal)
    if not members or len(set(members)) != len(members) or not all(type(member) is str for member in members):
        raise Unsupported(f"a set must have members, each of them once, unlike {inner!r}")
    return members


def copied(value: Value) -> Value:
    """Return a copy that the receiver may change."""
    ((tag, inner),) = value.items()
    if tag == "M":
        return {"M": {name: copied(inner[name]) for name in inner}}
    if tag == "L":
        return {"L": [copied(entry) for entry in inner]}
    return {tag: inner[:]} if tag in ("SS", "NS") else {tag: inner}


def copied_row(row: Row) -> Row:
    """Return a copy of the row that the receiver may change."""
    return {name: value.copy() if "S" in value or "N" in value else copied(value) for name, value in row.items()}


def ordered(comparator: str, left: Value | None, right: Value | None) -> bool:
    """Say whether `left < right` (or `<=` …) is true. It is false if an attribute is absent or the types differ."""
    if left is None or right is None:
        return False
    ((tag, mine),), ((other, yours),) = left.items(), right.items()
    if tag != other or tag not in ("S", "N"):
        return False
    if tag == "N":
        mine, yours = decimal(mine), decimal(yours)
    return ORDERS[comparator](mine, yours)


def union(old: Value | None, more: Value) -> Value:
    """Return what ADD gives for an attribute: the sum of numbers, or the union of sets."""
    ((tag, inner),) = more.items()
    if tag not in ("N", "SS", "NS"):
        raise Unsupported(f"ADD takes a number or a set, not {more!r}")
    if old is None:
        return more
    if tag not in old:
        raise Unsupported(f"ADD cannot add {more!r} to {old!r}, which has another type")
    return {"N": added(old["N"], inner)} if tag == "N" else {tag: _members(tag, {*old[tag], *inner})}
