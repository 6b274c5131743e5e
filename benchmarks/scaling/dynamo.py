"""Simulates DynamoDB under load: a table in memory whose calls take time, with conflicts of transactions and throttling.

A transaction holds its items for a while. As in DynamoDB, every other write of a held item is refused at once and does not
wait. Throttled calls are tried up to four times, as by boto3 in `standard` mode.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from tests.fakes import dynamodb_queries
from tests.fakes.dynamodb_values import Row
from tests.fakes.memory_dynamodb import ANSWERED, InMemoryDynamo, Key, Listener, cancelled, refusal

from benchmarks.scaling import limits
from benchmarks.scaling.limits import Bucket
from benchmarks.scaling.world import World
from darkroom.aws.ledger_table import MAX_ATTEMPTS

CLIENT_TRIES = 4  # as Darkroom's container sets up boto3
THROTTLED = "ProvisionedThroughputExceededException"


def patiently(world: World, call: Callable[[], Any], is_throttled: Callable[[Exception], bool]) -> Any:
    """Call with up to four tries, as boto3 does in standard mode. The waits are random, at most 1, 2 and 4 s."""
    for attempt in range(CLIENT_TRIES):
        try:
            return call()
        except Exception as error:
            if not is_throttled(error) or attempt == CLIENT_TRIES - 1:
                raise
            world.counts["client retries"] += 1
            world.sleep(world.rng.random() * 2**attempt)
    raise AssertionError("unreachable")


class LoadedDynamo(InMemoryDynamo):
    """A table with two limits on writes: `TABLE_WRITES` units a second for all, and `PARTITION_WRITES` for each partition.

    Each partition key of the table or of an index is a partition. `counts` has the units written, reads, conflicts,
    throttles, transactions, and transactions that were given up.
    """

    def __init__(self, world: World, on_write: Listener, occupied: float = limits.OCCUPIED) -> None:
        super().__init__(on_write=self._wrote)
        self.world, self.heard, self.occupied = world, on_write, occupied
        self.counts: Counter[str] = Counter()
        self.conflicts_of: Counter[str] = Counter()
        self._held: set[Key] = set()
        self._tries: Counter[str] = Counter()  # token of a transaction → how many of its tries were refused
        self._buckets: dict[str, Bucket] = {}
        self._words: defaultdict[str, dict[Key, Row]] = defaultdict(dict)
        self._partitions: defaultdict[str, dict[Key, Row]] = defaultdict(dict)

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Read one row. The simulation does not limit reads."""
        self._travels(limits.TRAVEL * 2)
        answer = super().get_item(**request)
        self.counts["reads"] += 1
        return answer

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Read several rows."""
        self._travels(limits.TRAVEL * 3)
        self.counts["reads"] += sum(len(asked["Keys"]) for asked in RequestItems.values())
        return super().batch_get_item(RequestItems=RequestItems)

    def query(self, *, TableName: str, **request: Any) -> dict[str, Any]:
        """Return a page of an index or of one partition. To be fast, only rows that can be on the page are looked at."""
        self._travels(limits.TRAVEL * 3)
        self.counts["reads"] += 1
        values = request["ExpressionAttributeValues"]
        if request.get("IndexName") == "OpenJobs":
            rows: Mapping[Key, Row] = self._words[values[":word"]["S"]]
        elif "IndexName" not in request:
            rows = self._partitions[values[":pk"]["S"]]
        else:
            rows = self._rows
        return dynamodb_queries.page(rows, self.indexes, **request) | {"ResponseMetadata": ANSWERED}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write one row."""
        key = (request["Item"]["pk"]["S"], request["Item"]["sk"]["S"])
        return self._single("PutItem", key, request["Item"], lambda: super(LoadedDynamo, self).put_item(**request))

    def update_item(self, *, ReturnValues: str = "NONE", **request: Any) -> dict[str, Any]:
        """Update one row."""
        key = (request["Key"]["pk"]["S"], request["Key"]["sk"]["S"])
        values = request.get("ExpressionAttributeValues", {})
        write = super().update_item
        return self._single("UpdateItem", key, values, lambda: write(ReturnValues=ReturnValues, **request))

    def transact_write_items(
        self, *, TransactItems: Iterable[Mapping[str, Any]], ClientRequestToken: str | None = None
    ) -> dict[str, Any]:
        """Make all writes or none. Each write costs twice as many units as a single write."""
        items = list(TransactItems)
        parts = [(kind, request) for item in items for kind, request in item.items()]
        keys = [(request["Key"]["pk"]["S"], request["Key"]["sk"]["S"]) for _, request in parts]
        world = self.world
        self._travels(limits.TRAVEL)
        self.counts["transactions"] += 1
        try:
            self._refuse_conflicts(keys)
            self._refuse_throttled(keys, [request.get("ExpressionAttributeValues", {}) for _, request in parts])
        except ClientError:
            self._tries[ClientRequestToken or ""] += 1
            self.counts["given up"] += self._tries[ClientRequestToken or ""] == MAX_ATTEMPTS
            raise
        self._held.update(keys)
        try:
            world.sleep(world.spread(self.occupied))
            answer = super().transact_write_items(TransactItems=items, ClientRequestToken=ClientRequestToken)
        finally:
            self._held.difference_update(keys)
        self._travels(limits.TRAVEL)
        return answer

    def _refuse_conflicts(self, keys: list[Key]) -> None:
        if self._held.isdisjoint(keys):
            return
        self._conflict(keys)
        refused = cancelled([{"Code": "TransactionConflict" if key in self._held else "None"} for key in keys])
        self._travels(limits.TRAVEL)
        raise refused

    def _refuse_throttled(self, keys: list[Key], values: list[Mapping[str, Any]]) -> None:
        throttled = [not self._takes(key, value, 2) for key, value in zip(keys, values, strict=True)]
        if any(throttled):
            self.counts["throttles"] += 1
            self._travels(limits.TRAVEL)
            raise cancelled([{"Code": "ThrottlingError" if one else "None"} for one in throttled])

    def _single(self, operation: str, key: Key, values: Mapping[str, Any], write: Callable[[], Any]) -> Any:
        def once() -> Any:
            self._travels(limits.TRAVEL + limits.WRITING)
            if key in self._held:
                self._conflict([key])
                raise refusal("TransactionConflictException", operation)
            if not self._takes(key, values, 1):
                self.counts["throttles"] += 1
                raise refusal(THROTTLED, operation)
            answer = write()
            self._travels(limits.TRAVEL)
            return answer

        return patiently(self.world, once, lambda error: THROTTLED in str(error))

    def _conflict(self, keys: list[Key]) -> None:
        self.counts["conflicts"] += 1
        self.conflicts_of.update(key[0].split("#")[0] for key in keys if key in self._held)

    def _takes(self, key: Key, values: Mapping[str, Any], times: int) -> bool:
        """Take the units of a write from the limits. Return False if the key, the table or the index has too few left."""
        units = times * (1 + _size(self._rows.get(key) or {}) // 1024)
        now, word = self.world.seconds, (values.get(":set_open_status") or values.get("open_status") or {}).get("S")
        if word and not self._bucket(f"word {word}", limits.PARTITION_WRITES).holds(now):
            return False
        own, table = self._bucket(key[0], limits.PARTITION_WRITES), self._bucket("table", limits.TABLE_WRITES)
        if not (own.holds(now, units) and table.holds(now, units)):
            return False
        self.counts["writes"] += units
        return own.takes(now, units) and table.takes(now, units)

    def _bucket(self, name: str, rate: float) -> Bucket:
        found = self._buckets.get(name)
        if found is None:
            found = self._buckets[name] = Bucket(rate, rate, at=self.world.seconds)
        return found

    def _wrote(self, key: Key, old: Row | None, new: Row | None) -> None:
        for row, enters in ((old, False), (new, True)):
            word = row.get("open_status", {}).get("S") if row else None
            if word is None:
                continue
            if enters:
                self._words[word][key] = new  # type: ignore[assignment]
            elif not new or new.get("open_status") != old.get("open_status"):  # type: ignore[union-attr]
                self._words[word].pop(key, None)
        self._pay_for_the_index(old or {}, new or {})
        if new is None:
            self._partitions[key[0]].pop(key, None)
        else:
            self._partitions[key[0]][key] = new
        self.heard(key, old, new)

    def _pay_for_the_index(self, old: Row, new: Row) -> None:
        """Count the units for index entries. An entry that moves costs one unit in its old and one in its new partition."""
        before, after = (tuple(row.get(name, {}).get("S") for name in ("open_status", "due_at")) for row in (old, new))
        if before == after:
            return
        for word in (before[0], after[0]):
            if word:
                bucket = self._bucket(f"word {word}", limits.PARTITION_WRITES)
                bucket.holds(self.world.seconds)
                bucket.tokens -= 1
                self.counts["writes"] += 1

    def _travels(self, seconds: float) -> None:
        self.world.sleep(self.world.spread(seconds))


def _size(row: Row) -> int:
    """Return roughly how many bytes a row has."""
    return sum(len(name) + len(str(*value.values())) for name, value in row.items())
