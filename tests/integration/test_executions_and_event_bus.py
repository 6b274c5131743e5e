"""Tests the adapters of Step Functions and EventBridge in moto. A job has one running execution, and a restart uses the
next name.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.fakes.application import START
from tests.fakes.aws_account import Cloud, client
from tests.integration.handler_support import MACHINE

from darkroom.aws.event_bus import EventBridgeBus, EventNotSent
from darkroom.aws.executions import MAX_RESTARTS, StepFunctionsExecutions
from darkroom.model import PollState, PollStatus
from darkroom.pipeline.process_binding import FIRST_EXECUTION

pytestmark = pytest.mark.emulated("stepfunctions", "events")

JOB = "9f2c4be1d07a4c55a1c3b8e60d7f1a24"
TICK = PollState(JOB, 1, PollStatus.RUNNING, START)


@pytest.fixture
def machine(account: Cloud) -> str:
    made = client("stepfunctions").create_state_machine(
        name="m", definition=json.dumps(MACHINE), roleArn="arn:aws:iam::123456789012:role/r"
    )
    return str(made["stateMachineArn"])


def names(machine: str) -> list[str]:
    executions = client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return sorted(execution["name"] for execution in executions)


def workflow(machine: str) -> StepFunctionsExecutions:
    return StepFunctionsExecutions(client("stepfunctions"), machine)


def end(machine: str, number: int) -> None:
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{JOB}-1-{number}"
    client("stepfunctions").stop_execution(executionArn=arn)


def test_starting_twice_leaves_one_execution(machine: str) -> None:
    for _ in range(2):
        workflow(machine).start(TICK, FIRST_EXECUTION)
    assert names(machine) == [f"{JOB}-1-1"]


def test_an_execution_that_ended_without_ending_the_job_is_followed_by_another(machine: str) -> None:
    workflow(machine).start(TICK, FIRST_EXECUTION)
    end(machine, 1)
    for _ in range(2):
        workflow(machine).start(TICK, FIRST_EXECUTION)
    assert names(machine) == [f"{JOB}-1-1", f"{JOB}-1-2"]


def test_a_job_has_only_so_many_executions(machine: str) -> None:
    for number in range(1, MAX_RESTARTS + 1):
        workflow(machine).start(TICK, FIRST_EXECUTION)
        end(machine, number)
    with pytest.raises(RuntimeError, match="20 executions"):
        workflow(machine).start(TICK, FIRST_EXECUTION)


def test_the_longest_name_fits_into_eighty_characters() -> None:
    assert len(f"{JOB}-9999-{MAX_RESTARTS}") <= 80


def test_an_event_that_the_bus_refuses_is_an_error() -> None:
    class Refusing:
        def put_events(self, **parameters: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}

    bus: Any = Refusing()
    with pytest.raises(EventNotSent, match="InternalFailure"):
        EventBridgeBus(bus).publish("Job Completed", {"job_id": JOB})
