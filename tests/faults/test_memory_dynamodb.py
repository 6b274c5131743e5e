"""Tests that the in-memory table answers each request like the DynamoDB emulator, and refuses what it does not support."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_table import LedgerTable
from tests.fakes.aws_account import INDEXES, TABLE, Cloud, cloud
from tests.fakes.dynamodb_values import Unsupported
from tests.fakes.memory_dynamodb import InMemoryDynamo
from tests.faults.ledger_stories import STORIES
from tests.faults.random_requests import Requests
from tests.integration.ledger_support import limits

KEY = {"pk": {"S": "JOB#1"}, "sk": {"S": "JOB"}}
PLAIN = TypeDeserializer().deserialize
UNTOLD = {"ResponseMetadata", "Message", "ConsumedCapacity", "ItemCollectionMetrics"}


@pytest.fixture
def emulated() -> Iterator[Any]:
    """Yield a client of the DynamoDB emulator."""
    with cloud(emulated=["dynamodb"]) as account:
        yield account.dynamodb


@pytest.fixture
def memory() -> InMemoryDynamo:
    return InMemoryDynamo()


def plain(value: Any) -> Any:
    """Return an answer in a form that can be compared. Numbers and sets become Python's, and metadata is left out."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("S", "N", "SS", "NS", "BOOL", "NULL", "L", "M"):
            return PLAIN(value)
        return {name: plain(inner) for name, inner in value.items() if name not in UNTOLD}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def answer(client: Any, method: str, request: dict[str, Any]) -> Any:
    """Call a method of a client. Return its answer or its error, in a form that can be compared."""
    try:
        found = plain(getattr(client, method)(**request))
    except ClientError as error:
        response: Any = error.response
        return response["Error"]["Code"], plain(response.get("Item")), plain(response.get("CancellationReasons"))
    return found


def rows(client: Any) -> dict[Any, Any]:
    """Return all rows of the table by their key."""
    items = [plain(item) for item in client.scan(TableName=TABLE, ConsistentRead=True)["Items"]]
    return {(item["pk"], item["sk"]): item for item in items}


def pages(client: Any, request: dict[str, Any]) -> list[Any]:
    """Query all pages and return their rows. Rows of an index contain only the key attributes, because the template's
    indexes project only these.
    """
    found, more = [], dict(request)
    keys = {"pk", "sk", *INDEXES.get(request.get("IndexName", ""), ())}
    while True:
        page = client.query(**more)
        items = [plain(item) for item in page.get("Items", [{"count": page["Count"]}])]
        if "IndexName" in request and "Items" in page:
            items = [{name: item[name] for name in keys & item.keys()} for item in items]
        found += items
        if "LastEvaluatedKey" not in page:
            return found
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


@pytest.mark.parametrize("seed", range(3))
def test_random_requests_have_the_emulators_answers_and_leave_its_rows(
    emulated: Any, memory: InMemoryDynamo, seed: int
) -> None:
    requests = Requests(random.Random(seed))
    outcomes = set()
    for number in range(150):
        method, request = requests.next()
        mine, theirs = answer(memory, method, request), answer(emulated, method, request)
        assert mine == theirs, (number, method, request)
        outcomes.add((method, mine[0] if isinstance(mine, tuple) else "done"))
        if number % 10 == 9:
            assert rows(memory) == rows(emulated)
    assert outcomes >= {
        ("update_item", "done"),
        ("update_item", "ConditionalCheckFailedException"),
        ("get_item", "done"),
        ("transact_write_items", "done"),
        ("transact_write_items", "TransactionCanceledException"),
    }


