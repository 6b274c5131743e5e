"""Counts every request that one job makes to AWS. The real handlers run against the embedded cloud.

The buckets and the environment of the functions come from the deployed template. The functions run in this process, so that
the requests of their clients can be counted. `cost` adds the requests that AWS makes by itself: those of the queue's poller
and of the event bus.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

from tests.e2e.deployed_application import LONG_AGO, Darkroom, picture

from benchmarks.capacity import Row, Units
from darkroom.container import Container
from darkroom.model import LISTED, ProcessState

FUNCTIONS = Path(__file__).parents[1] / "functions"
WAITING = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
PATIENCE_SECONDS = 600
LATE_SECONDS = (2.0, 10.0, 60.0)  # how late the job ends in each try, so that polls find it running
WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


@dataclass(frozen=True)
class Scenario:
    """A kind of upload whose requests are counted: its tags, and how many polls find its process running."""

    name: str
    tags: str
    running_polls: int = 0
    by_link: bool = False
    is_synchronous: bool = False

    @property
    def vendor(self) -> str:
        return dict(pair.split("=") for pair in self.tags.split("&"))["provider"]


SCENARIOS = (
    Scenario("Topaz, one poll", "provider=topaz&scale=2"),
    Scenario("Topaz, three polls", "provider=topaz&scale=2", running_polls=2),
    Scenario("Oxen.ai by link", "provider=oxen", by_link=True),
    Scenario("AI/ML API, synchronous", "provider=aimlapi&model=topaz-labs/sharpen", by_link=True, is_synchronous=True),
)


@dataclass
class Counted:
    """The requests (as `service:Operation`), capacity units and bytes of log that one job used in warm containers."""

    requests: Counter[str] = field(default_factory=Counter)
    by_function: dict[str, Counter[str]] = field(default_factory=dict)
    units: Units = field(default_factory=Units)
    log_bytes: int = 0
    once_a_container: Counter[str] = field(default_factory=Counter)  # requests that only a container's first job makes

    def of(self, service: str) -> Counter[str]:
        """Return the requests of one service by operation."""
        pairs = ((name.split(":"), times) for name, times in self.requests.items())
        return Counter({operation: times for (whose, operation), times in pairs if whose == service})


class Meter:
    """Makes an application and counts its requests. To count capacity units, it reads each row before and after a write."""

    def __init__(self, room: Darkroom, environment: Mapping[str, str]) -> None:
        self.room, self.function = room, ""
        self.application = Container(environment, clients=self.client)
        self.counted = Counted()
        self._plain = room.client("dynamodb")  # a client whose requests are not counted
        self._table = room.stack.outputs["LedgerTable"]
        self._indexes = {
            index["IndexName"]: tuple(part["AttributeName"] for part in index["KeySchema"])
            for index in self._plain.describe_table(TableName=self._table)["Table"]["GlobalSecondaryIndexes"]
        }
        self._before: list[tuple[Row, Row]] = []
        self.begin()

    def begin(self) -> None:
        """Start counting from zero."""
        self.counted = Counted()
        self.counted.units.indexes = self._indexes

    def client(self, service: str) -> Any:
        """Return a client whose requests are counted."""
        made = self.room.stack.endpoint.client(service)
        made.meta.events.register("before-call", self._asked)
        if service == "dynamodb":
            made.meta.events.register("provide-client-params", self._look)
            made.meta.events.register("after-call", self._weigh)
        return made

    def _asked(self, model: Any, **_: Any) -> None:
        name = f"{model.service_model.service_name}:{model.name}"
        self.counted.requests[name] += 1
        self.counted.by_function.setdefault(self.function, Counter())[name] += 1

    def _look(self, params: Any, model: Any, **_: Any) -> None:
        keys = _keys(model.name, params)
        self._before = list(zip(keys, self._rows(keys), strict=True))

    def _weigh(self, model: Any, **_: Any) -> None:
        if model.name == "Query":
            self.counted.units.reads += 0.5  # one page of keys from an index
        transacted = model.name.startswith("Transact")
        if model.name in WRITES or transacted:
            after = self._rows([key for key, _ in self._before])
            for (_, before), row in zip(self._before, after, strict=True):
                self.counted.units.write(before, row, transacted=transacted)
        else:
            for _, before in self._before:
                self.counted.units.read(before, consistent=True)  # all reads of rows by the ledger are consistent

    def _rows(self, keys: list[Row]) -> list[Row]:
        """Return the rows with these keys, all read by one request. A row that does not exist is empty."""
        if not keys:
            return []
        wanted = {self._table: {"Keys": keys, "ConsistentRead": True}}
        rows = self._plain.batch_get_item(RequestItems=wanted)["Responses"][self._table]
        found: dict[tuple[str, str], Row] = {(row["pk"]["S"], row["sk"]["S"]): row for row in rows}
        return [found.get((key["pk"]["S"], key["sk"]["S"]), {}) for key in keys]


def _keys(operation: str, params: Mapping[str, Any]) -> list[Row]:
    """Return the keys of the rows that a request reads or writes."""
    if operation == "TransactWriteItems":
        return [next(iter(item.values()))["Key"] for item in params["TransactItems"]]
    if operation == "BatchGetItem":
        return [key for asked in params["RequestItems"].values() for key in asked["Keys"]]
    row = params["Item"] if operation == "PutItem" else params.get("Key", {})
    return [{name: row[name] for name in ("pk", "sk")}] if row else []


class Context:
    """Stands in for the context of a Lambda invocation that has five minutes left."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "counted"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@contextlib.contextmanager
