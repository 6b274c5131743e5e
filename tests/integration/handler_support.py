"""Helpers that run the functions as Lambda does. Moto provides the queue, the bus and the state machine, and a simulator
stands in for the vendor.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE, Cloud, client

import finalize
import poll
import submit
import sweep
from darkroom.container import Container
from darkroom.model import Job
from darkroom.providers.registry import ADAPTERS
from darkroom_local.simulators.topaz import TopazSimulator

FINALIZE = "the-finalize-function"
KEY = "handler-key-0123456789"
CLOSED = "http://127.0.0.1:1"  # base URL of the providers that no test here calls; nothing listens there
MACHINE = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}


class Context:
    """Stands in for a Lambda context in which five minutes of the invocation are left."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "test"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


class InProcessLambda:
    """A client of Lambda that calls finalize, the only function that another one calls. moto would need Docker."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == FINALIZE
        answer = finalize.handler(json.loads(Payload), Context())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def clients_of(account: Cloud) -> Callable[[str], Any]:
    """Return a function that returns the account's client of a service."""
    own = {"lambda": InProcessLambda(), "s3": account.s3, "dynamodb": account.dynamodb}
    return lambda service: own.get(service) or client(service)


@dataclass
class Stack:
    """Holds the parts of a deployed stack: its AWS account, queue, state machine, simulated vendor and use cases."""

    cloud: Cloud
    queue_url: str
    machine_arn: str
    simulator: TopazSimulator
    application: Container

    def waiting(self) -> list[str]:
        """Return the bodies of the visible messages in the intake queue, and "delayed" for each delayed message."""
        numbers = client("sqs").get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["All"])["Attributes"]
        delayed = int(numbers["ApproximateNumberOfMessagesDelayed"])
        visible = client("sqs").receive_message(QueueUrl=self.queue_url).get("Messages", [])
        return ["delayed"] * delayed + [message["Body"] for message in visible]

    def executions(self) -> list[dict[str, Any]]:
        """Return the input of each execution of the state machine."""
        listed = client("stepfunctions").list_executions(stateMachineArn=self.machine_arn)["executions"]
        described = [client("stepfunctions").describe_execution(executionArn=e["executionArn"]) for e in listed]
        return [json.loads(execution["input"]) for execution in described]

    def job(self) -> Job:
        (job,) = self.cloud.jobs()
        return job


@contextmanager
def deployed(account: Cloud, **environment: str) -> Iterator[Stack]:
    """Yield a stack deployed into `account`. The variables in `environment` override the stack's usual ones."""
    queue = client("sqs").create_queue(QueueName="intake")["QueueUrl"]
    secret = client("secretsmanager").create_secret(Name="keys", SecretString=json.dumps({"topaz": KEY}))["ARN"]
    role = "arn:aws:iam::123456789012:role/r"
    machine = client("stepfunctions").create_state_machine(name="m", definition=json.dumps(MACHINE), roleArn=role)
    with TopazSimulator(KEY, speed=50) as simulator, pytest.MonkeyPatch.context() as patch:
        variables = {
            "LEDGER_TABLE": TABLE, "STACK_NAME": "darkroom", "INPUT_BUCKET": INPUT, "OUTPUT_BUCKET": OUTPUT,
            "API_KEYS_SECRET_ARN": secret,
            "STATE_MACHINE_ARN": machine["stateMachineArn"], "INTAKE_QUEUE_URL": queue,
            "FINALIZE_FUNCTION": FINALIZE, "ACCOUNT_ID": "123456789012",
            "LINK_ROLE_ARN": role, **dict.fromkeys((f"{name.upper()}_BASE_URL" for name in ADAPTERS), CLOSED),
            "TOPAZ_BASE_URL": simulator.base_url, "POWERTOOLS_METRICS_NAMESPACE": "Darkroom", **environment,
        }  # fmt: skip
        for name, value in variables.items():
            patch.setenv(name, value)
        # Set the namespace here, because Powertools read the environment when the function was imported.
        for function in (submit, finalize, sweep):
            patch.setattr(function.metrics.provider, "namespace", "Darkroom")
        application = Container(os.environ, clients=clients_of(account))
        for function in (submit, poll, finalize, sweep):
            patch.setattr(function, "application", application)
        yield Stack(account, queue, machine["stateMachineArn"], simulator, application)
        application.adapters.http.close()


def batch(*bodies: str) -> dict[str, Any]:
    """Return the SQS event that Lambda would pass for messages with these bodies."""
    return {
        "Records": [
            {
                "messageId": f"m-{n}",
                "body": body,
                "eventSource": "aws:sqs",
                "attributes": {},
                "receiptHandle": "r",
                "messageAttributes": {},
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:intake",
            }
            for n, body in enumerate(bodies)
        ]
    }
