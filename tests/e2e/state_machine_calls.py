"""Asks IAM's policy simulator about the role of the deployed state machine, because the embedded cloud does not enforce this role
when an execution calls a service.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.deployed_application import Darkroom

SDK = "arn:aws:states:::aws-sdk:"
INVOKE, UPDATE = "lambda:InvokeFunction", "dynamodb:UpdateItem"
Call = tuple[str, str]  # an action, and the ARN of its resource


def deployed(darkroom: Darkroom) -> dict[str, Any]:
    """Return the state machine as it is deployed."""
    arn = darkroom.stack.outputs["StateMachineArn"]
    found: dict[str, Any] = darkroom.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    return found


def calls(darkroom: Darkroom) -> set[Call]:
    """Return each call that the definition has, whether an execution can reach it or not."""
    return set(_calls(darkroom))


def _calls(darkroom: Darkroom) -> Iterator[Call]:
    for state in json.loads(deployed(darkroom)["definition"])["States"].values():
        if state["Type"] != "Task":
            continue
        if not state["Resource"].startswith(SDK):
            yield INVOKE, state["Resource"]
            continue
        service, operation = state["Resource"].removeprefix(SDK).split(".")[0].split(":")
        assert state["Parameters"]["TableName"] == darkroom.stack.outputs["LedgerTable"]
        yield f"{service}:{operation[0].upper()}{operation[1:]}", ledger(darkroom)


def other_calls(darkroom: Darkroom) -> set[Call]:
    """Return calls that the role might have been allowed by mistake, and some of its own."""
    table = ledger(darkroom)
    functions = darkroom.client("lambda").list_functions()["Functions"]
    return {
        *((INVOKE, function["FunctionArn"]) for function in functions),
        *((f"dynamodb:{name}Item", table) for name in ("Get", "Put", "Update", "Delete")),
        *((f"dynamodb:{name}", table) for name in ("Query", "Scan", "DeleteTable")),
        (UPDATE, f"{table}-of-another-stack"),
        ("secretsmanager:GetSecretValue", darkroom.stack.outputs["ApiKeysSecretArn"]),
        ("states:SendTaskSuccess", darkroom.stack.outputs["StateMachineArn"]),
        ("s3:GetObject", f"arn:aws:s3:::{darkroom.stack.input_bucket}/photo.jpg"),
    }


def allowed(darkroom: Darkroom, asked: set[Call]) -> set[Call]:
    """Return those calls that the state machine's role may make."""
    role, iam = deployed(darkroom)["roleArn"], darkroom.client("iam")

    def decision(action: str, resource: str) -> str:
        answer = iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource])
        return str(answer["EvaluationResults"][0]["EvalDecision"])

    return {call for call in asked if decision(*call) == "allowed"}


def ledger(darkroom: Darkroom) -> str:
    """Return the ARN of the ledger's table."""
    table = darkroom.client("dynamodb").describe_table(TableName=darkroom.stack.outputs["LedgerTable"])
    return str(table["Table"]["TableArn"])
