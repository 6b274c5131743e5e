"""Tests 15 unreadable uploads among 300 good ones, on the embedded cloud. They hardly slow the good ones down.

Eight of the 15 are archived, and seven are encrypted with their uploader's own key (SSE-C). Each of the 15 ends with a
report and costs at most 30 invocations of submit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.e2e.deployed_application import Darkroom, picture, simulators

from darkroom_local.stack.local_stack import local_stack

GOOD, ARCHIVED, ENCRYPTED = 300, 8, 7
MOST_RATIO = 1.2
MOST_INVOCATIONS = 30
UPLOADERS_KEY = "an uploader's key, of 32 letters"
PATIENCE_SECONDS = 1500.0


@pytest.fixture(scope="module")
def cloud() -> Iterator[Darkroom]:
    with (
        simulators("topaz", speed=50.0) as made,
        local_stack(
            simulator_urls={"topaz": made["topaz"].base_url},
            parameters={"MaxConcurrentSubmits": "4"},
            wait_scale=0.1,
        ) as stack,
    ):
        yield Darkroom(stack, made)


def put_unreadable(cloud: Darkroom, wave: str) -> list[str]:
    archived = [f"{wave}/archived-{number}.jpg" for number in range(ARCHIVED)]
    encrypted = [f"{wave}/encrypted-{number}.jpg" for number in range(ENCRYPTED)]
    for key in archived:
        cloud.upload(key, picture(), StorageClass="GLACIER")
    for key in encrypted:
        cloud.upload(key, picture(), SSECustomerAlgorithm="AES256", SSECustomerKey=UPLOADERS_KEY)
    return [*archived, *encrypted]


def seconds_for(cloud: Darkroom, wave: str, count: int = GOOD) -> float:
    """Upload a wave of good pictures. Return how many seconds pass until all of them are completed."""
    keys = [f"{wave}/good-{number:03}.jpg" for number in range(count)]
    began = time.monotonic()
    for key in keys:
        cloud.upload(key, picture())
    jobs = cloud.ended(keys, seconds=PATIENCE_SECONDS)
    assert {job["status"] for job in jobs.values()} == {"COMPLETED"}
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_uploads_that_cannot_be_read_hold_up_nobody_and_end_with_a_report(cloud: Darkroom) -> None:
    seconds_for(cloud, "warm", 30)
    before = seconds_for(cloud, "before")
    unreadable = put_unreadable(cloud, "mixed")
    mixed = seconds_for(cloud, "mixed")
    after = seconds_for(cloud, "after")
    alone = (before + after) / 2  # the speed of a shared machine changes, so the time is measured before and after
    print(
        f"{GOOD} good uploads: {before:.1f} and {after:.1f} s alone, {mixed:.1f} s beside 15 unreadable ones",
        flush=True,
    )
    jobs = cloud.ended(unreadable, seconds=PATIENCE_SECONDS)
    assert {(job["status"], job["error_code"]) for job in jobs.values()} == {("REJECTED", "SourceUnreadable")}
    for key, job in jobs.items():
        report = cloud.s3.get_object(Bucket=cloud.stack.output_bucket, Key=f"_failed/{key}.json")
        assert json.loads(report["Body"].read())["code"] == "SourceUnreadable"
        assert job["attempt"] <= MOST_INVOCATIONS
    assert mixed <= MOST_RATIO * alone
