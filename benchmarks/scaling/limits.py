"""The modelled world's numbers: AWS' quotas, how long calls take, and what the template says. Times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[2] / "template.yaml"

# Step Functions quotas, "API action throttling", Standard, us-east-1: bucket size and refill rate a second.
START_BUCKET, START_REFILL = 1_300, 300
# The same page gives most other Regions this much.
START_BUCKET_ELSEWHERE, START_REFILL_ELSEWHERE = 800, 150
# Lambda, "Configuring scaling behavior for SQS event source mappings": begins with five, 300 more a minute at most.
POLLERS_AT_FIRST, POLLERS_A_MINUTE = 5, 300
# DynamoDB: write units a second of one partition, and so of one key; of a new on-demand table as a whole.
PARTITION_WRITES, TABLE_WRITES = 1_000, 4_000

# Assumed: how long the modelled calls take, in about the order that these services answer within one Region.
DURATIONS: Mapping[str, float] = {
    "sources.find": 0.03, "sources.tags": 0.025, "sources.is_deleted": 0.02, "sources.reader.call": 0.03,
    "sources.open": 0.03, "links.mint": 0.01, "staging.keep": 1.0, "staging.find": 0.02, "staging.open.enter": 0.03,
    "staging.drop": 0.02, "sqs.send_message": 0.015, "bus.put_events": 0.02, "outputs.receipt": 0.02,
    "outputs.write": 2.5, "outputs.remove_report": 0.02, "outputs.write_report": 0.04, "provider.progress": 0.25,
    "provider.result.enter": 0.3, "provider.result.enter.read": 0.03, "provider.balance": 0.25,
}  # fmt: skip
UPLOADING, BY_LINK, REFUSED = 2.2, 0.4, 0.4  # a submit to the provider: bytes, a link, a 429
TRAVEL = 0.003  # to DynamoDB, and back
OCCUPIED = 0.010  # a transaction holds its items
WRITING = 0.003
BEGINNING = 1.0  # a container's first start, billed too
STARTING = 0.04  # StartExecution
EVENT_LATE = 1.0  # S3 → EventBridge → SQS


@dataclass(frozen=True)
class Template:
    """What the template says about the queue and the functions."""

    visibility: float
    most_receives: int
    max_concurrent: int
    memory_mb: Mapping[str, int]
    timeouts: Mapping[str, float]


@cache
def template() -> Template:
    """The template's own numbers, with its parameters at their defaults."""
    loader = type("Loader", (yaml.SafeLoader,), {})
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
        raise AssertionError("the simulation gives each invocation one message, as the template does")
    return Template(
        number(queue["VisibilityTimeout"]),
        int(queue["RedrivePolicy"]["maxReceiveCount"]),
        int(number(mapping["ScalingConfig"]["MaximumConcurrency"])),
        {kind: int(one["MemorySize"]) for kind, one in functions.items()},
        {kind: number(one["Timeout"]) for kind, one in functions.items()},
    )


def _constructed(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {tag: loader.construct_sequence(node, deep=True)}
    return {tag: loader.construct_mapping(node, deep=True)}  # type: ignore[arg-type]


@dataclass
class Bucket:
    """A token bucket: `size` at most, `refill` a second."""

    size: float
    refill: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.size

    def holds(self, now: float, wanted: float = 1.0) -> bool:
        """Whether so many are there."""
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.refill)
        self.at = now
        return self.tokens >= wanted

    def takes(self, now: float, wanted: float = 1.0) -> bool:
        """Takes so many if they are there."""
        if not self.holds(now, wanted):
            return False
        self.tokens -= wanted
        return True
