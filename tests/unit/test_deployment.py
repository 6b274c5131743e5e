"""Tests the connection to a deployed stack, on clients of the SDK whose answers are written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from tests.fakes.aws_account import INPUT, REGION

from darkroom.errors import SourceDenied
from darkroom_cli.batch import earlier_uploads
from darkroom_cli.console import errors, exit_codes
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import Deployment, NoDeployment

ENVIRONMENT = {"INPUT_BUCKET": INPUT, "OUTPUT_BUCKET": "out", "LEDGER_TABLE": "ledger", "STACK_NAME": "darkroom"}
FUNCTION = "darkroom-submit"
SESSION: Any = boto3.Session(region_name=REGION)


@dataclass
class Account:
    """Replaces `boto3.Session`. Each service has one client, whose answers a test adds to its stubber."""

    region_name: str = REGION
    stubbers: dict[str, Stubber] = field(default_factory=dict)

    def __getitem__(self, service: str) -> Stubber:
        if service not in self.stubbers:
            self.stubbers[service] = Stubber(SESSION.client(service, aws_access_key_id="a", aws_secret_access_key="b"))
        return self.stubbers[service]

    def client(self, service: str, config: object) -> Any:
        return self[service].client

    def get_credentials(self) -> None:
        """The tests sign nothing."""

    def describe(self, status: str = "CREATE_COMPLETE", outputs: Mapping[str, str] | None = None) -> None:
        """Answer DescribeStacks."""
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in (outputs or {}).items()]
        stack = {"StackName": "darkroom", "CreationTime": datetime.now(UTC), "StackStatus": status, "Outputs": listed}
        self["cloudformation"].add_response("describe_stacks", {"Stacks": [stack]})

    def resource(self, **detail: str) -> None:
        """Answer DescribeStackResource about submit."""
        fixed: dict[str, Any] = {"LogicalResourceId": "Submit", "ResourceType": "AWS::Lambda::Function",
                                 "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": datetime.now(UTC)}  # fmt: skip
        self["cloudformation"].add_response("describe_stack_resource", {"StackResourceDetail": {**fixed, **detail}})

    def deployed(self, status: str = "CREATE_COMPLETE", outputs: Mapping[str, str] | None = None) -> Deployment:
        """Connect to a stack that is as it should be."""
        self.describe(status, outputs)
        self.resource(PhysicalResourceId=FUNCTION)
        self["lambda"].add_response("get_function_configuration", {"Environment": {"Variables": ENVIRONMENT}})
        return deployment.connect("darkroom")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account()
    monkeypatch.setattr(boto3, "Session", lambda: made)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with ExitStack() as active:
        for service in ("cloudformation", "lambda", "s3"):
            active.enter_context(made[service])
        yield made


def head_is_refused(account: Account, status: int, code: str, message: str = "") -> None:
    """Answer a HEAD without a body, and the GET of the same object with the code."""
    account["s3"].add_client_error("head_object", str(status), "", status)
    account["s3"].add_client_error("get_object", code, message, status)


def looked(account: Account) -> Exception:
    """Look for an earlier upload as `darkroom enhance` does, and return the error."""
    sources = account.deployed().container.adapters.sources
    with pytest.raises((SourceDenied, ClientError)) as raised:
        earlier_uploads.look(sources, INPUT, "a.jpg", "mark")
    return raised.value


def test_an_expired_session_is_told_as_one_where_s3_answers_a_head_with_a_bare_400(account: Account) -> None:
    head_is_refused(account, 400, "ExpiredToken", "The provided token has expired.")
    sentence, code = errors.told(looked(account)) or ("", 0)
    assert sentence.startswith("AWS does not accept your credentials (ExpiredToken). Sign in again")
    assert (code, "SSE-C" in sentence) == (exit_codes.NOT_POSSIBLE, False)


def test_a_person_who_may_not_read_is_told_to_ask_and_not_to_change_the_stack(account: Account) -> None:
    head_is_refused(account, 403, "AccessDenied", "not authorized to perform: s3:GetObject")
    sentence, code = errors.told(looked(account)) or ("", 0)
    assert "your own credentials do not allow it" in sentence
    assert (code, "submit role" in sentence) == (exit_codes.NOT_POSSIBLE, False)


def test_an_object_under_its_uploaders_own_key_is_still_told_as_one(account: Account) -> None:
    head_is_refused(account, 400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
    assert "SSE-C" in str(looked(account))


def test_a_result_that_may_not_be_fetched_is_told_with_the_code_of_s3(account: Account) -> None:
    head_is_refused(account, 400, "ExpiredToken", "The provided token has expired.")
    s3 = account.deployed().client("s3")
    with pytest.raises(ClientError, match="ExpiredToken"):
        s3.head_object(Bucket="out", Key="a.jpg")


@pytest.mark.parametrize(("status", "words"), [
    ("REVIEW_IN_PROGRESS", "its change set was not executed"), ("CREATE_IN_PROGRESS", "it is being created. Wait"),
    ("CREATE_FAILED", "describe-stack-events --stack-name darkroom), delete it, and deploy it again"),
    ("ROLLBACK_IN_PROGRESS", "its first deployment failed"), ("ROLLBACK_COMPLETE", "its first deployment failed"),
    ("ROLLBACK_FAILED", "its first deployment failed"), ("DELETE_IN_PROGRESS", "it is deleted"),
    ("DELETE_FAILED", "its deletion failed"), ("DELETE_COMPLETE", "it is deleted"),
])  # fmt: skip
def test_a_stack_that_does_not_stand_is_told_with_who_acts(account: Account, status: str, words: str) -> None:
    account.describe(status)
    account.resource()  # has no physical id
    with pytest.raises(NoDeployment) as raised:
        deployment.connect("darkroom")
    assert str(raised.value).startswith(f"the stack darkroom is {status}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize("status", [
    "CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
])  # fmt: skip
def test_a_stack_in_an_update_is_worked_on_as_ever(account: Account, status: str) -> None:
    assert account.deployed(status).input_bucket == INPUT


def test_the_account_is_that_of_the_stack(account: Account) -> None:
    arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:darkroom"
    assert account.deployed(outputs={"StateMachineArn": arn}).account_id == "123456789012"
