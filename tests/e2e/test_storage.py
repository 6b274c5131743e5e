"""Tests what stands in the output bucket, and whether the bucket takes results, with the roles of the template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.deployed_application import LONG_AGO, Darkroom, picture


def check_again(darkroom: Darkroom) -> None:
    """Make the check of the output bucket due, as it is after a quarter of an hour."""
    bucket = darkroom.stack.output_bucket
    darkroom.client("dynamodb").update_item(
        TableName=darkroom.stack.outputs["LedgerTable"],
        Key={"pk": {"S": f"STORAGE#{bucket}"}, "sk": {"S": "STORAGE"}},
        UpdateExpression="SET next_check_at = :then",
        ExpressionAttributeValues={":then": LONG_AGO},
    )


@contextmanager
def refusing(darkroom: Darkroom) -> Iterator[None]:
    """Add a statement to the output bucket's policy that denies every write without a KMS key."""
    bucket = darkroom.stack.output_bucket
    before = darkroom.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    demand = {
        "Sid": "DemandKey",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
    }
    policy = json.loads(before)
    policy["Statement"].append(demand)
    darkroom.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        darkroom.s3.put_bucket_policy(Bucket=bucket, Policy=before)


def test_the_bucket_was_checked_before_the_first_job_and_nothing_of_that_is_left(darkroom: Darkroom) -> None:
    darkroom.upload("photos/checked.jpg", picture())
    job = darkroom.ended(["photos/checked.jpg"])["photos/checked.jpg"]
    row = darkroom.row(f"STORAGE#{darkroom.stack.output_bucket}", "STORAGE")
    assert (job["status"], row["checked_at"] < job["submitted_at"], "refusal" in row) == ("COMPLETED", True, False)
    listed = darkroom.s3.list_object_versions(Bucket=darkroom.stack.output_bucket, Prefix="_darkroom/storage-check")
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")


def test_a_foreign_object_stays_whole_and_its_upload_is_refused_unpaid(darkroom: Darkroom) -> None:
    key = "photos/foreign.jpg"
    darkroom.s3.put_object(Bucket=darkroom.stack.output_bucket, Key=key, Body=b"somebody else's")
    darkroom.upload(key, picture())
    job = darkroom.ended([key])[key]
    assert (job["status"], job["error_code"]) == ("REJECTED", "OutputCollision")
    assert darkroom.s3.get_object(Bucket=darkroom.stack.output_bucket, Key=key)["Body"].read() == b"somebody else's"


def test_while_the_bucket_refuses_results_an_upload_waits_unpaid_and_goes_on_afterwards(darkroom: Darkroom) -> None:
    key = "photos/refused.jpg"
    with refusing(darkroom):
        check_again(darkroom)
        darkroom.upload(key, picture())
        job = darkroom.until(key, lambda job: "error" in job)
        assert "refuses that results are written (PutObject: AccessDenied" in job["error"]
        assert (job["status"], "credits_reserved" in job) == ("CLAIMED", False)
    check_again(darkroom)
    assert darkroom.ended([key], hurry=True)[key]["status"] == "COMPLETED"
