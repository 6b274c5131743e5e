"""Finds the deployed stack that a command works on, by its name and with the operator's AWS configuration.

It reads all names and limits from the environment of the deployed function submit. So operators need no settings of their
own.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from darkroom_cli.stack import head_reasons

if TYPE_CHECKING:
    from darkroom.container import Container
    from darkroom.pipeline.account_reconciliation import Reconcile
    from darkroom.pipeline.operator_commands import OperatorCommands
    from darkroom.ports import JobQueries, LedgerOwnership, OperatorLedger

DEFAULT_STACK = "darkroom"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PROBE_SECONDS = 1.0
CONNECTIONS = 32  # `darkroom plan` reads so many objects at once, and a few more
SUBMIT = "Submit"  # the function's logical id in the template
STACK_VARIABLE = "DARKROOM_STACK"


def _named(context: typer.Context, value: str) -> str:
    """Return the stack that is named behind the command, else before it, else by the environment, else the default."""
    source = context.get_parameter_source("stack")
    if source is not None and source.name == "COMMANDLINE":
        return value
    before: str | None = context.find_root().params.get("stack")
    return before or value


Stack = Annotated[
    str, typer.Option("--stack", envvar=STACK_VARIABLE, callback=_named, metavar="NAME", help="The stack's name.")
]


class NoDeployment(Exception):
    """No stack with this name contains Darkroom, or its configuration cannot be read. The message says what to do."""


@dataclass(frozen=True)
class Deployment:
    """The use cases of a deployed stack, run with the operator's permissions. Each is made when it is first needed."""

    container: Container
    outputs: Mapping[str, str]
    client: Callable[[str], Any] = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)  # the stack's, as it was deployed

    @property
    def operate(self) -> OperatorCommands:
        """Return the use cases of operator commands."""
        return self.container.operate

    @property
    def operator_ledger(self) -> OperatorLedger:
        """Return the part of the ledger that finds and changes jobs for operators."""
        return self.container.adapters.operator_ledger

    @property
    def job_queries(self) -> JobQueries:
        """Return the part of the ledger that people read."""
        return self.container.adapters.job_queries

    @property
    def reconciliation(self) -> Reconcile:
        """Return the use case that compares the providers' accounts with the ledger."""
        return self.container.reconciliation

    @property
    def ledger_ownership(self) -> LedgerOwnership:
        """Return the part of the ledger that names its owner."""
        return self.container.adapters.ledger_ownership

    def clock(self) -> datetime:
        """Return the present time, as the use cases have it."""
        return self.container.adapters.clock()

    @property
    def input_bucket(self) -> str:
        """Return the name of the input bucket."""
        return self.container.configuration.text("INPUT_BUCKET")

    @property
    def account_id(self) -> str:
        """Return the number of the account in which the stack is."""
        return self.outputs["StateMachineArn"].split(":")[4]

    @property
    def queues(self) -> tuple[Any, str, str]:
        """Return an SQS client, the URL of the dead-letter queue and the URL of the intake queue."""
        return self.client("sqs"), self.outputs["IntakeDlqUrl"], self.outputs["IntakeQueueUrl"]


def connect(stack: str) -> Deployment:
    """Connect to the stack called `stack`. Call this function only once in a process.

    Raises NoDeployment if there is no such stack of Darkroom, and errors of boto3 if AWS gives no access.
    """
    import boto3
    from botocore.config import Config

    from darkroom.aws.clients import AWS_CONFIG
    from darkroom.container import Container

    session: Any = boto3.Session()
    if not session.region_name:  # botocore takes an empty variable for a region, and fails with a ValueError
        raise NoDeployment("no AWS region is named. Set AWS_DEFAULT_REGION, or choose an AWS_PROFILE that has a region")

    config = AWS_CONFIG.merge(Config(max_pool_connections=CONNECTIONS))
    if _has_local_stack_ended():  # to try again takes 11 seconds, and nothing will answer
        config = config.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    client = _clients(session, config)
    cloudformation = client("cloudformation")
    described = _stack(cloudformation, stack)
    _check_it_stands(stack, described["StackStatus"])
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in described.get("Outputs", [])}
    parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in described.get("Parameters", [])}
    function = _submit_function(cloudformation, stack)
    configuration = client("lambda").get_function_configuration(FunctionName=function)
    environment = configuration.get("Environment", {}).get("Variables")
    if not environment:
        raise NoDeployment(
            f"the environment variables of the function {function} cannot be read. Check that you may use (kms:Decrypt) the "
            "KMS key that encrypts them"
        )
    container = Container(environment, clients=client, credentials=session.get_credentials, interactive=True)
    return Deployment(container, outputs, client, parameters)


