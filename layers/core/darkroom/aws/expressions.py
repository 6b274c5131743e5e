"""Builds conditional DynamoDB writes from clauses, as single updates or parts of a transaction.

A clause is the text of a condition with `#attribute` and `:value` placeholders. Conditions never contain arithmetic, because
DynamoDB refuses it, although some emulators accept it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from darkroom.aws.items import wire


@dataclass(frozen=True)
class Write:
    """An update of one row. `set`, `add` and `remove` change attributes. `when` has the clauses of the condition, which must all
    be true. `values` has the values for the placeholders in the clauses."""

    key: Mapping[str, Any]
    set: Mapping[str, object] = field(default_factory=dict)
    add: Mapping[str, object] = field(default_factory=dict)
    remove: Sequence[str] = ()
    when: Sequence[str] = ()
    values: Mapping[str, object] = field(default_factory=dict)

    def request(self, table: str) -> dict[str, Any]:
        """Return the parameters of UpdateItem, or of an Update in a transaction."""
        values = {f":{name}": wire(value) for name, value in self.values.items()}
        values |= {f":set_{name}": wire(value) for name, value in self.set.items()}
        values |= {f":add_{name}": wire(value) for name, value in self.add.items()}
        update = _update(tuple(self.set), tuple(self.add), tuple(self.remove))
        condition = _condition(tuple(self.when))
        names = dict.fromkeys((*self.set, *self.add, *self.remove, *_names(condition)))
        request: dict[str, Any] = {
            "TableName": table,
            "Key": dict(self.key),
            "UpdateExpression": update,
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = values
        return request

    def check(self, table: str) -> dict[str, Any]:
        """Return the parameters of a ConditionCheck in a transaction. The condition must be true, and nothing is changed."""
        condition = _condition(tuple(self.when))
        return {
            "TableName": table,
            "Key": dict(self.key),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in _names(condition)},
            "ExpressionAttributeValues": {f":{name}": wire(value) for name, value in self.values.items()},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    @property
    def changes_nothing(self) -> bool:
        """True if the write has only a condition."""
        return not (self.set or self.add or self.remove)


# An invocation makes the same few kinds of writes again and again. The texts below do not depend on their values.
@lru_cache(maxsize=512)
def _update(changed: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]) -> str:
    parts = []
    if changed:
        parts.append("SET " + ", ".join(f"#{name} = :set_{name}" for name in changed))
    if added:
        parts.append("ADD " + ", ".join(f"#{name} :add_{name}" for name in added))
    if removed:
        parts.append("REMOVE " + ", ".join(f"#{name}" for name in removed))
    return " ".join(parts)


@lru_cache(maxsize=512)
def _condition(clauses: tuple[str, ...]) -> str:
    return " AND ".join(f"({clause})" for clause in clauses)


@lru_cache(maxsize=512)
def _names(condition: str) -> frozenset[str]:
    words = condition.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return frozenset(word[1:] for word in words if word.startswith("#"))
