"""Reads and writes the ledger's DynamoDB table: conditional writes, consistent reads and queries, with retries after
conflicts."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.aws.expressions import Write
from darkroom.aws.items import wire
from darkroom.errors import LedgerBusy

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

BUSY_REASONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "TransactionInProgress"}
)
BUSY_ERRORS = frozenset(
    {
        "TransactionConflictException", "TransactionInProgressException", "ThrottlingException",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "InternalServerError",
    }
)  # fmt: skip
MAX_ATTEMPTS = 8
MAX_BATCH = 100  # the most keys of one BatchGetItem call
FIRST_WAIT_SECONDS = 0.05  # waits with full jitter over 0.05, 0.1, 0.2 … 3.2 s, at most 6.4 s in all


def _key(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}


def _id(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


class ConditionFailed(Exception):
    """The condition of a write was false. `index` is the number of the write. `item` is the present row, empty if there is
    none."""

    def __init__(self, index: int, item: Mapping[str, Any]) -> None:
        super().__init__(f"condition of write {index} failed")
        self.index, self.item = index, item


@dataclass(frozen=True)
class Range:
    """The values of an index's sort key that a query asks for, both included."""

    attribute: str
    low: str
    high: str


@dataclass(frozen=True)
class LedgerTable:
    """Reads and writes one table. Conflicts and throttling are retried within the invocation.

    `guard` is called before each request. It raises an error if this stack may not use the table.
    """

    client: DynamoDBClient
    name: str
    sleep: Callable[[float], None] = time.sleep
    guard: Callable[[], None] | None = None

    def update(self, write: Write) -> dict[str, Any]:
        """Make one conditional update and return the updated row. Raises ConditionFailed, LedgerBusy."""
        request = write.request(self.name) | {"ReturnValues": "ALL_NEW"}
        answer: dict[str, Any] = self._with_retries(lambda: self.client.update_item(**request))
        attributes: dict[str, Any] = answer.get(
            "Attributes", {}
        )  # absent after a REMOVE from a row that does not exist
        return attributes

    def put_new(self, item: Mapping[str, Any]) -> None:
        """Write a new row. Raises ConditionFailed if its key exists, LedgerBusy."""
        self._with_retries(
            lambda: self.client.put_item(TableName=self.name, Item=item, ConditionExpression="attribute_not_exists(pk)")
        )

    def read(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a row by a consistent read, or None if it does not exist. Raises LedgerBusy."""
        request: dict[str, Any] = {"TableName": self.name, "Key": dict(key), "ConsistentRead": True}
        item: dict[str, Any] | None = self._with_retries(lambda: self.client.get_item(**request)).get("Item")
        return item

    def rows(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the existing rows of at most 100 keys, in the order of the keys, by consistent reads. Raises LedgerBusy.

        Keys that DynamoDB leaves unprocessed are requested again, so that no row counts as missing by mistake.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        pending = [dict(key) for key in keys]
        for _ in range(MAX_ATTEMPTS):
            if not pending:
                return [found[_id(key)] for key in keys if _id(key) in found]
            answer = self._with_retries(partial(self.client.batch_get_item, RequestItems=self._batch_request(pending)))
            found |= {_id(item): item for item in answer["Responses"].get(self.name, [])}
            pending = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        raise LedgerBusy("the ledger did not return all requested rows; try again later")

    def _batch_request(self, keys: list[dict[str, Any]]) -> Any:
        return {self.name: {"Keys": keys, "ConsistentRead": True}}

    def due(self, word: str, now: datetime, limit: int) -> list[dict[str, Any]]:
        """Return the keys that the index OpenJobs lists under `word` and that are due at `now`, the longest due first. Raises
        LedgerBusy."""
        request: Any = {
            "TableName": self.name, "IndexName": "OpenJobs", "Limit": limit,
            "KeyConditionExpression": "open_status = :word AND due_at <= :now",
            "ExpressionAttributeValues": {":word": wire(word), ":now": wire(now)},
        }  # fmt: skip
        return [_key(item) for item in self._with_retries(lambda: self.client.query(**request))["Items"]]

    def pages(
        self, index: str, attribute: str, value: str, *, newest_first: bool = False, within: Range | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield all keys that the index lists under `value`, in lists of at most 100, in the order of the index's sort key or
        in the opposite order. `within` bounds the sort key. Raises LedgerBusy."""
        request = self._under(index, attribute, value, within) | {
            "Limit": MAX_BATCH,
            "ScanIndexForward": not newest_first,
        }
        for answer in self._answers(request):
            yield [_key(item) for item in answer["Items"]]

    def count(self, index: str, attribute: str, value: str, within: Range | None = None) -> int:
        """Return how many rows the index lists under `value`. One request counts up to 1 MB of keys, some thousands of rows.
        Raises LedgerBusy."""
        request = self._under(index, attribute, value, within) | {"Select": "COUNT"}
        return sum(answer["Count"] for answer in self._answers(request))

    def partition_keys(self, index: str, attribute: str, value: str) -> Iterator[str]:
        """Yield the `pk` of all rows that the index lists under `value`. One request reads up to 1 MB of keys. Raises
        LedgerBusy."""
        request = self._under(index, attribute, value, None) | {"ProjectionExpression": "pk"}
        for answer in self._answers(request):
            yield from (item["pk"]["S"] for item in answer["Items"])

    def _under(self, index: str, attribute: str, value: str, within: Range | None) -> dict[str, Any]:
        """Return the request for what the index lists under `value`."""
        condition, names, values = "#attribute = :value", {"#attribute": attribute}, {":value": wire(value)}
        if within is not None:
            condition += " AND #sort BETWEEN :low AND :high"
            names["#sort"] = within.attribute
            values |= {":low": wire(within.low), ":high": wire(within.high)}
        return {
            "TableName": self.name, "IndexName": index, "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
        }  # fmt: skip

    def _answers(self, request: dict[str, Any]) -> Iterator[Any]:
        """Yield the answers to a query, page after page."""
        while True:
            answer = self._with_retries(lambda: self.client.query(**request))
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def partition(self, pk: str) -> list[dict[str, Any]]:
        """Return the rows of one partition by a consistent read. The partition must be small, because only one page is read.
        Raises LedgerBusy."""
        request: Any = {
            "TableName": self.name, "ConsistentRead": True, "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": wire(pk)},
        }  # fmt: skip
        items: list[dict[str, Any]] = self._with_retries(lambda: self.client.query(**request))["Items"]
        return items

    def transact(self, writes: Sequence[Write]) -> None:
        """Make all writes or none. A write that changes nothing only checks its condition. Raises ConditionFailed for the first
        false condition, LedgerBusy.

        All attempts have the same idempotency token. So if the answer to an attempt was lost, the next attempt does not take its
        write for another worker's.
        """
        items: Any = [
            {"ConditionCheck": write.check(self.name)}
            if write.changes_nothing
            else {"Update": write.request(self.name)}
            for write in writes
        ]
        token = str(uuid.uuid4())
        self._with_retries(lambda: self.client.transact_write_items(TransactItems=items, ClientRequestToken=token))

    def _with_retries(self, call: Callable[[], Any]) -> Any:
        if self.guard is not None:
            self.guard()
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                self.sleep(random.uniform(0, FIRST_WAIT_SECONDS * 2 ** (attempt - 1)))  # noqa: S311 - jitter, no secret
            try:
                return call()
            except ClientError as error:
                _raise_unless_busy(error)
        raise LedgerBusy(
            "the ledger's table is contended, throttled or failing, and the write may have been made even so: "
            "try again later"
        )


def _raise_unless_busy(error: ClientError) -> None:
    response: Any = error.response
    code = response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed(0, response.get("Item") or {}) from None
    if code == "TransactionCanceledException":
        reasons = response.get("CancellationReasons") or []
        for index, reason in enumerate(reasons):
            if reason.get("Code") == "ConditionalCheckFailed":
                raise ConditionFailed(index, reason.get("Item") or {}) from None
        if any(reason.get("Code") in BUSY_REASONS for reason in reasons):
            return
    if code not in BUSY_ERRORS:
        raise error
