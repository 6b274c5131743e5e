"""Uses a deployed Darkroom as its users do, through the buckets, the ledger, the queue and the events. It knows only the
public contract, and imports no code of the application.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from PIL import Image

from darkroom_local.stack import deployment, local_stack
from darkroom_local.stack.local_stack import LocalStack
from darkroom_local.stack.simulator_processes import simulated_key
from tests.e2e.forked_commands import Commands

STACK = deployment.STACK
API_KEY = simulated_key("topaz")  # the key that the local stack stores if no real key is given
LONG_AGO = {"S": "2026-01-01T00:00:00.000Z"}
LOOK_SECONDS = 0.4  # between two looks at jobs; each look takes CPU time from the cloud
SWEEP_SECONDS = 1.0  # after a sweep; one that comes too early takes CPU time and finds nothing new
MOST_LOG_EVENTS = 10_000  # in an answer of CloudWatch Logs
ENDED = {"COMPLETED", "FAILED", "REJECTED", "SKIPPED", "CANCELLED", "IN_DOUBT"}
UNPUBLISHED = {"SKIPPED", "CANCELLED", "IN_DOUBT"}  # no event is published about these


def deserialized(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of DynamoDB as Python values."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


def has_ended(job: Mapping[str, Any]) -> bool:
    """Say whether a job has ended and its event, if it has one, was published."""
    status = job.get("status")
    return status in ENDED and ("published_at" in job or status in UNPUBLISHED)


def now() -> str:
    """Return the current time in the form in which the ledger stores it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def picture(width: int = 96, height: int = 64, format: str = "JPEG", **options: Any) -> bytes:
    """Return a picture of noise. Pillow writes it with these options."""
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(buffer, format, **options)
    return buffer.getvalue()


@contextmanager
def simulators(*vendors: str, speed: float, authorities: Path | None = None) -> Iterator[dict[str, Any]]:
    """Run the simulators of these vendors in this process. Each accepts the API key that the local stack stores for it.

    `authorities` is a file of certificates. A simulator trusts them when it fetches pictures from the embedded cloud.
    """
    with ExitStack() as ends:
        made: dict[str, Any] = {}
        for vendor in vendors:
            make = getattr(import_module(f"darkroom_local.simulators.{vendor}"), f"{vendor.capitalize()}Simulator")
            made[vendor] = ends.enter_context(make(api_key=simulated_key(vendor), speed=speed, authorities=authorities))
        yield made


