"""An AWS account in this process: two buckets and the ledger's table, in memory or in moto, and helpers that read them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core import models as moto_models
from moto.core.models import botocore_stubber
from moto.s3 import urls as s3_urls
from moto.s3.models import S3Backend, s3_backends

from darkroom.aws import items
from darkroom.model import Job, Upload
from tests.fakes.memory_dynamodb import INDEXES, TABLE, InMemoryDynamo
from tests.fakes.memory_s3 import InMemoryS3

REGION = "eu-central-1"
INPUT, OUTPUT = "darkroom-in", "darkroom-out"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass
class Cloud:
    """Holds the account's clients and reads what the account contains."""

    s3: Any
    dynamodb: Any

    def put(self, key: str, body: bytes, *, tags: str = "", bucket: str = INPUT, **extra: Any) -> Upload:
        """Upload an object and return the upload that its event would name."""
        if tags:
            extra["Tagging"] = tags
        answer = self.s3.put_object(Bucket=bucket, Key=key, Body=body, **extra)
        version = answer.get("VersionId")
        return Upload(bucket, key, None if version == "null" else version, answer["ETag"].strip('"'))

    def body(self, key: str, bucket: str = OUTPUT) -> bytes | None:
        """Return the bytes of the object at a key, or None if there is no object."""
        if key not in self.keys(bucket):
            return None
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]

    def head(self, key: str) -> dict[str, Any]:
        """Return HeadObject's answer for a result."""
        return self.s3.head_object(Bucket=OUTPUT, Key=key)  # type: ignore[no-any-return]

    def keys(self, bucket: str = OUTPUT) -> set[str]:
        """Return all keys of a bucket."""
        return {entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}

    def versions(self, key: str) -> int:
        """Return how many versions of a result there are."""
        listed = self.s3.list_object_versions(Bucket=OUTPUT, Prefix=key).get("Versions", [])
        return sum(entry["Key"] == key for entry in listed)

    def unfinished_uploads(self) -> list[Any]:
        """Return the multipart uploads that were neither completed nor aborted."""
        return self.s3.list_multipart_uploads(Bucket=OUTPUT).get("Uploads", [])  # type: ignore[no-any-return]

    def report(self, key: str) -> dict[str, Any] | None:
        """Return the failure report of a source key."""
        body = self.body(f"_failed/{key}.json")
        return None if body is None else json.loads(body)

    def rows(self) -> list[Mapping[str, Any]]:
        """Return every row of the table, in DynamoDB's typed form."""
        return self.dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]  # type: ignore[no-any-return]

    def jobs(self) -> list[Job]:
        """Return every job."""
        return [items.job_of(row) for row in self.rows() if row["sk"] == {"S": "JOB"}]

    def budget(self, unit: str, month: str) -> dict[str, Any]:
        """Return the numbers in the row of a budget period, or an empty dict if there is no row."""
        key = items.budget_key(unit, month)
        item = self.dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item", {})
        return {name: items.number(item, name) for name in item if name not in ("pk", "sk")}


def client(service: str) -> Any:
    """Return a client of an emulated account. It fails in any other account, where the client would call AWS."""
    assert botocore_stubber.enabled, f"the account does not emulate {service}, see `cloud`"
    return _shared_client(service)


@cache
def _shared_client(service: str) -> Any:
    """Return a client that the whole test run shares, because making one takes longer than a test. The client keeps
    nothing of an account.
    """
    return boto3.client(service, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing")


@contextmanager
def cloud(*, versioned: bool = True, emulated: Collection[str] = ()) -> Iterator[Cloud]:
    """Yield a new account. The machine's own AWS credentials are hidden.

    The buckets and the ledger's table are in memory. `emulated` names the services that moto plays instead. Any client in the
    process can reach them, but a call takes a hundred times as long. With "s3" the buckets are among them, with "dynamodb" the
    table.
    """
    buckets = {INPUT: versioned, OUTPUT: True}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        environment.delenv("AWS_PROFILE", raising=False)
        # moto reloads this module twice in every request, because the environment might have changed its URLs. Here the
        # environment stays the same, so the module stays loaded.
        environment.setattr(S3Backend, "_url_module", s3_urls)
        # moto prepares an answer for each service and method to whoever sends by the package `requests`. boto3 does not,
        # and tests only follow links with it.
        environment.setattr(moto_models, "RESPONSES_METHODS", ("GET",))
        with mock_aws() if emulated else nullcontext():
            s3 = _emulated_buckets(buckets) if "s3" in emulated else InMemoryS3(buckets, _shared_client("s3").meta)
            yield Cloud(s3, _emulated_table() if "dynamodb" in emulated else InMemoryDynamo())


def _emulated_buckets(buckets: Mapping[str, bool]) -> Any:
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for name, versioned in buckets.items():
        backend.create_bucket(name, REGION).versioning_status = "Enabled" if versioned else None
    return client("s3")


def _emulated_table() -> Any:
    dynamodb = client("dynamodb")
    named = {"pk", "sk", *(name for pair in INDEXES.values() for name in pair)}
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in sorted(named)],
        KeySchema=_keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": name, "KeySchema": _keys(*pair), "Projection": {"ProjectionType": "KEYS_ONLY"}}
            for name, pair in INDEXES.items()
        ],
    )
    return dynamodb


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
