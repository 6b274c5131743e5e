"""Answers queries of the in-memory table. A query reads one partition with a condition on the sort key, one page at a time.

An index returns only key attributes, as the template's indexes do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.fakes.dynamodb_expressions import Between, Both, Compare, Function, Node, Operand, placeholders
from tests.fakes.dynamodb_values import Row, Unsupported, copied_row, stored
from tests.fakes.expression_parser import condition

Place = tuple[str, str, str]  # the position of a row in its partition: sort key of the index, pk, sk


def page(
    rows: Mapping[tuple[str, str], Row],
    indexes: Mapping[str, tuple[str, str]],
    *,
    KeyConditionExpression: str,
    ExpressionAttributeValues: Mapping[str, Any],
    ExpressionAttributeNames: Mapping[str, str] | None = None,
    IndexName: str | None = None,
    ScanIndexForward: bool = True,
    Limit: int | None = None,
    ExclusiveStartKey: Mapping[str, Any] | None = None,
    Select: str | None = None,
    ProjectionExpression: str | None = None,
    ConsistentRead: bool = False,
) -> dict[str, Any]:
    """Return a page of at most `Limit` rows. A full page also has the key of its last row, even if no row follows.
    DynamoDB does the same.
    """
    if IndexName is not None and (ConsistentRead or IndexName not in indexes):
        raise Unsupported(
            f"{IndexName!r} must be one of the indexes {sorted(indexes)}, which cannot be read consistently"
        )
    if Select not in (None, "COUNT") or (Limit is not None and Limit < 1):
        raise Unsupported(f"Select={Select!r} or Limit={Limit!r} is not supported")
    partition, sort = indexes[IndexName] if IndexName else ("pk", "sk")
    names, values = ExpressionAttributeNames or {}, {n: stored(v) for n, v in ExpressionAttributeValues.items()}
    parsed = condition(KeyConditionExpression)
    placeholders(parsed.used, names=names, values=values)
    wanted = values[_key_condition(parsed.node, names, partition, sort).text]
    found = [
        ((row[sort]["S"], *key), row)
        for key, row in rows.items()
        if row.get(partition) == wanted and sort in row and parsed.node.holds(row, names, values)
    ]
    found.sort(key=lambda entry: entry[0], reverse=not ScanIndexForward)
    if ExclusiveStartKey is not None:
        start = _place(ExclusiveStartKey, partition, sort)
        found = [entry for entry in found if (entry[0] > start if ScanIndexForward else entry[0] < start)]
    taken = [row for _, row in found[:Limit]]
    answer: dict[str, Any] = {"Count": len(taken), "ScannedCount": len(taken)}
    keys = tuple(dict.fromkeys(("pk", "sk", partition, sort)))
    if Select != "COUNT":
        shown = _projected(ProjectionExpression, keys) if IndexName else ()
        answer["Items"] = [copied_row(_only(row, shown) if IndexName else row) for row in taken]
    if Limit is not None and len(taken) == Limit:
        answer["LastEvaluatedKey"] = copied_row(_only(taken[-1], keys))
    return answer


def _projected(expression: str | None, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the attributes that an index answers with: its keys, or those that the expression names."""
    names = tuple(expression.split(",")) if expression is not None else keys
    if set(names) - set(keys):
        raise Unsupported(f"ProjectionExpression={expression!r} names more than the keys of the index")
    return names


def _only(row: Row, names: tuple[str, ...]) -> Row:
    return {name: row[name] for name in names}


def _place(key: Mapping[str, Any], partition: str, sort: str) -> Place:
    if key.keys() != {partition, sort, "pk", "sk"}:
        raise Unsupported(f"ExclusiveStartKey must have the keys of the table and of the index, not {sorted(key)}")
    return key[sort]["S"], key["pk"]["S"], key["sk"]["S"]


def _key_condition(node: Node, names: Mapping[str, str], partition: str, sort: str) -> Operand:
    """Return the operand with the partition that is asked for."""
    first, second = (node.left, node.right) if isinstance(node, Both) else (node, None)
    if not isinstance(first, Compare) or first.comparator != "=" or _subject(first, names) != partition:
        raise Unsupported(f"a key condition must begin with {partition} = :value")
    if second is not None and _subject(second, names) != sort:
        raise Unsupported(f"the second part of a key condition must be about {sort}")
    return first.right


def _subject(node: Node, names: Mapping[str, str]) -> str | None:
    """Return the attribute that the condition compares with values, or None if it is no such comparison."""
    operands: tuple[Operand, ...] = ()
    if isinstance(node, Compare) and node.comparator != "<>":
        operands = (node.left, node.right)
    elif isinstance(node, Between):
        operands = (node.subject, node.low, node.high)
    elif isinstance(node, Function) and node.function == "begins_with":
        operands = node.operands
    if not operands or operands[0].is_value or not all(operand.is_value for operand in operands[1:]):
        return None
    return operands[0].name(names)
