"""Tests what a user sees when the provider fails. Each job has the right end and at most one payment, nothing is left half
done, and nothing secret is leaked.
"""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from tests.e2e.deployed_application import API_KEY, Darkroom, picture

# The fault of each upload: its kind, the operation that meets it, how many times, and its options.
FAULTS: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "throttled-submit": ("throttle", "submit", 1, {}),
    "submit-503-before": ("error_before", "submit", 1, {"status": 503}),
    "submit-500-after": ("error_after", "submit", 1, {"status": 500}),
    "submit-answer-lost": ("lost_answer", "submit", 1, {}),
    "submit-reset": ("reset_before", "submit", 1, {}),
    "throttled-poll": ("throttle", "status", 2, {}),
    "poll-502": ("error_before", "status", 2, {"status": 502}),
    "download-429": ("throttle", "download", 1, {}),
    "download-500": ("error_before", "download", 2, {"status": 500}),
    "link-expired": ("expired", "result", 1, {}),
    "download-cut": ("cut", "result", 2, {}),
    "result-corrupt": ("corrupt", "result", 2, {}),
    "later-than-eta": ("eta_early", "submit", 1, {"late_seconds": 4}),
    "unknown-word": ("unknown_status", "status", 1, {}),
}
ALL = [*FAULTS, "failed", "duplicated"]


def key_of(name: str) -> str:
    return f"held/{name}.png"


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom) -> dict[str, dict[str, Any]]:
    """Upload all pictures at once, each with its fault. Return the jobs when all have ended."""
    for name in ALL:
        darkroom.upload(key_of(name), picture(80, 60, "PNG"), "scale=2")
    for name, (kind, on, times, options) in FAULTS.items():
        darkroom.simulator.faults.add(kind, times=times, on=on, match=darkroom.job_id(key_of(name)), **options)
    darkroom.simulator.faults.add("failed_job", match=darkroom.job_id(key_of("failed")))
    for name in ALL:
        darkroom.notify(key_of(name))
    for _ in range(3):
        darkroom.notify(key_of("duplicated"))
    ended = darkroom.ended(map(key_of, ALL), hurry=True)
    return {name: ended[key_of(name)] for name in ALL}


@pytest.mark.parametrize("name", [*FAULTS, "duplicated"])
def test_a_job_survives_its_fault_and_is_paid_once(darkroom, jobs, name) -> None:
    assert jobs[name]["status"] == "COMPLETED"
    assert len(darkroom.submits(key_of(name))) == 1
    assert jobs[name]["credits"] == Decimal(1)


@pytest.mark.parametrize("name", [*FAULTS, "duplicated"])
def test_its_result_is_whole(darkroom, jobs, name) -> None:
    with Image.open(io.BytesIO(darkroom.output(key_of(name))["Body"])) as image:
        image.load()
        assert image.size == (160, 120)


def test_a_fault_really_struck_each_job(darkroom, jobs) -> None:
    assert darkroom.simulator.faults.remaining() == []


def test_a_failed_job_is_reported_and_not_charged(darkroom, jobs) -> None:
    report = darkroom.report(key_of("failed"))
    assert jobs["failed"]["status"] == "FAILED"
    assert jobs["failed"]["error_code"] == report["code"] == "ProviderFailed"
    assert jobs["failed"]["credits"] == 0
    assert key_of("failed") not in darkroom.output_keys()


def test_nothing_stays_reserved_and_no_upload_stays_open(darkroom, jobs) -> None:
    topaz = darkroom.row("BUDGET#topaz", jobs["failed"]["budget_month"])
    uploads = darkroom.s3.list_multipart_uploads(Bucket=darkroom.stack.output_bucket)
    assert topaz["reserved"] == 0
    assert uploads.get("Uploads", []) == []


def test_nothing_reached_the_dead_letter_queue(darkroom, jobs) -> None:
    attributes = darkroom.client("sqs").get_queue_attributes(
        QueueUrl=darkroom.stack.outputs["IntakeDlqUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_the_key_and_the_links_are_written_nowhere(darkroom, jobs) -> None:
    said = darkroom.everything_written()
    assert darkroom.job_id(key_of("duplicated")) in said  # the text names jobs, so it is the right text to search
    assert API_KEY not in said
    assert "signature=" not in said.lower()
    assert "/results/" not in said


def test_the_key_went_to_the_api_only(darkroom, jobs) -> None:
    results = [r for r in darkroom.simulator.requests if r["operation"] == "result"]
    assert results
    assert not any(r["key_leaked"] or r["auth_header"] for r in results)
    assert all(r["has_content_length"] for r in darkroom.simulator.requests if r["operation"] == "submit")