@pytest.mark.parametrize("seed", range(2))
def test_random_queries_find_what_the_emulator_finds(emulated: Any, memory: InMemoryDynamo, seed: int) -> None:
    requests = Requests(random.Random(seed))
    for _ in range(20):
        item = requests.row()
        for client in (memory, emulated):
            client.put_item(TableName=TABLE, Item=item)
    found = 0
    for _ in range(60):
        request = requests.query()
        mine = pages(memory, request)
        assert mine == pages(emulated, request), request
        found += len(mine)
    assert found > 20


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_ledgers_stories_leave_the_same_rows(
    emulated: Any, memory: InMemoryDynamo, story: Callable[[DynamoLedger], None]
) -> None:
    for client in (memory, emulated):
        story(DynamoLedger(LedgerTable(client, TABLE, lambda seconds: None), limits("10", "5")))
    assert rows(memory) == rows(emulated)
    assert Cloud(None, memory).budget("topaz", "2026-11")["committed"] > Decimal(0)


def update(**more: Any) -> dict[str, Any]:
    """Return an update of the one row that these tests use."""
    return {"TableName": TABLE, "Key": KEY, **more}


def test_a_transaction_with_a_token_is_applied_once_and_never_with_other_writes(memory: InMemoryDynamo) -> None:
    add = update(
        UpdateExpression="ADD #n :n", ExpressionAttributeNames={"#n": "n"}, ExpressionAttributeValues={":n": {"N": "1"}}
    )
    for _ in range(3):
        memory.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="t")
    assert rows(memory)["JOB#1", "JOB"]["n"] == 1
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        memory.transact_write_items(TransactItems=[{"Delete": update()}], ClientRequestToken="t")


def test_what_a_caller_holds_is_not_the_tables_own(memory: InMemoryDynamo) -> None:
    inner: dict[str, Any] = {"M": {"a": {"L": [{"S": "x"}]}}}
    memory.put_item(TableName=TABLE, Item={**KEY, "m": inner})
    inner["M"]["a"]["L"].append({"S": "put"})
    memory.get_item(**update())["Item"]["m"]["M"]["a"]["L"].append({"S": "got"})
    assert rows(memory)["JOB#1", "JOB"]["m"] == {"a": ["x"]}


def test_a_listener_hears_each_write_with_the_row_before_and_after(memory: InMemoryDynamo) -> None:
    heard: list[Any] = []
    memory.on_write = lambda key, old, new: heard.append((key, old, new))
    first, second = dict(KEY), {**KEY, "a_a": {"S": "x"}}
    memory.put_item(TableName=TABLE, Item=first)
    memory.update_item(**update(UpdateExpression="SET a_a = :a", ExpressionAttributeValues={":a": {"S": "x"}}))
    memory.delete_item(**update())
    key = ("JOB#1", "JOB")
    assert heard == [(key, None, first), (key, first, second), (key, second, None)]
    assert memory.revision == 3


@pytest.mark.parametrize(
    ("left", "comparator", "right", "expected"),
    [
        ({"N": "9"}, "<", {"N": "10"}, True), ({"S": "9"}, "<", {"S": "10"}, False), ({"N": "1.0"}, "=", {"N": "1"}, True),
        ({"S": "1"}, "=", {"N": "1"}, False), ({"S": "1"}, "<=", {"N": "1"}, False), ({"S": "1"}, "<>", {"N": "1"}, True),
        (None, "=", {"S": "1"}, False), (None, "<=", {"S": "1"}, False), (None, ">", {"S": "1"}, False),
        (None, "<>", {"S": "1"}, True), ({"SS": ["b", "a"]}, "=", {"SS": ["a", "b"]}, True),
    ],
)  # fmt: skip
def test_values_compare_by_type_and_an_absent_one_is_only_unequal(
    memory: InMemoryDynamo, left: Any, comparator: str, right: Any, expected: bool
) -> None:
    memory.put_item(TableName=TABLE, Item={**KEY, **({"left": left} if left else {})})
    guarded = update(
        ConditionExpression=f"#l {comparator} :r",
        ExpressionAttributeNames={"#l": "left"},
        ExpressionAttributeValues={":r": right},
    )
    found = answer(memory, "delete_item", guarded)
    assert (found == {}) is expected


