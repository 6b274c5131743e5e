"""The numbers of the simulation: the quotas of AWS, the times that calls take, and the template's values, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

# Quotas of Step Functions, "API action throttling", Standard, us-east-1: size of the token bucket, and refill a second.
START_BUCKET, START_REFILL = 1_300, 300
# The quotas of most other Regions, from the same page.
START_BUCKET_ELSEWHERE, START_REFILL_ELSEWHERE = 800, 150
# Lambda, "Configuring scaling behavior for SQS event source mappings": five pollers at first, at most 300 more a minute.
POLLERS_AT_FIRST, POLLERS_A_MINUTE = 5, 300
# DynamoDB: the write units a second of one partition (and so of one key), and of a whole new on-demand table.
PARTITION_WRITES, TABLE_WRITES = 1_000, 4_000

# How long each simulated call takes. Assumed; it is about as long as these services take within one Region.
DURATIONS: Mapping[str, float] = {
    "sources.find": 0.03, "sources.tags": 0.025, "sources.is_deleted": 0.02, "sources.reader.call": 0.03,
    "sources.open": 0.03, "links.sign": 0.01, "staging.stage": 1.0, "staging.find": 0.02, "staging.open.enter": 0.03,
    "staging.drop": 0.02, "sqs.send_message": 0.015, "bus.put_events": 0.02, "outputs.find": 0.02,
    "outputs.write": 2.5, "outputs.remove_report": 0.02, "outputs.write_report": 0.04, "provider.progress": 0.25,
    "provider.result.enter": 0.3, "provider.result.enter.read": 0.03, "provider.balance": 0.25,
}  # fmt: skip
UPLOADING, BY_LINK, REFUSED = 2.2, 0.4, 0.4  # a submit with bytes, a submit with a link, and a submit answered with 429
TRAVEL = 0.003  # the way to DynamoDB, and the way back
OCCUPIED = 0.010  # how long a transaction holds its items
WRITING = 0.003  # how long DynamoDB takes to write one row
BEGINNING = 1.0  # the cold start of a container, which is billed too
STARTING = 0.04  # a call of StartExecution
EVENT_LATE = 1.0  # the way of an event from S3 through EventBridge to SQS


@dataclass(frozen=True)
class Template:
    """The numbers of the template for the queue and the functions. Times are in seconds."""

    visibility: float
    most_receives: int
    max_concurrent: int
    memory_mb: Mapping[str, int]
    timeouts: Mapping[str, float]


@cache
def template() -> Template:
    """Read the numbers from template.yaml. All parameters have their defaults."""
    loader = type("Loader", (yaml.CSafeLoader,), {})
    loader.add_multi_constructor("!", _constructed)  # type: ignore[attr-defined]
    found: Any = yaml.load(TEMPLATE.read_text(), loader)
    defaults = {name: parameter["Default"] for name, parameter in found["Parameters"].items()}
    resources = found["Resources"]

    def number(value: Any) -> float:
        return float(defaults[value["Ref"]] if isinstance(value, dict) else value)

    queue = resources["IntakeQueue"]["Properties"]
    names = {"submit": "Submit", "poll": "Poll", "finalize": "Finalize", "sweep": "Sweep"}
    functions = {kind: resources[name]["Properties"] for kind, name in names.items()}
    mapping = functions["submit"]["Events"]["Intake"]["Properties"]
    if mapping["BatchSize"] != 1:
        raise AssertionError(
            "the template's BatchSize must be 1, because the simulation gives each invocation one message"
        )
    return Template(
        number(queue["VisibilityTimeout"]),
        int(queue["RedrivePolicy"]["maxReceiveCount"]),
        int(number(mapping["ScalingConfig"]["MaximumConcurrency"])),
        {kind: int(one["MemorySize"]) for kind, one in functions.items()},
        {kind: number(one["Timeout"]) for kind, one in functions.items()},
    )


def _constructed(loader: yaml.CSafeLoader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    return {tag: loader.construct_mapping(node, deep=True)}  # type: ignore[arg-type]


@dataclass
class Bucket:
    """A token bucket that has at most `size` tokens and gets `refill` tokens a second."""

    size: float
    refill: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.size

    def holds(self, now: float, wanted: float = 1.0) -> bool:
        """Return whether the bucket has `wanted` tokens at the second `now`."""
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.refill)
        self.at = now
        return self.tokens >= wanted

    def takes(self, now: float, wanted: float = 1.0) -> bool:
        """Take `wanted` tokens at the second `now`. Return False and take none if the bucket has too few."""
        if not self.holds(now, wanted):
            return False
        self.tokens -= wanted
        return True