def counting(room: Darkroom) -> Iterator[Meter]:
    """Run the application in this process with the environment of the deployed functions. Yield the meter of its requests."""
    environment: dict[str, str] = {}
    for name in ("Submit", "Poll", "Finalize", "Sweep"):
        found = room.client("lambda").get_function_configuration(FunctionName=room.function(name))
        environment |= found["Environment"]["Variables"]
    environment |= room.stack.endpoint.environment()  # for the signer of links, which makes its own client
    environment["SSL_CERT_FILE"] = str(
        room.stack.endpoint.authority
    )  # for parts of results, which are sent without boto3
    environment |= {"STATE_MACHINE_ARN": _idle_machine(room), "LINK_ROLE_ARN": _signing_role(room)}
    with patch.dict(os.environ, environment):
        meter = Meter(room, environment)
        meter.application.storage_gate.refusal()  # at most one job in a quarter of an hour has the output bucket checked
        yield meter


def _idle_machine(room: Darkroom) -> str:
    """Create a state machine that calls nothing, because this module calls the functions itself. Return its ARN."""
    described = room.client("stepfunctions").describe_state_machine(
        stateMachineArn=room.stack.outputs["StateMachineArn"]
    )
    made = room.client("stepfunctions").create_state_machine(
        name=f"idle-{time.time_ns()}", definition=json.dumps(WAITING), roleArn=described["roleArn"]
    )
    return str(made["stateMachineArn"])


def _signing_role(room: Darkroom) -> str:
    """Create a role that signs links, and return its ARN. The stack has such a role, but only submit may assume that one."""
    name, bucket = f"signer-{time.time_ns()}", room.stack.input_bucket
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    grant = {"Effect": "Allow", "Action": ["s3:GetObject*"], "Resource": f"arn:aws:s3:::{bucket}/*"}
    iam = room.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="link", PolicyDocument=_policy(grant))
    return str(role["Arn"])


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def count(room: Darkroom, scenario: Scenario) -> Counted:
    """Return the requests of a job in warm containers.

    `once_a_container` has the requests that only the job before it made, because it ran in new containers. If a poll finds a job
    ended too early, as on slow machines, both are counted again in new containers, with jobs that end later. Raises
    AssertionError if the last try fails too.
    """
    for late_seconds in LATE_SECONDS:
        with counting(room) as meter:
            if (cold := _one_job(meter, scenario, late_seconds)) and (warm := _one_job(meter, scenario, late_seconds)):
                warm.once_a_container = cold.requests - warm.requests
                return warm
    raise AssertionError(f"{scenario}: the job ended before its polls, although it ended {late_seconds} s late")


