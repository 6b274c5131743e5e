"""Measures the time that the embedded cloud itself takes, with functions that do nothing instead of Darkroom's."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass, field
from typing import Any

from darkroom_local.stack.local_stack import LocalStack

CODE = "import time\ndef handler(event, context):\n    return {'status': 'ended', 'at': time.time()}\n"
PREFIX = "floor/"  # the keys in the input bucket begin with this; the event rule of the stack ignores such keys
WAIT_SECONDS = 2  # the shortest time that Darkroom waits before a poll
STATES = {
    "StartAt": "Wait",
    "States": {
        "Wait": {"Type": "Wait", "Seconds": WAIT_SECONDS, "Next": "Poll"},
        "Poll": {"Type": "Task", "Resource": "", "Next": "IsRunning"},
        "IsRunning": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.status", "StringEquals": "running", "Next": "Wait"}],
            "Default": "Finalize",
        },
        "Finalize": {"Type": "Task", "Resource": "", "Next": "Outcome"},
        "Outcome": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.status", "StringEquals": "ended", "Next": "Done"}],
            "Default": "Wait",
        },
        "Done": {"Type": "Succeed"},
    },
}
TRUSTED = ("lambda.amazonaws.com", "states.amazonaws.com")


@dataclass
class Floor:
    """Deploys a queue with a function that does nothing, and a state machine shaped like Darkroom's. Use one `Floor`
    for each stack."""

    stack: LocalStack
    concurrency: int
    clients: dict[str, Any] = field(default_factory=dict)  # kept, because making a client takes longer than most calls

    def __post_init__(self) -> None:
        self.queue, function, self.machine = self._deploy()
        self._client("lambda").create_event_source_mapping(
            EventSourceArn=self._arn(self.queue),
            FunctionName=function,
            BatchSize=1,
            ScalingConfig={"MaximumConcurrency": max(self.concurrency, 2)},
        )

    def seconds(self, count: int) -> tuple[float, float]:
        """Return two times in seconds for `count` objects at once.

        The first is the time from the first upload until the queue is empty. The second is the time from the start of the
        first execution until the last one has ended.
        """
        s3, states, began = self._client("s3"), self._client("stepfunctions"), time.monotonic()
        for number in range(count):
            s3.put_object(Bucket=self.stack.input_bucket, Key=f"{PREFIX}{began}-{number}.jpg", Body=b"x")
        time.sleep(0.2)
        while self._left():
            time.sleep(0.02)
        delivered, started = time.monotonic() - began, time.monotonic()
        arns = [states.start_execution(stateMachineArn=self.machine, input="{}")["executionArn"] for _ in range(count)]
        for arn in arns:
            while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
                time.sleep(0.02)
        return delivered, time.monotonic() - started

    def _left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _deploy(self) -> tuple[str, str, str]:
        queue = self._client("sqs").create_queue(QueueName="floor", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
        self._allow(queue)
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [self.stack.input_bucket]}, "object": {"key": [{"prefix": PREFIX}]}},
        }
        bus = self._client("events")
        bus.put_rule(Name="floor", EventPattern=json.dumps(pattern))
        bus.put_targets(Rule="floor", Targets=[{"Id": "queue", "Arn": self._arn(queue)}])
        role = self._role()
        function = self._client("lambda").create_function(
            FunctionName="floor",
            Runtime="python3.13",
            Handler="floor.handler",
            Role=role,
            Code={"ZipFile": _zipped()},
            Timeout=30,
        )["FunctionArn"]
        states: dict[str, Any] = json.loads(json.dumps(STATES))
        for name in ("Poll", "Finalize"):
            states["States"][name]["Resource"] = function
        machine = self._client("stepfunctions").create_state_machine(
            name="floor", definition=json.dumps(states), roleArn=role
        )["stateMachineArn"]
        return queue, function, machine

    def _allow(self, queue: str) -> None:
        statement = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": self._arn(queue),
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})

    def _role(self) -> str:
        trust = [{"Effect": "Allow", "Principal": {"Service": one}, "Action": "sts:AssumeRole"} for one in TRUSTED]
        iam = self._client("iam")
        arn = iam.create_role(
            RoleName="floor", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
        )["Role"]["Arn"]
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="floor", PolicyName="all", PolicyDocument=json.dumps(everything))
        return str(arn)

    def _arn(self, queue: str) -> str:
        found = self._client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def _client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = self.stack.endpoint.client(service)
        return self.clients[service]


def _zipped() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("floor.py", CODE)
    return body.getvalue()
