"""Simulates one burst from its first upload until no work is left, and counts what happens."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.fakes.dynamodb_values import Row
from tests.fakes.memory_dynamodb import Key
from tests.fakes.messaging import PresignedUrls, RecordedAlerts
from tests.faults.memory_staging import MemoryStagedResults
from tests.faults.port_proxies import NoFaults
from tests.faults.simulated_stack import PROVIDER, Stack

from benchmarks.scaling import limits
from benchmarks.scaling.buckets import InputBucket, OutputBucket
from benchmarks.scaling.dynamo import LoadedDynamo
from benchmarks.scaling.executions import Executions
from benchmarks.scaling.functions import Functions
from benchmarks.scaling.intake import IntakeQueue
from benchmarks.scaling.vendor import Pace, Vendor
from benchmarks.scaling.world import World
from darkroom import queue_messages
from darkroom.model import JobStatus, Limits

SWEEP_EVERY = 60.0
TERMINAL = frozenset(
    status.value for status in JobStatus if status.value not in ("CLAIMED", "SUBMITTING", "PROCESSING", "IN_DOUBT")
)


@dataclass(frozen=True)
class Scenario:
    """A burst and its conditions. All uploads come within `within` seconds. `monthly_credits` 0 means no limit."""

    name: str
    uploads: int = 10_000
    within: float = 60.0
    concurrent_submits: int = 0  # 0 means the template's default
    account_concurrency: int = 1_000
    pace: Pace = field(default_factory=Pace)
    monthly_credits: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    doubled: float = 0.005  # the share of uploads whose event comes twice
    elsewhere: bool = False  # True in a Region with the smaller quota for StartExecution
    paused_until: float = 0.0  # above 0: the provider is paused before the first upload and resumed at this second
    occupied: float = limits.OCCUPIED  # how many seconds a transaction holds its items
    deadline: float = 24 * 3600.0
    seed: int = 1


@dataclass(frozen=True)
class Shape:
    """What `Stack`, a part of the fault simulation, needs to know: two times in seconds, and whether the vendor calls back."""

    deadline: float
    retention: float
    calls_back: bool = False


class Burst:
    """Runs one scenario with the application and the simulated services, and counts what happens."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.world = world = World(scenario.seed, limits.DURATIONS)
        self.dynamo = LoadedDynamo(world, self._wrote, scenario.occupied)
        self.functions = Functions(world, scenario.account_concurrency)
        self.sources, self.outputs, self.alerts = InputBucket(world, scenario.tags), OutputBucket(), RecordedAlerts()
        self.vendor = Vendor(world, scenario.pace)
        self.executions = Executions(world, self.functions, scenario.elsewhere)
        most = scenario.concurrent_submits or limits.template().max_concurrent
        self.intake = IntakeQueue(world, self.functions, most, self._submit)
        self.events: Counter[tuple[str, str]] = Counter()
        cloud = {
            "dynamo": self.dynamo, "sources": self.sources, "outputs": self.outputs,
            "staging": MemoryStagedResults(lambda _: None, lambda _: None), "links": PresignedUrls(),
            "sqs": self.intake, "bus": self,
            "sfn": self.executions, "alerts": self.alerts,
        }  # fmt: skip
        allowed = {PROVIDER: Decimal(scenario.monthly_credits)} if scenario.monthly_credits else {}
        shape: Any = Shape(scenario.deadline, scenario.deadline + 7 * 24 * 3600)
        self.stack = Stack(
            world,
            shape,
            cloud,
            lambda: self.vendor,
            NoFaults(),
            Limits(allowed, Decimal(0), {}, {}),  # type: ignore[arg-type]
        )
        self.executions.stack = self.stack
        self.verdicts: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.most_committed = Decimal(0)
        self.uploaded = 0
        self.ended_at: list[float] = []  # the virtual second at which each job ended
        self.sweeps: Counter[str] = Counter()

    def run(self) -> Burst:
        """Run until no work is left, and return this burst."""
        logging.disable(logging.CRITICAL)
        try:
            self._sweep()
            if self.scenario.paused_until:
                self._by_hand(lambda: self.stack.operate().pause(PROVIDER, "a bill"), 0.0)
                self._by_hand(lambda: self.stack.operate().resume(PROVIDER), self.scenario.paused_until)
            for number in range(self.scenario.uploads):
                at = 1.0 + self.scenario.within * number / self.scenario.uploads
                self.world.at(at, lambda number=number: self._upload(number))  # type: ignore[misc]
            self.world.run(self._at_rest, self.scenario.deadline * 2)
        finally:
            logging.disable(logging.NOTSET)
        return self

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:
        """Receive events, as the event bus does, and count them."""
        for entry in Entries:
            detail = json.loads(entry["Detail"])
            self.events[detail["job_id"], entry["DetailType"]] += 1
        return {"FailedEntryCount": 0, "Entries": [{}]}

    def jobs(self) -> list[Row]:
        """Return every job's row."""
        return [row for (_, sort), row in self.dynamo.peek().items() if sort == "JOB"]

    def budget(self) -> dict[str, Decimal]:
        """Return the numbers in the row of the provider's month."""
        found = [row for (pk, _), row in self.dynamo.peek().items() if pk == f"BUDGET#{PROVIDER}"]
        return {name: Decimal(value["N"]) for row in found for name, value in row.items() if "N" in value}

    def _by_hand(self, command: Callable[[], object], delay: float) -> None:
        self.world.spawn("operator", command, lambda outcome: None, delay)

    def _upload(self, number: int) -> None:
        upload = self.sources.put(number)
        self.uploaded += 1
        rng = self.world.rng
        for _ in range(1 + (rng.random() < self.scenario.doubled)):
            self.intake.put(queue_messages.to_message(upload), self.world.spread(limits.EVENT_LATE))

    def _submit(self, body: str, ends: datetime) -> list[str]:
        verdicts = self.stack.submit(body, ends)
        self.verdicts.update(verdicts)
        return verdicts

    def _sweep(self) -> None:
        self.functions.invoke("sweep", self.stack.sweep, self._swept)
        self.world.at(SWEEP_EVERY, self._sweep)

    def _swept(self, outcome: object) -> None:
        if isinstance(outcome, Mapping):
            self.sweeps.update(outcome)

    def _wrote(self, key: Key, old: Row | None, new: Row | None) -> None:
        if key[1] == "JOB":
            for row, step in ((old, -1), (new, 1)):
                if row:
                    self.statuses[row["status"]["S"]] += step
            if new and new["status"]["S"] in TERMINAL and (not old or old["status"]["S"] not in TERMINAL):
                self.ended_at.append(self.world.seconds)
        elif key[0] == f"BUDGET#{PROVIDER}" and new:
            self.most_committed = max(self.most_committed, Decimal(new["committed"]["N"]))

    def _at_rest(self) -> bool:
        if (
            self.functions.running
            or self.intake.alive
            or self.executions.running
            or self.uploaded < self.scenario.uploads
        ):
            return False
        return sum(self.statuses[status] for status in TERMINAL) == self.uploaded
