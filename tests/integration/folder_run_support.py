"""A folder and a stack for tests of `folder_run`: no function runs, so the tests write the rows of the ledger themselves."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
from tests.fakes.aws_account import INPUT, OUTPUT, REGION, TABLE, Cloud

from darkroom.output_keys import RECEIPT_JOB
from darkroom_local.folder.uploads import Item, job_id
from darkroom_local.results import downloads
from darkroom_local.run.folder_run import run
from darkroom_local.stack.local_stack import LocalStack


class Functions:
    """Stands in for the Lambda client. Records which queues have an enabled event source mapping."""

    def __init__(self) -> None:
        self.enabled = {"intake": True, "other": True}

    def list_event_source_mappings(self) -> Any:
        return {"EventSourceMappings": [{"UUID": name, "EventSourceArn": f"arn:1:{name}"} for name in self.enabled]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:
        self.enabled[UUID] = Enabled


@dataclass
class Endpoint:
    """Makes clients for the test's AWS account. The Lambda client is the fake `functions`."""

    functions: Functions

    def client(self, service: str) -> Any:
        return self.functions if service == "lambda" else boto3.client(service, region_name=REGION)


class Silent:
    """Takes the place of the progress display and shows nothing."""

    def update(self, jobs: Mapping[str, Any]) -> None:
        return None

    def draining(self) -> None:
        return None


@dataclass
class Room:
    """Holds a stack whose jobs the test controls, the folder of input files and the folder of results."""

    account: Cloud
    stack: LocalStack
    folder: Path
    out: Path

    def items(self, *keys: str) -> list[Item]:
        for key in keys:
            (self.folder / key).write_bytes(b"source of " + key.encode())
        return [Item(self.folder / key, key) for key in keys]

    def run(
        self, items: list[Item], *moments: Callable[[], None], stall_seconds: float = 60
    ) -> list[downloads.Outcome]:
        """Run the items. Each time the run would wait, the next function of `moments` is called instead."""
        left = iter(moments)
        return run(self.stack, items, self.out, cast(Any, Silent()), lambda _: next(left)(), stall_seconds)

    def job_id(self, key: str) -> str:
        """Return the id of the job of the newest version of `key`."""
        version = self.account.s3.head_object(Bucket=INPUT, Key=key)["VersionId"]
        return job_id(self.account.s3, INPUT, key, version)

    def row(self, key: str, status: str, **more: str) -> None:
        """Write the ledger row of the job for `key`, with this status. It is the newest version's, unless `more` has a job_id."""
        job = more.get("job_id") or self.job_id(key)
        item = {
            "pk": f"JOB#{job}",
            "sk": "JOB",
            "job_id": job,
            "status": status,
            "provider": "topaz",
            "process_id": f"process-of-{key}",
        } | more
        self.account.dynamodb.put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})

    def completes(self, key: str, output_key: str = "") -> None:
        self.result(key, b"better " + key.encode(), output_key)
        self.row(key, "COMPLETED", output_key=output_key or key)

    def result(self, key: str, body: bytes, output_key: str = "") -> None:
        """Put the result of the job of the newest version of `key`, with its receipt."""
        receipt = {RECEIPT_JOB: self.job_id(key)}
        self.account.s3.put_object(Bucket=OUTPUT, Key=output_key or key, Body=body, Metadata=receipt)

    def statuses(self) -> dict[str, str]:
        with (self.out / "credits.csv").open(newline="") as file:
            return {row["file"]: row["status"] for row in csv.DictReader(file)}


def interrupt() -> None:
    raise KeyboardInterrupt


def made(account: Cloud, folder: Path) -> Room:
    """Return a room below `folder`."""
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="intake")["QueueUrl"]
    outputs = {
        "InputBucket": INPUT,
        "OutputBucket": OUTPUT,
        "LedgerTable": TABLE,
        "IntakeQueueUrl": queue,
    }
    stack = LocalStack(cast(Any, Endpoint(Functions())), outputs, {}, ("topaz",))
    (folder / "in").mkdir()
    return Room(account, stack, folder / "in", folder / "out")
