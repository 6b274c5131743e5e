"""Parsed expressions of DynamoDB: conditions that are true or false for a row, and changes that turn a row into a new one.

A condition consists of `AND`, `OR`, `NOT`, parentheses, the comparators, `BETWEEN`, `IN` and four functions. Operands
are `#names`, `:values` and plain names that are not reserved words. There is no arithmetic and no document path.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.fakes.dynamodb_values import Row, Unsupported, Value, ordered, union

Names, Values = Mapping[str, str], Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Operand:
    """The name of an attribute or a value, as written: `#a`, `a` or `:v`."""

    text: str

    @property
    def is_value(self) -> bool:
        """Say whether the operand is a `:value`."""
        return self.text[0] == ":"

    def name(self, names: Names) -> str:
        """Return the attribute that the operand names."""
        return names[self.text] if self.text[0] == "#" else self.text

    def of(self, row: Row, names: Names, values: Values) -> Value | None:
        """Return the operand's value for a row, or None if the row lacks the attribute."""
        first = self.text[0]
        if first == ":":
            return values[self.text]
        return row.get(names[self.text] if first == "#" else self.text)


class Node(Protocol):
    """A condition, or a part of one."""

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The comparison `left comparator right`. If an attribute is absent, only `<>` is true."""

    comparator: str
    left: Operand
    right: Operand

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        left, right = self.left.of(row, names, values), self.right.of(row, names, values)
        if self.comparator == "=":
            return left is not None and left == right
        if self.comparator == "<>":
            return left is None or left != right
        for side, found in ((self.left, left), (self.right, right)):
            if side.is_value and found is not None and not found.keys() & {"S", "N"}:
                raise Unsupported(f"{side.text} must be a text or a number to be compared by size, not {found!r}")
        return ordered(self.comparator, left, right)


@dataclass(frozen=True, slots=True)
class Between:
    """The condition `subject BETWEEN low AND high`, which includes both ends."""

    subject: Operand
    low: Operand
    high: Operand

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        subject = self.subject.of(row, names, values)
        low, high = self.low.of(row, names, values), self.high.of(row, names, values)
        return ordered(">=", subject, low) and ordered("<=", subject, high)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The condition `subject IN (a, b, …)`."""

    subject: Operand
    choices: tuple[Operand, ...]

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        subject = self.subject.of(row, names, values)
        return subject is not None and any(subject == choice.of(row, names, values) for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Function:
    """A call of `attribute_exists(a)`, `attribute_not_exists(a)`, `begins_with(a, :v)` or `contains(a, :v)`."""

    function: str
    operands: tuple[Operand, ...]

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        found = [operand.of(row, names, values) for operand in self.operands]
        if self.function == "attribute_exists":
            return found[0] is not None
        if self.function == "attribute_not_exists":
            return found[0] is None
        subject, sought = found
        if subject is None or sought is None:
            return False
        return _begins(subject, sought) if self.function == "begins_with" else _contains(subject, sought)


def _begins(subject: Value, sought: Value) -> bool:
    if "S" not in sought:
        raise Unsupported(f"begins_with takes text, not {sought!r}")
    return "S" in subject and subject["S"].startswith(sought["S"])


def _contains(subject: Value, sought: Value) -> bool:
    ((tag, inner),), ((kind, wanted),) = subject.items(), sought.items()
    if tag == "L":
        return sought in inner
    return (tag, kind) in (("S", "S"), ("SS", "S"), ("NS", "N")) and wanted in inner


@dataclass(frozen=True, slots=True)
class Both:
    """The condition `left AND right`."""

    left: Node
    right: Node

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        return self.left.holds(row, names, values) and self.right.holds(row, names, values)


@dataclass(frozen=True, slots=True)
class Either:
    """The condition `left OR right`."""

    left: Node
    right: Node

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        return self.left.holds(row, names, values) or self.right.holds(row, names, values)


@dataclass(frozen=True, slots=True)
class Negation:
    """The condition `NOT inner`."""

    inner: Node

    def holds(self, row: Row, names: Names, values: Values) -> bool:
        """Say whether the condition is true for the row."""
        return not self.inner.holds(row, names, values)


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition and the placeholders that it uses."""

    node: Node
    used: frozenset[str]


@dataclass(frozen=True, slots=True)
class Change:
    """A parsed update expression: its SET, ADD and REMOVE clauses, and the placeholders that it uses.

    A SET clause is (target, value, attribute). If the row has the attribute, the target gets the attribute's value
    instead of the clause's value.
    """

    sets: tuple[tuple[Operand, Operand, Operand | None], ...]
    adds: tuple[tuple[Operand, Operand], ...]
    removes: tuple[Operand, ...]
    used: frozenset[str]

    def applied(self, row: Row, names: Names, values: Values) -> Row:
        """Return a changed copy of the row. All values are read from the row as it was before the change."""
        changed = dict(row)
        for target, value, kept in self.sets:
            old = row.get(kept.name(names)) if kept else None
            changed[target.name(names)] = values[value.text] if old is None else old
        for target, value in self.adds:
            name = target.name(names)
            changed[name] = union(row.get(name), values[value.text])
        for target in self.removes:
            changed.pop(target.name(names), None)
        return changed

    def targets(self, names: Names) -> list[str]:
        """Return the names of the attributes that the change writes."""
        operands = [*(entry[0] for entry in self.sets), *(entry[0] for entry in self.adds), *self.removes]
        return [operand.name(names) for operand in operands]


def placeholders(*used: Collection[str], names: Names, values: Mapping[str, Any]) -> None:
    """Refuse placeholders that the expressions use but the request does not define, or the reverse, as DynamoDB does."""
    wanted, defined = set[str]().union(*used), {*names, *values}
    if wanted != defined:
        raise Unsupported(f"each placeholder must be both used and defined, unlike {sorted(wanted ^ defined)}")
