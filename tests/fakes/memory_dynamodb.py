"""An in-memory DynamoDB with the client calls that the adapters make. It is atomic, fast, and stricter than the emulators.

It has one table with its sparse indexes, and every read is consistent. It raises an error for any other argument,
expression or type, so that no test passes because something was ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes import dynamodb_queries
from tests.fakes.dynamodb_expressions import placeholders
from tests.fakes.dynamodb_values import Row, Unsupported, copied_row, stored
from tests.fakes.expression_parser import change, condition

TABLE = "ledger"
INDEXES = {
    "OpenJobs": ("open_status", "due_at"),
    "JobsBySource": ("source_uri", "created_at"),
    "JobsByDay": ("day", "created_at"),
}  # maps an index's name to its partition key and sort key
Key = tuple[str, str]
# A listener gets the key, the row before and the row after a write. It must not change the rows.
Listener = Callable[[Key, Row | None, Row | None], None]
ANSWERED = {"HTTPStatusCode": 200, "RetryAttempts": 0}
REFUSED = {"HTTPStatusCode": 400, "RetryAttempts": 0}
FAILED = "The conditional request failed"
MOST_WRITES = MOST_KEYS = 100
NOTHING: Row = {}


def refusal(code: str, operation: str, message: str = "", **more: Any) -> ClientError:
    """Return an error as DynamoDB sends it, e.g. `refusal("ThrottlingException", "UpdateItem")`."""
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": REFUSED, **more},  # type: ignore[arg-type]
        operation,
    )


def cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    """Return the error of a cancelled transaction. `reasons` has one entry for each write.

    The entry `{"Code": "TransactionConflict"}` stands for a write that met another transaction.
    """
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return refusal("TransactionCanceledException", "TransactWriteItems", message, CancellationReasons=reasons)


@dataclass(slots=True)
class Step:
    """A write that was checked but not yet made."""

    key: Key
    old: Row | None
    new: Row | None
    holds: bool
    shows_old: bool

    @property
    def old_item(self) -> dict[str, Any]:
        """Return the old row as `Item` for the error of a failed condition. It is left out if the request did not ask
        for it or there is no old row.
        """
        return {"Item": copied_row(self.old)} if self.shows_old and self.old is not None else {}


class InMemoryDynamo:
    """Replaces `boto3.client("dynamodb")`. It calls `on_write` after every write, and `revision` counts the writes."""

    def __init__(
        self, table: str = TABLE, indexes: Mapping[str, tuple[str, str]] = INDEXES, on_write: Listener | None = None
    ) -> None:
        self.table, self.indexes, self.on_write, self.revision = table, dict(indexes), on_write, 0
        self._rows: dict[Key, Row] = {}
        self._tokens: dict[str, str] = {}
        self._text_only = frozenset(name for pair in self.indexes.values() for name in pair)

    def peek(self) -> Mapping[Key, Row]:
        """Return all rows by their key, for reading only. Rows are replaced, never changed in place."""
        return self._rows

    def get_item(self, *, TableName: str, Key: Mapping[str, Any], ConsistentRead: bool = False) -> dict[str, Any]:
        """Return the row as `Item`, or no `Item` if the row is absent."""
        row = self._rows.get(self._key(TableName, Key))
        return (
            {"ResponseMetadata": ANSWERED} if row is None else {"Item": copied_row(row), "ResponseMetadata": ANSWERED}
        )

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of up to 100 rows that exist."""
        ((table, asked),) = RequestItems.items()
        if asked.keys() - {"Keys", "ConsistentRead"}:
            raise Unsupported(f"batch_get_item has an unsupported argument among {sorted(asked)}")
        keys = [self._key(table, key) for key in asked["Keys"]]
        if not keys or len(keys) > MOST_KEYS or len(set(keys)) < len(keys):
            raise Unsupported(f"batch_get_item got {len(keys)} keys, but takes 1 to {MOST_KEYS}, each of them once")
        found = [copied_row(self._rows[key]) for key in keys if key in self._rows]
        return {"Responses": {table: found}, "UnprocessedKeys": {}, "ResponseMetadata": ANSWERED}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write a whole row. It replaces any row with the same key."""
        self._make("PutItem", self._put(**request))
        return {"ResponseMetadata": ANSWERED}

    def update_item(self, *, ReturnValues: str = "NONE", **request: Any) -> dict[str, Any]:
        """Change a row, or create it if it is absent. `ReturnValues`: NONE or ALL_NEW."""
        _one_of(ReturnValues, "NONE", "ALL_NEW")
        step = self._update(**request)
        self._make("UpdateItem", step)
        new = {"Attributes": copied_row(step.new or NOTHING)} if ReturnValues == "ALL_NEW" else {}
        return {**new, "ResponseMetadata": ANSWERED}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """Delete a row."""
        self._make("DeleteItem", self._delete(**request))
        return {"ResponseMetadata": ANSWERED}

    def transact_write_items(
        self, *, TransactItems: Iterable[Mapping[str, Any]], ClientRequestToken: str | None = None
    ) -> dict[str, Any]:
        """Make all writes or none. If the token was used before, write nothing."""
        items = list(TransactItems)
        said = repr(items) if ClientRequestToken else ""
        if ClientRequestToken and (before := self._tokens.get(ClientRequestToken)) is not None:
            if before != said:
                raise refusal("IdempotentParameterMismatchException", "TransactWriteItems")
            return {"ResponseMetadata": ANSWERED}
        kinds = {"Put": self._put, "Update": self._update, "Delete": self._delete, "ConditionCheck": self._check}
        steps = []
        for item in items:
            ((kind, request),) = item.items()
            steps.append(kinds[kind](**request))
        if not steps or len(steps) > MOST_WRITES or len({step.key for step in steps}) < len(steps):
            raise Unsupported(
                f"the transaction has {len(steps)} writes, but takes 1 to {MOST_WRITES}, for each row once"
            )
        if not all(step.holds for step in steps):
            raise cancelled([_reason(step) for step in steps])
        self._apply(steps)
        if ClientRequestToken:
            self._tokens[ClientRequestToken] = said
        return {"ResponseMetadata": ANSWERED}

    def query(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        """Return one page of a partition of the table or of an index, ordered by its sort key."""
        self._known(TableName)
        return dynamodb_queries.page(self._rows, self.indexes, **request) | {"ResponseMetadata": ANSWERED}

    def scan(self, *, TableName: str, ConsistentRead: bool = False) -> dict[str, Any]:
        """Return every row, for tests that check the whole table."""
        self._known(TableName)
        found = [copied_row(self._rows[key]) for key in sorted(self._rows)]
        return {"Items": found, "Count": len(found), "ScannedCount": len(found), "ResponseMetadata": ANSWERED}

    def _put(self, *, TableName: str, Item: Mapping[str, Any], **guard: Any) -> Step:
        row = {name: stored(Item[name]) for name in Item}
        key = self._key(TableName, {name: row[name] for name in ("pk", "sk") if name in row})
        return self._step(key, self._checked(row), **guard)

    def _delete(self, *, TableName: str, Key: Mapping[str, Any], **guard: Any) -> Step:
        return self._step(self._key(TableName, Key), None, **guard)

    def _check(self, *, TableName: str, Key: Mapping[str, Any], ConditionExpression: str, **guard: Any) -> Step:
        key = self._key(TableName, Key)
        return self._step(key, self._rows.get(key), ConditionExpression, **guard)

    def _step(
        self,
        key: Key,
        new: Row | None,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
        ReturnValuesOnConditionCheckFailure: str = "NONE",
        update: str | None = None,
    ) -> Step:
        _one_of(ReturnValuesOnConditionCheckFailure, "NONE", "ALL_OLD")
        names, given = ExpressionAttributeNames or {}, ExpressionAttributeValues or {}
        values = {name: stored(given[name]) for name in given}
        old, used = self._rows.get(key), []
        step = Step(key, old, new, True, ReturnValuesOnConditionCheckFailure == "ALL_OLD")
        if ConditionExpression is not None:
            parsed = condition(ConditionExpression)
            used.append(parsed.used)
        if update is not None:
            wanted = change(update)
            used.append(wanted.used)
        placeholders(*used, names=names, values=values)
        if ConditionExpression is not None:
            step.holds = parsed.node.holds(old or NOTHING, names, values)
        if update is not None and step.holds:
            targets = wanted.targets(names)
            if len(set(targets)) < len(targets) or {"pk", "sk"} & set(targets):
                raise Unsupported(
                    f"an update may change each attribute only once and never the key, but changes {targets}"
                )
            if old is None and not (wanted.sets or wanted.adds):
                raise Unsupported(
                    "an update of an absent row needs more than REMOVE, because DynamoDB and its emulators differ there"
                )
            step.new = self._checked(wanted.applied(old or {"pk": {"S": key[0]}, "sk": {"S": key[1]}}, names, values))
        return step

    def _update(self, *, TableName: str, Key: Mapping[str, Any], UpdateExpression: str, **guard: Any) -> Step:
        return self._step(self._key(TableName, Key), None, update=UpdateExpression, **guard)

    def _make(self, operation: str, step: Step) -> None:
        if not step.holds:
            raise refusal("ConditionalCheckFailedException", operation, FAILED, **step.old_item)
        self._apply([step])

    def _apply(self, steps: list[Step]) -> None:
        written = [step for step in steps if step.new is not step.old]
        for step in written:
            if step.new is None:
                self._rows.pop(step.key, None)
            else:
                self._rows[step.key] = step.new
        self.revision += bool(written)
        if self.on_write:
            for step in written:
                self.on_write(step.key, step.old, step.new)

    def _checked(self, row: Row) -> Row:
        for name in self._text_only & row.keys():
            if not row[name].get("S"):
                raise Unsupported(
                    f"{name} is the key of an index and must be a text that is not empty, not {row[name]!r}"
                )
        return row

    def _known(self, table: str) -> None:
        if table != self.table:
            raise Unsupported(f"the only table is {self.table!r}, not {table!r}")

    def _key(self, table: str, key: Mapping[str, Any]) -> Key:
        self._known(table)
        if len(key) == 2 and "pk" in key and "sk" in key:
            partition, sort = key["pk"].get("S"), key["sk"].get("S")
            if partition and sort and isinstance(partition, str) and isinstance(sort, str):
                return partition, sort
        raise Unsupported(f"a key must have pk and sk, both texts that are not empty, but is {key!r}")


def _reason(step: Step) -> dict[str, Any]:
    if step.holds:
        return {"Code": "None"}
    return {"Code": "ConditionalCheckFailed", "Message": FAILED, **step.old_item}


def _one_of(given: str, *known: str) -> None:
    if given not in known:
        raise Unsupported(f"{given!r} is not supported, only {known}")
