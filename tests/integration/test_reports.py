"""Failure reports in the output bucket: the newest version's word on a key stands, and removing leaves no trace of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.cloud import OUTPUT, Cloud
from tests.fakes.world import World, picture
from tests.integration.ledger_support import source

from darkroom.aws.outputs import S3Outputs
from darkroom.model import JobStatus, ProcessState

KEY = "_failed/ü/a.jpg.json"
OLD, MIDDLE, NEW = (source(version=f"v{n}", second=n).order for n in (1, 2, 3))


@pytest.fixture
def outputs(account: Cloud) -> S3Outputs:
    return S3Outputs(account.s3, OUTPUT)


def report(account: Cloud) -> Any:
    return account.report("ü/a.jpg")


def markers(account: Cloud) -> int:
    """Delete markers of the versioned bucket."""
    return len(account.s3.list_object_versions(Bucket=OUTPUT).get("DeleteMarkers", []))


def test_a_report_is_json_with_its_letters_as_they_are(outputs: S3Outputs, account: Cloud) -> None:
    outputs.write_report(KEY, {"message": "größer"}, OLD)
    assert report(account) == {"message": "größer"}
    assert account.head(KEY)["ContentType"] == "application/json"
    assert "größer".encode() in (account.body(KEY) or b"")


@pytest.mark.parametrize("order", [MIDDLE, NEW])
def test_a_report_of_the_same_or_a_newer_version_takes_the_place(
    outputs: S3Outputs, account: Cloud, order: str
) -> None:
    outputs.write_report(KEY, {"n": 1}, MIDDLE)
    outputs.write_report(KEY, {"n": 2}, order)
    assert report(account) == {"n": 2}


def test_a_newer_versions_report_is_not_overwritten_by_an_older_ones(outputs: S3Outputs, account: Cloud) -> None:
    outputs.write_report(KEY, {"n": 3}, NEW)
    for order in (OLD, MIDDLE):
        outputs.write_report(KEY, {"n": 1}, order)
    assert (report(account), account.versions(KEY)) == ({"n": 3}, 1)


@pytest.mark.parametrize("order", [MIDDLE, NEW])
def test_a_report_is_removed_by_its_own_or_a_newer_version(outputs: S3Outputs, account: Cloud, order: str) -> None:
    outputs.write_report(KEY, {"n": 2}, MIDDLE)
    for _ in range(3):
        outputs.remove_report(KEY, order)
    assert (report(account), markers(account)) == (None, 1)


def test_a_newer_versions_report_is_not_removed_by_an_older_one(outputs: S3Outputs, account: Cloud) -> None:
    outputs.write_report(KEY, {"n": 2}, MIDDLE)
    outputs.remove_report(KEY, OLD)
    assert (report(account), markers(account)) == ({"n": 2}, 0)


def test_removing_where_there_is_none_makes_no_delete_marker(outputs: S3Outputs, account: Cloud) -> None:
    outputs.remove_report(KEY, NEW)
    assert account.s3.list_object_versions(Bucket=OUTPUT).get("DeleteMarkers", []) == []


def test_a_report_without_an_order_is_older_than_all(outputs: S3Outputs, account: Cloud) -> None:
    account.s3.put_object(Bucket=OUTPUT, Key=KEY, Body=b"{}")
    outputs.write_report(KEY, {"n": 1}, OLD)
    assert report(account) == {"n": 1}
    account.s3.put_object(Bucket=OUTPUT, Key=KEY, Body=b"{}")
    outputs.remove_report(KEY, OLD)
    assert report(account) is None


def two_versions(world: World, old: bytes, new: bytes) -> tuple[str, str]:
    """Both delivered, the newer one first; their jobs' ids."""
    uploads = [replace(world.cloud.put("a.jpg", body), sequencer=f"0{n}") for n, body in enumerate((old, new))]
    for upload in reversed(uploads):
        world.deliver(upload)
    first, second = sorted(world.cloud.jobs(), key=lambda job: job.source_order)
    return first.job_id, second.job_id


def test_of_two_refused_versions_the_newer_ones_report_stands(world: World) -> None:
    old, new = two_versions(world, b"broken", b"broken too")
    found = world.cloud.report("a.jpg")
    assert found is not None
    assert found["job_id"] == new
    assert {job.job_id: job.status for job in world.cloud.jobs()} == dict.fromkeys((old, new), JobStatus.REJECTED)
    assert world.bus.kinds == ["Job Rejected"] * 2  # each is told of all the same


def test_an_older_version_that_completes_leaves_the_newer_ones_report(world: World) -> None:
    old, new = two_versions(world, picture(), b"broken")
    world.provider.become(ProcessState.COMPLETED)
    job = world.ledger.get(old)
    assert job is not None
    assert world.finalize(job).status == "COMPLETED"
    found = world.cloud.report("a.jpg")
    assert found is not None
    assert (found["job_id"], world.cloud.keys()) == (new, {"a.jpg", "_failed/a.jpg.json"})


def test_a_newer_version_that_completes_removes_an_older_ones_report_once(world: World) -> None:
    world.deliver(world.cloud.put("a.jpg", b"broken"))
    world.complete(replace(world.cloud.put("a.jpg", picture()), sequencer="09"))
    world.complete(replace(world.cloud.put("a.jpg", picture(noise=9)), sequencer="0A"))
    assert (world.cloud.keys(), markers(world.cloud)) == ({"a.jpg"}, 1)
