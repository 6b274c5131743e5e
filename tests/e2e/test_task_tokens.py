"""Tests that in the embedded cloud an execution waits for a task token as on AWS, and that a vendor can send the token by the URL
of a function. The tests have a cloud, a state machine and a function of their own, and nothing of Darkroom.
"""

from __future__ import annotations

import io
import json
import ssl
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from darkroom_local.emulator.embedded_cloud import Cloud, Endpoint, embedded_cloud

SCALE = 0.02  # the waits of executions are so much shorter
LONG_SECONDS = 100_000
KEY = {"id": {"S": "job"}}
# Sends the result of the token in the table, and answers with its error or with what the caller sent.
HANDLER = """
import json, boto3
from botocore.exceptions import ClientError
def handle(event, context):
    item = boto3.client("dynamodb").get_item(TableName="tokens", Key={"id": {"S": "job"}}, ConsistentRead=True)["Item"]
    said = {"path": event["rawPath"], "query": event["rawQueryString"], "body": event["body"], "version": event["version"]}
    try:
        boto3.client("stepfunctions").send_task_success(taskToken=item["token"]["S"], output=json.dumps(said))
    except ClientError as refused:
        return {"statusCode": 409, "body": refused.response["Error"]["Code"]}
    return {"statusCode": 200, "body": "sent"}
"""
DEFINITION = {
    "StartAt": "Wait",
    "States": {
        "Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
            "Parameters": {
                "TableName": "tokens",
                "Key": KEY,
                "UpdateExpression": "SET #token = :token",
                "ConditionExpression": "attribute_not_exists(told)",
                "ExpressionAttributeNames": {"#token": "token"},
                "ExpressionAttributeValues": {":token": {"S.$": "$$.Task.Token"}},
            },
            "TimeoutSecondsPath": "$.seconds",
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Next": "TimedOut"},
                {"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "Next": "ToldBefore"},
                {"ErrorEquals": ["States.ALL"], "Next": "Other"},
            ],
            "End": True,
        },
        "TimedOut": {"Type": "Pass", "Result": "timed out", "End": True},
        "ToldBefore": {"Type": "Pass", "Result": "told before", "End": True},
        "Other": {"Type": "Pass", "End": True},
    },
}


def allowed(*statements: tuple[str, str]) -> str:
    made = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": made})


def role(endpoint: Endpoint, name: str, service: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = endpoint.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    return str(made["Role"]["Arn"])


@dataclass
class Workshop:
    """A state machine that waits for a token, and a function that sends it."""

    endpoint: Endpoint
    machine: str
    url: str

    def start(self, seconds: Any) -> str:
        """Start an execution whose wait ends after these seconds, in the time of executions. No row has been told."""
        self.endpoint.client("dynamodb").delete_item(TableName="tokens", Key=KEY)
        return self.start_beside(seconds)

    def start_beside(self, seconds: Any) -> str:
        started = self.endpoint.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps({"seconds": seconds})
        )
        return str(started["executionArn"])

    def token(self) -> str:
        """Wait until an execution has written its token, and return it."""
        until = time.monotonic() + 300
        while True:
            item = self.endpoint.client("dynamodb").get_item(TableName="tokens", Key=KEY).get("Item", {})
            if "token" in item:
                return str(item["token"]["S"])
            assert time.monotonic() < until
            time.sleep(0.02)

    def end(self, execution: str) -> dict[str, Any]:
        until = time.monotonic() + 300
        states = self.endpoint.client("stepfunctions")
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < until
            time.sleep(0.02)
        return dict(found)

    def call(self, path: str = "", body: bytes = b"{}") -> httpx.Response:
        """POST to the function's URL as a vendor does, without a signature and trusting the cloud's certificate."""
        headers = {"Content-Type": "application/json"}
        with self.vendor() as vendor:
            return vendor.post(self.url + path, content=body, headers=headers)

    def vendor(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=self.endpoint.authority)
        return httpx.Client(verify=trust, trust_env=False, timeout=60)


