"""Tests the permissions of the state machine's role. The embedded cloud does not enforce them when an execution calls a service,
so IAM's policy simulator is asked: about every call that the deployed definition makes, and about calls that it must not make.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.deployed_application import Darkroom

SDK = "arn:aws:states:::aws-sdk:"
INVOKE, UPDATE = "lambda:InvokeFunction", "dynamodb:UpdateItem"


@pytest.fixture(scope="module")
def machine(darkroom: Darkroom) -> dict[str, Any]:
    """Return the state machine as it is deployed."""
    arn = darkroom.stack.outputs["StateMachineArn"]
    found: dict[str, Any] = darkroom.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    return found


def is_allowed(darkroom: Darkroom, machine: dict[str, Any], action: str, resource: str) -> bool:
    (result,) = darkroom.client("iam").simulate_principal_policy(
        PolicySourceArn=machine["roleArn"], ActionNames=[action], ResourceArns=[resource]
    )["EvaluationResults"]
    return bool(result["EvalDecision"] == "allowed")


def ledger(darkroom: Darkroom) -> str:
    table = darkroom.client("dynamodb").describe_table(TableName=darkroom.stack.outputs["LedgerTable"])
    return str(table["Table"]["TableArn"])


def calls(darkroom: Darkroom, machine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the action and the resource of each call in the definition."""
    for state in json.loads(machine["definition"])["States"].values():
        if state["Type"] != "Task":
            continue
        if not state["Resource"].startswith(SDK):
            yield INVOKE, state["Resource"]
            continue
        service, operation = state["Resource"].removeprefix(SDK).split(".")[0].split(":")
        assert state["Parameters"]["TableName"] == darkroom.stack.outputs["LedgerTable"]
        yield f"{service}:{operation[0].upper()}{operation[1:]}", ledger(darkroom)


def test_the_state_machine_may_make_every_call_of_its_definition(darkroom: Darkroom, machine: dict[str, Any]) -> None:
    made = set(calls(darkroom, machine))
    assert {action for action, _ in made} >= {INVOKE}
    assert [call for call in made if not is_allowed(darkroom, machine, *call)] == []


def test_it_may_make_no_other_call(darkroom: Darkroom, machine: dict[str, Any]) -> None:
    made, table = set(calls(darkroom, machine)), ledger(darkroom)
    functions = darkroom.client("lambda").list_functions()["Functions"]
    others = {
        *((INVOKE, function["FunctionArn"]) for function in functions),
        *((f"dynamodb:{name}Item", table) for name in ("Get", "Put", "Update", "Delete")),
        *((f"dynamodb:{name}", table) for name in ("Query", "Scan", "DeleteTable")),
        (UPDATE, f"{table}-of-another-stack"),
        ("secretsmanager:GetSecretValue", darkroom.stack.outputs["ApiKeysSecretArn"]),
        ("states:SendTaskSuccess", machine["stateMachineArn"]),
        ("s3:GetObject", f"arn:aws:s3:::{darkroom.stack.input_bucket}/photo.jpg"),
    }  # fmt: skip
    assert [call for call in others - made if is_allowed(darkroom, machine, *call)] == []
