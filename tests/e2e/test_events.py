"""Tests that a deployed stack's events are as their schemas say, and that the example rule and consumer handle them."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests import event_schemas
from tests.e2e.deployed_application import Darkroom, picture

EXAMPLE = event_schemas.EVENTS / "example"
STACK = "darkroom-consumer"
LABEL = "for the consumer"
COMPLETED, REJECTED, OTHER = "photos/event.jpg", "photos/event-typo.jpg", "photos/event-of-others.jpg"
TAGS = {COMPLETED: f"scale=2&label={LABEL}", REJECTED: f"sharpen=7&label={LABEL}", OTHER: "skip=true&label=other"}


@pytest.fixture(scope="module")
def queue(darkroom: Darkroom) -> Iterator[str]:
    """Deploy the example, and yield the URL of its queue."""
    stacks = darkroom.client("cloudformation")
    parameters = [{"ParameterKey": "LabelPrefix", "ParameterValue": "for the"}]
    stacks.create_stack(StackName=STACK, TemplateBody=(EXAMPLE / "consumer.yaml").read_text(), Parameters=parameters)
    stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
    (output,) = stacks.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    yield output["OutputValue"]
    stacks.delete_stack(StackName=STACK)


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom, queue: str) -> dict[str, dict[str, Any]]:
    """Send three uploads while the example's rule is there, and return their jobs when they have ended."""
    for key, tags in TAGS.items():
        darkroom.upload(key, picture(), tags)
    return darkroom.ended(TAGS)


@pytest.fixture(scope="module")
def consumer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("consumer", EXAMPLE / "consumer.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_events_of_a_deployed_stack_are_as_their_schemas_say(darkroom: Darkroom, jobs: dict[str, Any]) -> None:
    until = time.monotonic() + 600
    wanted = {("Job Completed", COMPLETED), ("Job Rejected", REJECTED)}
    while not wanted <= {(event["detail-type"], event["detail"]["source_key"]) for event in darkroom.events()}:
        assert time.monotonic() < until, darkroom.events()
        time.sleep(0.5)
    assert {event["id"]: found for event in darkroom.events() if (found := event_schemas.wrongs(event))} == {}


def test_the_example_consumer_prints_each_end_of_its_label_once(darkroom, queue, jobs, consumer, capsys) -> None:
    detail = {name: jobs[COMPLETED][name] for name in ("job_id", "label", "source_bucket", "source_key")}
    doubled = {"Source": "darkroom", "DetailType": "Job Completed", "Detail": json.dumps(detail | {"run": 1})}
    darkroom.client("events").put_events(Entries=[doubled])  # as EventBridge may deliver an event twice
    handled: set[tuple[str, int]] = set()
    until, received = time.monotonic() + 600, 0
    while received < 3:
        assert time.monotonic() < until, handled
        received += consumer.consume(darkroom.client("sqs"), queue, handled, wait_seconds=1)
    bucket = f"s3://{darkroom.stack.input_bucket}"
    completed, rejected = sorted(capsys.readouterr().out.splitlines(), key=lambda line: "Rejected" in line)
    assert completed == f"{bucket}/{COMPLETED} -> s3://{darkroom.stack.output_bucket}/{COMPLETED} (0.12 USD)"
    assert rejected.startswith(f"{bucket}/{REJECTED}: Job Rejected: InvalidSetting ")
    assert handled == {(jobs[key]["job_id"], 1) for key in (COMPLETED, REJECTED)}
    assert consumer.consume(darkroom.client("sqs"), queue, handled, wait_seconds=0) == 0