def deployed(cloud: Cloud) -> Workshop:
    endpoint = cloud.endpoint
    endpoint.client("dynamodb").create_table(
        TableName="tokens",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    machine = endpoint.client("stepfunctions").create_state_machine(
        name="waiting", definition=json.dumps(DEFINITION), roleArn=role(endpoint, "waiting", "states.amazonaws.com")
    )["stateMachineArn"]
    sender = role(endpoint, "sender", "lambda.amazonaws.com")
    policy = allowed(("dynamodb:GetItem", "*"), ("states:SendTaskSuccess", machine))
    endpoint.client("iam").put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=policy)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("sender.py", HANDLER)
    lambdas = endpoint.client("lambda")
    lambdas.create_function(
        FunctionName="sender", Runtime="python3.13", Role=sender, Handler="sender.handle", Timeout=30,
        Code={"ZipFile": archive.getvalue()},
    )  # fmt: skip
    url = lambdas.create_function_url_config(FunctionName="sender", AuthType="NONE")["FunctionUrl"]
    lambdas.add_permission(
        FunctionName="sender", StatementId="public", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE",
    )  # fmt: skip
    return Workshop(endpoint, machine, url)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with embedded_cloud(wait_scale=SCALE) as cloud:
        yield deployed(cloud)


def test_a_call_of_the_functions_url_ends_the_wait_with_what_the_caller_sent(workshop: Workshop) -> None:
    execution = workshop.start(LONG_SECONDS)
    workshop.token()
    answer = workshop.call("handle/mac?x=1", b'{"status": "Completed"}')
    assert (answer.status_code, answer.text) == (200, "sent")
    assert json.loads(workshop.end(execution)["output"]) == {
        "path": "/handle/mac", "query": "x=1", "body": '{"status": "Completed"}', "version": "2.0",
    }  # fmt: skip


def test_the_url_is_served_over_tls_that_the_caller_must_trust(workshop: Workshop) -> None:
    assert workshop.url.startswith(f"{workshop.endpoint.url}/")
    with (
        httpx.Client(trust_env=False) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        stranger.post(workshop.url)


def test_a_url_of_no_function_is_not_found(workshop: Workshop) -> None:
    nobody = workshop.url.rstrip("/")[:-1] + ("a" if workshop.url[-2] != "a" else "b")
    with workshop.vendor() as vendor:
        assert vendor.post(nobody).status_code in (403, 404)


def test_a_wait_ends_when_the_seconds_in_its_input_are_over(workshop: Workshop) -> None:
    began = time.monotonic()
    execution = workshop.start(10)
    assert json.loads(workshop.end(execution)["output"]) == "timed out"
    assert time.monotonic() - began >= 10 * SCALE


@pytest.mark.parametrize("end", ["used", "timed out"])
def test_a_token_that_was_used_or_is_too_old_is_refused_as_on_aws(workshop: Workshop, end: str) -> None:
    execution = workshop.start(LONG_SECONDS if end == "used" else 1)
    workshop.token()
    if end == "used":
        assert workshop.call().status_code == 200
    else:
        workshop.end(execution)
    again = workshop.call()
    assert (again.status_code, again.text) == (409, "TaskTimedOut")
    assert workshop.end(execution)["status"] == "SUCCEEDED"


def test_the_permission_to_send_a_token_is_needed_for_its_state_machine(workshop: Workshop) -> None:
    iam = workshop.endpoint.client("iam")
    before = iam.get_role_policy(RoleName="sender", PolicyName="send")["PolicyDocument"]
    execution = workshop.start(LONG_SECONDS)
    workshop.token()
    other = allowed(("dynamodb:GetItem", "*"), ("states:SendTaskSuccess", f"{workshop.machine}-of-another-stack"))
    iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=other)
    assert workshop.call().text == "AccessDeniedException"
    iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=json.dumps(before))
    assert workshop.call().text == "sent"
    assert workshop.end(execution)["status"] == "SUCCEEDED"


def test_a_failed_condition_is_an_error_and_no_wait(workshop: Workshop) -> None:
    told = {**KEY, "told": {"S": "Completed"}}
    workshop.endpoint.client("dynamodb").put_item(TableName="tokens", Item=told)
    execution = workshop.start_beside(LONG_SECONDS)
    assert json.loads(workshop.end(execution)["output"]) == "told before"


@pytest.mark.parametrize("seconds", [0, -1, 2.5, "10", None, True])
def test_seconds_that_are_no_whole_number_above_zero_fail_the_execution(workshop: Workshop, seconds: Any) -> None:
    found = workshop.end(workshop.start(seconds))
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