@dataclass
class Darkroom:
    """Holds a deployed stack and the simulator that it calls for each vendor. Its methods upload pictures and read results."""

    stack: LocalStack
    simulators: Mapping[str, Any]
    commands: Commands | None = None  # runs `darkroom` commands
    versions: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict, repr=False)
    sweeps: int = 0  # the number of sweeps that tests ran; the schedule's sweeps are not counted

    @property
    def simulator(self) -> Any:
        """Return the simulator of Topaz, which is the provider of uploads that name none."""
        return self.simulators["topaz"]

    @property
    def s3(self) -> Any:
        return self.client("s3")

    def client(self, service: str) -> Any:
        """Return the client of a service. It is made once, because making one takes longer than most of its calls."""
        if service not in self.clients:
            self.clients[service] = self.stack.endpoint.client(service)
        return self.clients[service]

    def upload(self, key: str, body: bytes, tags: str = "", **extra: Any) -> str:
        """Put an object into the input bucket, and return its version id."""
        answer = self.s3.put_object(
            Bucket=self.stack.input_bucket, Key=key, Body=body, **({"Tagging": tags} if tags else {}), **extra
        )
        self.versions[key] = answer["VersionId"]
        return str(answer["VersionId"])

    def notify(self, key: str) -> None:
        """Send the message for an upload to the intake queue, as an S3 notification would."""
        from urllib.parse import quote_plus

        record = {
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": self.stack.input_bucket},
                "object": {"key": quote_plus(key, safe="/"), "versionId": self.versions[key]},
            },
        }
        self.client("sqs").send_message(
            QueueUrl=self.stack.outputs["IntakeQueueUrl"], MessageBody=json.dumps({"Records": [record]})
        )

    def job_id(self, key: str) -> str:
        """Return the job id of an upload to a versioned bucket. The contract says that it is a hash of bucket, key and
        version.
        """
        import hashlib

        parts = (self.stack.input_bucket, key, self.versions[key])
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]

    def row(self, pk: str, sk: str) -> dict[str, Any]:
        """Return a row of the ledger, or an empty dictionary if there is none."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        item = self.client("dynamodb").get_item(
            TableName=self.stack.outputs["LedgerTable"], Key=key, ConsistentRead=True
        )
        return deserialized(item.get("Item", {}))

    def job(self, key: str) -> dict[str, Any]:
        """Return the row of the upload's job, or an empty dictionary if there is none."""
        return self.row(f"JOB#{self.job_id(key)}", "JOB")

    def jobs(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the job of each upload, or an empty dictionary if it has none. All rows are read by one request."""
        names = {f"JOB#{self.job_id(key)}": key for key in keys}
        table = self.stack.outputs["LedgerTable"]
        wanted = {"Keys": [{"pk": {"S": pk}, "sk": {"S": "JOB"}} for pk in names], "ConsistentRead": True}
        answer = self.client("dynamodb").batch_get_item(RequestItems={table: wanted})
        assert not answer.get("UnprocessedKeys")
        rows = {row["pk"]: row for row in map(deserialized, answer["Responses"][table])}
        return {key: rows.get(pk, {}) for pk, key in names.items()}

    def ended(self, keys: Iterable[str], seconds: float = 600, *, hurry: bool = False) -> dict[str, dict[str, Any]]:
        """Wait until the jobs of all keys have ended and their events were published. Return the jobs.

        With `hurry`, jobs that wait for a later attempt are made due and swept at once.
        """
        keys, until = list(keys), time.monotonic() + seconds
        jobs = self.jobs(keys)
        while late := [key for key in keys if not has_ended(jobs[key])]:
            if time.monotonic() > until:
                told = {key: (jobs[key].get("status"), jobs[key].get("error")) for key in late}
                raise AssertionError(f"these jobs have not ended after {seconds} s: {told}")
            waiting = [key for key in late if jobs[key].get("next_attempt_at", "") > now()] if hurry else []
            for key in waiting:
                self.make_due(key)
            if waiting:
                self.sweep()
            time.sleep(SWEEP_SECONDS if waiting else LOOK_SECONDS)
            jobs |= self.jobs(late)
        return jobs

    def until(self, key: str, is_so: Callable[[dict[str, Any]], object], seconds: float = 600) -> dict[str, Any]:
        """Wait until `is_so` returns a true value for the upload's job, and return the job."""
        ends = time.monotonic() + seconds
        while not is_so(job := self.job(key)):
            assert time.monotonic() < ends, job
            time.sleep(LOOK_SECONDS)
        return job

    def make_due(self, key: str) -> None:
        """Make the upload's job due, as if it had waited long enough. A job that no longer waits is left alone."""
        dynamodb = self.client("dynamodb")
        with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.update_item(
                TableName=self.stack.outputs["LedgerTable"],
                Key={"pk": {"S": f"JOB#{self.job_id(key)}"}, "sk": {"S": "JOB"}},
                UpdateExpression="SET due_at = :then, next_attempt_at = :then",
                ConditionExpression="attribute_exists(next_attempt_at)",
                ExpressionAttributeValues={":then": LONG_AGO},
            )

    def update(self, **parameters: str) -> dict[str, str]:
        """Update the stack with these parameters, and leave the others as they are. Return the stack's new outputs."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        present = {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}
        if present | parameters == present:  # CloudFormation refuses an update that changes nothing
            return {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}
        return deployment.deploy(self.stack.endpoint, local_stack.find_application(), present | parameters)

    def visited(self, key: str) -> list[str]:
        """Return the states that the execution of the upload's first run has entered, and `States.Timeout` for each time-out."""
        seen = []
        for event in self._history(key):
            if event["type"].endswith("StateEntered"):
                seen.append(str(event["stateEnteredEventDetails"]["name"]))
            elif "States.Timeout" in json.dumps(event, default=str):
                seen.append("States.Timeout")
        return seen

    def entered_at(self, key: str, state: str) -> float:
        """Return the Unix time at which the execution of the upload's first run first entered the state."""
        return min(
            float(event["timestamp"].timestamp())
            for event in self._history(key)
            if event.get("stateEnteredEventDetails", {}).get("name") == state
        )

    def _history(self, key: str) -> list[dict[str, Any]]:
        states = self.client("stepfunctions")
        runs = states.list_executions(stateMachineArn=self.stack.outputs["StateMachineArn"])["executions"]
        (run,) = (run for run in runs if run["name"].startswith(self.job_id(key)))
        events: list[dict[str, Any]] = states.get_execution_history(executionArn=run["executionArn"], maxResults=1000)[
            "events"
        ]
        return events

    def function(self, name: str) -> str:
        """Return the deployed name of one of the stack's functions."""
        found = self.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=name)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def sweep(self) -> None:
        """Run the sweep once, now."""
        self.sweeps += 1
        self.client("lambda").invoke(FunctionName=self.function("Sweep"))

    def scheduled_sweeps(self) -> int:
        """Return how many sweeps the schedule has started. Sweeps that tests ran are not counted."""
        settings = self.client("lambda").get_function_configuration(FunctionName=self.function("Sweep"))
        where, logs = settings["LoggingConfig"]["LogGroup"], self.client("logs")
        found = logs.filter_log_events(logGroupName=where, filterPattern='"START RequestId"')["events"]
        return len(found) - self.sweeps

    def submits(self, key: str, vendor: str = "topaz") -> list[Any]:
        """Return the submits for the upload that the vendor's simulator accepted and charged. Their handle names the job."""
        return [s for s in self.simulators[vendor].submits if self.job_id(key) in json.dumps(s)]

    def output(self, key: str) -> dict[str, Any]:
        """Return an object of the output bucket. `Body` has its bytes."""
        answer = self.s3.get_object(Bucket=self.stack.output_bucket, Key=key)
        return {**answer, "Body": answer["Body"].read()}

    def output_keys(self) -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.stack.output_bucket)
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def report(self, key: str) -> dict[str, Any]:
        """Return the failure report of an upload."""
        report: dict[str, Any] = json.loads(self.output(f"_failed/{key}.json")["Body"])
        return report

    def collect_events(self) -> None:
        """Add a rule to the default event bus that copies Darkroom's events into a queue. `events` reads them from there."""
        queue = self.client("sqs").create_queue(QueueName="seen-events")["QueueUrl"]
        arn = self.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        bus = self.client("events")
        bus.put_rule(Name="seen", EventPattern=json.dumps({"source": ["darkroom"]}))
        bus.put_targets(Rule="seen", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
        policy = {
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn["QueueArn"],
        }  # fmt: skip
        self.client("sqs").set_queue_attributes(
            QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [policy]})}
        )
        self._events: list[dict[str, Any]] = []

    def events(self) -> list[dict[str, Any]]:
        """Return all events that Darkroom has published so far."""
        sqs = self.client("sqs")
        queue = sqs.get_queue_url(QueueName="seen-events")["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            self._events += [json.loads(message["Body"]) for message in messages]
            read = [{"Id": str(number), "ReceiptHandle": it["ReceiptHandle"]} for number, it in enumerate(messages)]
            assert not sqs.delete_message_batch(QueueUrl=queue, Entries=read).get("Failed")
        return list(self._events)

    def everything_written(self) -> str:
        """Return all logs, execution histories, ledger rows, events and reports as one text, so that a test can search it."""
        said: list[str] = [json.dumps(self.events())]
        logs = self.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            found = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            assert len(found) < MOST_LOG_EVENTS, "this answer may lack events"
            said += [event["message"] for event in found]
        states = self.client("stepfunctions")
        for run in states.list_executions(stateMachineArn=self.stack.outputs["StateMachineArn"])["executions"]:
            history = states.get_execution_history(executionArn=run["executionArn"])["events"]
            said.append(json.dumps(history, default=str))
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.stack.outputs["LedgerTable"])
        said += [json.dumps(page["Items"], default=str) for page in pages]
        said += [self.output(key)["Body"].decode() for key in self.output_keys() if key.startswith("_failed/")]
        return "\n".join(said)
