"""Tests the proxies of ports. A dead worker has no further effect, answers can be lost, and objects that a port returns are
wrapped, too.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.memory_dynamodb import InMemoryDynamo, refusal
from tests.faults.choices import DeathAt
from tests.faults.example_port import Store
from tests.faults.port_proxies import FaultAt, Proxy
from tests.faults.scheduler import Scheduler
from tests.faults.workers import WorkerDied

KEY = {"pk": {"S": "COUNTER"}, "sk": {"S": "x"}}


def cleaning(port: Any, log: list[str]) -> None:
    """Act as a worker that still makes calls after the exception that simulates its death: in `finally`, in `except`, and behind
    them."""
    try:
        with port.opened() as part:
            part.write("inside")
    finally:
        log.append("unwound")
        try:
            port.write("cleanup")
        finally:
            port.write("more cleanup")


@pytest.mark.parametrize(
    ("label", "when", "left"),
    [
        ("store.opened", "after", []), ("store.opened.enter", "before", []), ("store.opened.enter", "after", ["open"]),
        ("store.opened.write", "before", ["open"]), ("store.opened.write", "after", ["open", "inside"]),
    ],
)  # fmt: skip
def test_a_worker_that_dies_has_no_further_effect_through_any_finally(label: str, when: str, left: list[str]) -> None:
    store, log = Store(), []
    with Scheduler(1, deaths=DeathAt(label, when)) as scheduler:
        port = Proxy(store, scheduler, "store")
        scheduler.spawn("w", lambda: cleaning(port, log))
        scheduler.run()
        assert (store.done, log) == (left, ["unwound"])
        ((name, outcome),) = scheduler.ended
        assert (name, type(outcome)) == ("w", WorkerDied)
        assert [event.what for event in scheduler.trace][-2:] == ["died", "ended"]


def test_a_worker_that_swallows_its_death_is_dead_all_the_same() -> None:
    store = Store()

    def cannot_be_cancelled() -> str:
        for _ in range(5):
            try:
                port.write("x")
            except BaseException:
                continue
        return "fine"

    with Scheduler(1, deaths=DeathAt("store.write", "after", nth=2)) as scheduler:
        port = Proxy(store, scheduler, "store")
        scheduler.spawn("w", cannot_be_cancelled)
        scheduler.run()
        assert store.done == ["x", "x"]
        assert isinstance(scheduler.ended[0][1], WorkerDied)


def test_a_lost_answer_is_an_error_though_the_effect_happened_and_a_refusal_has_none() -> None:
    def once(when: str) -> tuple[list[str], object]:
        store = Store()
        with Scheduler(1) as scheduler:
            port = Proxy(store, scheduler, "store", FaultAt("store.write", TimeoutError, when))
            scheduler.spawn("w", lambda: port.write("x"))
            scheduler.run()
            return store.done, type(scheduler.ended[0][1])

    assert once("after") == (["x"], TimeoutError)
    assert once("before") == ([], TimeoutError)


def test_a_lost_answer_of_a_transaction_is_mended_by_its_token() -> None:
    dynamo = InMemoryDynamo()
    add = {
        "TableName": "ledger", "Key": KEY, "UpdateExpression": "ADD #n :n", "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }  # fmt: skip

    def work() -> None:
        for _ in range(2):
            try:
                client.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="t")
                return
            except ClientError:
                continue

    with Scheduler(1) as scheduler:
        fault = FaultAt("dynamo.transact*", lambda: refusal("InternalServerError", "TransactWriteItems"), "after")
        client = Proxy(dynamo, scheduler, "dynamo", fault)
        scheduler.spawn("w", work)
        scheduler.run()
    assert dynamo.peek()["COUNTER", "x"]["n"] == {"N": "1"}
    assert [event.what for event in scheduler.trace].count("lost") == 1


def test_what_a_port_hands_out_is_under_the_scheduler_too() -> None:
    store = Store()
    seen: list[Any] = []

    def work() -> None:
        seen.append(port.name)
        seen.append(port.reader(40)(2))
        seen.append(list(port.pieces()))
        with port.opened() as part:
            seen.append(part.name)

    with Scheduler(1) as scheduler:
        port = Proxy(store, scheduler, "store")
        scheduler.spawn("w", work)
        scheduler.run()
    assert seen == ["store", 42, [b"a", b"b"], "store"]
    assert store.done == ["read", "piece", "piece", "open", "closed"]
    assert {"store.reader.call", "store.pieces.next", "store.opened.enter"} <= {
        event.label for event in scheduler.trace
    }