def _one_job(meter: Meter, scenario: Scenario, late_seconds: float) -> Counted | None:
    """Count one job. Return None if fewer polls than the scenario wants found the job running."""
    room, key = meter.room, f"held/sample-{scenario.vendor}-{time.time_ns()}.jpg"
    room.upload(key, picture(), scenario.tags)
    if scenario.running_polls:
        late = {"on": "submit", "match": room.job_id(key), "late_seconds": late_seconds}
        room.simulators[scenario.vendor].faults.add("eta_early", **late)
    meter.begin()
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        answer = _called(meter, "submit", _message(room, key), written)
        assert answer == {"batchItemFailures": []}, (scenario, room.job(key))
        job = room.job(key)
        tick = {"job_id": job["job_id"], "run": int(job["run"]), "status": "running"}
        polls = [_called(meter, "poll", tick, written)["status"] for _ in range(scenario.running_polls)]
        _await_end(meter, job)
        assert _called(meter, "poll", tick, written)["status"] == "ended", scenario
        assert _called(meter, "finalize", tick, written)["status"] == "COMPLETED", (scenario, room.job(key))
        _remove_entry(meter, tick["job_id"])
    meter.counted.log_bytes = len(written.getvalue().encode())
    return meter.counted if polls == ["running"] * scenario.running_polls else None


def _called(meter: Meter, function: str, event: Mapping[str, Any], written: io.StringIO) -> Any:
    """Call a function's handler and return its answer. Its log goes to `written`."""
    meter.function = function
    module = _module(function)
    module.application = meter.application
    for handler in module.logger.handlers:
        handler.stream = written
    return module.handler(event, Context())


def _remove_entry(meter: Meter, job_id: str) -> None:
    """Let the sweep remove the provider's entry of the job, as it does a day after the job's end. Only Topaz removes entries, so
    the ledger lists only its jobs for this."""
    if meter.room.row(f"JOB#{job_id}", "JOB").get("open_status") != LISTED:
        return
    meter.room.client("dynamodb").update_item(
        TableName=meter.room.stack.outputs["LedgerTable"],
        Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET due_at = :then",
        ExpressionAttributeValues={":then": LONG_AGO},
    )
    meter.function = "sweep"
    last_call = datetime.now(UTC) + timedelta(minutes=1)
    assert meter.application.sweep._remove_entries(last_call) == 1


def _await_end(meter: Meter, job: Mapping[str, Any]) -> None:
    """Wait until the provider has finished the job. The waiting makes no requests to AWS."""
    if job.get("staged"):
        return
    provider = meter.application.adapters.providers[str(job["provider"])]
    until = time.monotonic() + PATIENCE_SECONDS
    while provider.progress(str(job["process_id"])).state is ProcessState.RUNNING:
        assert time.monotonic() < until, f"the provider has not finished the job after {PATIENCE_SECONDS} s: {job}"
        time.sleep(0.1)


def _message(room: Darkroom, key: str) -> dict[str, Any]:
    """Return the event with which SQS would deliver the message about the upload."""
    record = {
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": room.stack.input_bucket},
            "object": {"key": quote_plus(key, safe="/"), "versionId": room.versions[key]},
        },
    }
    return {
        "Records": [
            {
                "messageId": "m-0",
                "body": json.dumps({"Records": [record]}),
                "eventSource": "aws:sqs",
                "attributes": {},
                "receiptHandle": "r",
                "messageAttributes": {},
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:intake",
            }
        ]
    }


@cache
def _module(name: str) -> Any:
    """Load the module of a function from its file. Every further call returns the same module."""
    spec = importlib.util.spec_from_file_location(f"counted_{name}", FUNCTIONS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