def _clients(session: Any, config: Any) -> Callable[[str], Any]:
    """Return what makes the client of a service. It raises NoDeployment."""
    from botocore.exceptions import InvalidRegionError

    def client(service: str) -> Any:
        try:
            made = session.client(service, config=config)
        except InvalidRegionError:
            name = session.region_name
            raise NoDeployment(
                f"{name!r} is no AWS region. Correct AWS_DEFAULT_REGION, or the profile's region"
            ) from None
        except ValueError as error:  # botocore's answer to an endpoint that is no URL
            raise NoDeployment(f"{error}. Correct AWS_ENDPOINT_URL, or remove it to use AWS") from None
        if service == "s3":
            head_reasons.ask(made)
        return made

    return client


def names_this_machine() -> bool:
    """Return whether AWS_ENDPOINT_URL is an address of this machine, so that it stands for a local stack."""
    with contextlib.suppress(ValueError):
        return urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname in LOOPBACK
    return False


def _has_local_stack_ended() -> bool:
    """Return whether AWS_ENDPOINT_URL is an address of this machine that refuses connections."""
    if not names_this_machine():
        return False
    try:
        address = urlsplit(os.environ["AWS_ENDPOINT_URL"])
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((str(address.hostname), port), PROBE_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except (OSError, ValueError):  # botocore says what is wrong
        return False
    return False


def _stack(cloudformation: Any, stack: str) -> dict[str, Any]:
    described = _described(stack, cloudformation, lambda: cloudformation.describe_stacks(StackName=stack))
    found: dict[str, Any] = described["Stacks"][0]
    return found


def _check_it_stands(stack: str, status: str) -> None:
    """Raise NoDeployment if the stack was never deployed whole, or is deleted. A stack whose update is under way, or failed,
    stands."""
    events = f"look for the reason in its events (aws cloudformation describe-stack-events --stack-name {stack})"
    told = {
        "REVIEW_IN_PROGRESS": "its change set was not executed. Deploy it again, and agree to the changes",
        "CREATE_IN_PROGRESS": "it is being created. Wait until its deployment has ended",
        "CREATE_FAILED": f"its first deployment failed; {events}, delete it, and deploy it again",
        "ROLLBACK_": f"its first deployment failed; {events}, delete it, and deploy it again",
        "DELETE_FAILED": f"its deletion failed; {events}, and delete it again",
        "DELETE_": "it is deleted. Deploy it again, or name another stack with --stack",
    }
    why = next((words for begin, words in told.items() if status.startswith(begin)), None)
    if why is not None:
        raise NoDeployment(f"the stack {stack} is {status}: {why}")


def _submit_function(cloudformation: Any, stack: str) -> str:
    described = _described(
        f"{stack} that contains Darkroom",
        cloudformation,
        lambda: cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=SUBMIT),
    )
    return str(described["StackResourceDetail"]["PhysicalResourceId"])


def _described(what: str, cloudformation: Any, call: Callable[[], Any]) -> Any:
    from botocore.exceptions import ClientError

    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise NoDeployment(
            f"there is no stack {what} in {cloudformation.meta.region_name} with these credentials. Name the stack with "
            "--stack or DARKROOM_STACK, or choose another AWS_PROFILE or AWS_DEFAULT_REGION"
        ) from None
