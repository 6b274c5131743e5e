"""Makes random requests to the table, of every kind that the adapters make. They use few keys, so that requests conflict."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fakes.aws_account import INDEXES, TABLE

STATUSES = ("CLAIMED", "SUBMITTING", "PROCESSING")
TIMES = tuple(f"2026-11-21T14:0{minute}:00.000Z" for minute in range(6))
FAILURE = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
CLAUSES = (
    "attribute_not_exists(pk)", "attribute_exists(pk)", "#status = :status", "#status <> :status", "#n <= :n", "#n > :n",
    "attribute_not_exists(#until) OR #until <= :until", "#until >= :until", "begins_with(#status, :word)",
    "NOT #until < :until", "contains(#orphans, :word)", "#status = :status AND (#n < :n OR attribute_exists(#until))",
    "#status IN (:status, :word)", "NOT (attribute_exists(#until) AND #n >= :n)",
)  # fmt: skip
SETS = (
    "#status = :status",
    "#until = :until",
    "#since = if_not_exists(#since, :until)",
    "#note = if_not_exists(#status, :word)",
)
ADDS = ("#n :n", "#orphans :process")
NAMES = {
    "#status": "open_status", "#since": "open_since", "#until": "lease_until", "#n": "n", "#orphans": "orphans",
    "#note": "note",
}  # fmt: skip


@dataclass
class Requests:
    """Makes random requests. The same seed of `random` gives the same requests."""

    random: Random

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the name of a client's method, and the arguments for it."""
        kinds = ("update", "update", "update", "put", "delete", "transact", "transact", "get", "batch")
        kind = self.random.choice(kinds)
        if kind == "transact":
            return "transact_write_items", self._transaction()
        if kind == "get":
            return "get_item", {"TableName": TABLE, "Key": self._key(), "ConsistentRead": True}
        if kind == "batch":
            return "batch_get_item", {"RequestItems": {TABLE: {"Keys": self._keys(2), "ConsistentRead": True}}}
        request = getattr(self, f"_{kind}")(self._key())
        if kind == "update" and self.random.random() < 0.5:
            request["ReturnValues"] = "ALL_NEW"
        return f"{kind}_item", request

    def row(self) -> dict[str, Any]:
        """Return a whole row with random attributes. No two rows have the same position in an index."""
        placed: dict[str, Any] = {}
        for partition, sort in INDEXES.values():
            if self.random.random() < 0.7:
                placed |= {partition: self._value(":status"), sort: self._moment()}
        number = {"n": self._value(":n")} if self.random.random() < 0.5 else {}
        extra = {"settings": {"M": {"scale": {"S": "2"}, "of": {"L": [{"N": "1.50"}, {"BOOL": True}]}}}}
        return {**self._key(), **placed, **number, **extra}

    def query(self) -> dict[str, Any]:
        """Return a query of the table or of an index."""
        index = self.random.choice((None, *sorted(INDEXES)))
        partition, sort = INDEXES[index] if index else ("pk", "sk")
        values = {":p": self._value(":status") if index else self._key()["pk"]}
        second = self.random.choice(("", "<=", ">=", "<", "begins", "between"))
        ends = sorted((self._moment()["S"], self._moment()["S"])) if index else ["ROW1", "ROW3"]
        text = {
            "": "",
            "begins": " AND begins_with(#b, :low)",
            "between": " AND #b BETWEEN :low AND :high",
        }.get(second, f" AND #b {second} :low")
        if second:
            values[":low"] = {"S": ends[0][:13] if second == "begins" else ends[0]}
        if second == "between":
            values[":high"] = {"S": ends[1]}
        request = {
            "TableName": TABLE, "KeyConditionExpression": f"#a = :p{text}", "ExpressionAttributeValues": values,
            "ExpressionAttributeNames": {"#a": partition, **({"#b": sort} if second else {})},
            "ScanIndexForward": self.random.random() < 0.5,
        }  # fmt: skip
        if index:
            request["IndexName"] = index
        answers: list[dict[str, Any]] = [{}, {"Limit": 1}, {"Limit": 3}, {"Select": "COUNT"}]
        answers += [{"ProjectionExpression": "pk"}] if index else []
        request |= self.random.choice(answers)
        return request

    def _transaction(self) -> dict[str, Any]:
        made = []
        for key in self._keys(self.random.randint(1, 3)):
            kind = self.random.choice(("Update", "Update", "Put", "Delete", "ConditionCheck"))
            if kind == "ConditionCheck":
                made.append({kind: {"TableName": TABLE, "Key": key, **self._guard("", always=True)}})
            else:
                made.append({kind: getattr(self, f"_{kind.lower()}")(key)})
        return {"TransactItems": made}

    def _update(self, key: dict[str, Any]) -> dict[str, Any]:
        sets = self.random.sample(SETS, self.random.randint(1, 3))
        parts = ["SET " + ", ".join(sets)]
        if self.random.random() < 0.5:
            parts.append("ADD " + ", ".join(self.random.sample(ADDS, self.random.randint(1, 2))))
        if not any(text.startswith("#until") for text in sets) and self.random.random() < 0.5:
            parts.append("REMOVE #until")
        text = " ".join(parts)
        return {"TableName": TABLE, "Key": key, "UpdateExpression": text, **self._guard(text)}

    def _put(self, key: dict[str, Any]) -> dict[str, Any]:
        return {"TableName": TABLE, "Item": {**self.row(), **key}, **self._guard("")}

    def _delete(self, key: dict[str, Any]) -> dict[str, Any]:
        return {"TableName": TABLE, "Key": key, **self._guard("")}

    def _guard(self, text: str, *, always: bool = False) -> dict[str, Any]:
        """Return a condition, and the placeholders in it and in the update expression `text`."""
        clauses = self.random.sample(CLAUSES, self.random.randint(1 if always else 0, 2))
        condition = " AND ".join(f"({clause})" for clause in clauses)
        whole = f"{text} {condition}"
        guard: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if condition and self.random.random() < 0.7:
            guard |= FAILURE
        names = {name: real for name, real in NAMES.items() if _uses(whole, name)}
        values = {
            name: self._value(name) for name in (":status", ":n", ":until", ":word", ":process") if _uses(whole, name)
        }
        if names:
            guard["ExpressionAttributeNames"] = names
        if values:
            guard["ExpressionAttributeValues"] = values
        return guard

    def _value(self, name: str) -> dict[str, Any]:
        values = {
            ":status": {"S": self.random.choice(STATUSES)}, ":until": {"S": self.random.choice(TIMES)},
            ":word": {"S": self.random.choice(("SUB", "p-1", "PROCESSING"))},
            ":n": {"N": self.random.choice(("1", "2", "-1", "0.12", "10", "9.5"))},
            ":process": {"SS": self.random.sample(["p-1", "p-2", "p-3"], self.random.randint(1, 2))},
        }  # fmt: skip
        return values[name]

    def _moment(self) -> dict[str, str]:
        return {
            "S": f"2026-11-21T1{self.random.randint(2, 5)}:{self.random.randint(0, 59):02}:{self.random.random():.6f}Z"
        }

    def _key(self) -> dict[str, Any]:
        return {"pk": {"S": self.random.choice(("JOB#1", "JOB#2"))}, "sk": {"S": f"ROW{self.random.randint(1, 4)}"}}

    def _keys(self, count: int) -> list[dict[str, Any]]:
        rows = self.random.sample(range(1, 5), count)
        return [{"pk": {"S": "JOB#1"}, "sk": {"S": f"ROW{row}"}} for row in rows]


def _uses(text: str, name: str) -> bool:
    return f"{name} " in f"{text} ".replace(")", " ").replace(",", " ")