CONDITIONS = [
    "#a + :v <= :v", "#a.#a = :v", "#a[0] = :v", "size(#a) > :v", "attribute_type(#a, :v)", "#a == :v", "#a = :v AND",
    "((#a = :v))", "(#a = :v", "#a = :v)", "#a :v", "#a = 5", "status = :v AND #a = :v", "begins_with(:v, #a)",
    "NOT #a", "", "#a != :v", "#a BETWEEN :v", "attribute_exists(#a, :v)", "#a = :v #a = :v", "Attribute_exists(#a)",
]  # fmt: skip
UPDATES = [
    "SET #a = #a + :v", "SET #a = #b", "SET #a = list_append(#a, :v)", "DELETE #a :v", "SET #a = :v SET #a = :v",
    "SET #a = :v,", "REMOVE #a[0]", "ADD #a #a", "SET #a.#a = :v", "SET #a = :v REMOVE #a", "", "SET", "SET pk = :v, #a = :v",
    "UPDATE #a = :v", "SET #a = if_not_exists(#a, #a)", "SET #a = :v - :v",
]  # fmt: skip


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_condition_it_does_not_know_is_refused_loudly(memory: InMemoryDynamo, text: str) -> None:
    values = {"ExpressionAttributeNames": {"#a": "a"}, "ExpressionAttributeValues": {":v": {"S": "x"}}}
    with pytest.raises(Unsupported):
        memory.put_item(TableName=TABLE, Item=KEY, ConditionExpression=text, **values)
    assert memory.peek() == {}


@pytest.mark.parametrize("text", UPDATES)
def test_an_update_it_does_not_know_is_refused_loudly(memory: InMemoryDynamo, text: str) -> None:
    values = {"ExpressionAttributeNames": {"#a": "a"}, "ExpressionAttributeValues": {":v": {"S": "x"}}}
    with pytest.raises(Unsupported):
        memory.update_item(**update(UpdateExpression=text, **values))
    assert memory.peek() == {}


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("get_item", {"TableName": "other", "Key": KEY}),
        ("get_item", {"TableName": TABLE, "Key": {"pk": {"S": "x"}}}),
        ("put_item", {"TableName": TABLE, "Item": {**KEY, "open_status": {"N": "1"}}}),
        ("put_item", {"TableName": TABLE, "Item": {**KEY, "tags": {"SS": []}}}),
        ("put_item", {"TableName": TABLE, "Item": {**KEY, "n": {"N": "1" * 39}}}),
        ("put_item", {"TableName": TABLE, "Item": KEY, "ReturnValuesOnConditionCheckFailure": "ALL"}),
        ("update_item", update(UpdateExpression="SET a_a = :v", ReturnValues="UPDATED_NEW",
                               ExpressionAttributeValues={":v": {"S": "x"}})),
        ("update_item", update(UpdateExpression="SET a_a = :v", ExpressionAttributeNames={"#unused": "a"},
                               ExpressionAttributeValues={":v": {"S": "x"}})),
        ("update_item", update(UpdateExpression="REMOVE a_a")),
        ("query", {"TableName": TABLE, "IndexName": "Nope", "KeyConditionExpression": "pk = :v",
                   "ExpressionAttributeValues": {":v": {"S": "x"}}}),
        ("query", {"TableName": TABLE, "KeyConditionExpression": "pk >= :v",
                   "ExpressionAttributeValues": {":v": {"S": "x"}}}),
        ("query", {"TableName": TABLE, "KeyConditionExpression": "pk = :v OR sk = :v",
                   "ExpressionAttributeValues": {":v": {"S": "x"}}}),
        ("transact_write_items", {"TransactItems": [{"Delete": update()}, {"Delete": update()}]}),
    ],
)  # fmt: skip
def test_a_request_that_dynamodb_would_refuse_is_no_answer(
    memory: InMemoryDynamo, method: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        getattr(memory, method)(**request_)


def test_an_argument_it_does_not_know_is_refused(memory: InMemoryDynamo) -> None:
    with pytest.raises(TypeError, match="ReturnConsumedCapacity"):
        memory.put_item(TableName=TABLE, Item=KEY, ReturnConsumedCapacity="TOTAL")
