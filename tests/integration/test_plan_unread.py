"""Tests that `plan`, `explain` and `rerun` never say of an upload that they may not read that it would cost nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT
from tests.fakes.refusing_s3 import KINDS, RefusingS3
from tests.unit.cli_support import Stack, deployed, failed, run

from darkroom.aws.input_bucket import S3InputBucket
from darkroom.model import JobStatus, Limits

PLACE = f"s3://{INPUT}"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed(Limits({}, Decimal(50), {}, {})) as made:
        yield made


def deny(application: ApplicationUnderTest, *keys: str, kind: str = "denied by a policy") -> None:
    """Let the person's reads of these uploads be refused. Submit's own are not."""
    s3: Any = RefusingS3(application.cloud.s3, dict.fromkeys(keys, kind))
    application.ports["sources"] = S3InputBucket(s3, for_person=True)


def planned() -> dict[str, Any]:
    done = run("plan", PLACE, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", ["denied by a policy", "not scanned yet", "under a foreign KMS key"])
def test_what_a_person_may_not_read_is_unknown_and_not_refused_and_submit_pays_it(stack: Stack, kind: str) -> None:
    application = stack.application
    own, uploads = application.ports["sources"], [application.cloud.put(f"{name}.jpg", picture()) for name in "ab"]
    deny(application, "a.jpg", "b.jpg", kind=kind)
    found = planned()
    assert (found["to_pay"], found["refused"], found["unknown"], found["refusals"]) == (0, 0, 2, [])
    assert {one["key"] for one in found["unread"]} == {"a.jpg", "b.jpg"}
    assert "your own credentials do not allow it" in found["unread"][0]["message"]
    assert [room["fits"] for room in found["budgets"]] == [None]
    application.ports["sources"] = own
    for upload in uploads:
        application.complete(upload)
    assert {job.status for job in application.cloud.jobs()} == {JobStatus.COMPLETED}


def test_a_sum_without_pictures_that_may_not_be_read_is_told_as_the_least(stack: Stack) -> None:
    for name in "ab":
        stack.application.cloud.put(f"{name}.jpg", picture())
    deny(stack.application, "b.jpg")
    shown = " ".join(run("plan", PLACE).stdout.split())
    assert "1 to pay" in shown
    assert "1 unknown, of 2" in shown
    assert "1 topaz, unknown for 1 at least 0.12" in shown
    assert "fits, without 1 of unknown price" in shown
    assert f"unknown, perhaps paid: b.jpg: {INPUT}/b.jpg may not be read" in shown
    assert "refused" not in shown
    deny(stack.application, "a.jpg", "b.jpg")
    shown = " ".join(run("plan", PLACE).stdout.split())
    assert "unknown for 2 unknown" in shown
    assert "0.00" not in shown


def test_the_csv_leaves_unknown_prices_empty(stack: Stack) -> None:
    stack.application.cloud.put("a.jpg", picture())
    deny(stack.application, "a.jpg")
    (row,) = csv.DictReader(io.StringIO(run("plan", PLACE, "--csv").stdout))
    assert (row["fate"], row["credits"], row["usd"], row["code"]) == ("unknown", "", "", "")


def test_a_session_that_expires_halfway_ends_a_plan_without_a_sum(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = ("ExpiredToken", 400, "The provided token has expired.")
    monkeypatch.setitem(KINDS, "expired", dict.fromkeys(("head_object", "get_object", "get_object_tagging"), expired))
    for name in "ab":
        stack.application.cloud.put(f"{name}.jpg", picture())
    deny(stack.application, "b.jpg", kind="expired")
    done = run("plan", PLACE)
    assert (done.exit_code, "ExpiredToken" in done.stderr, "to pay" in done.stdout) == (2, True, False)


def test_explain_says_that_the_price_is_unknown(stack: Stack) -> None:
    stack.application.cloud.put("a.jpg", picture())
    deny(stack.application, "a.jpg")
    found = json.loads(run("explain", f"{PLACE}/a.jpg", "--json").stdout)
    assert (found["fate"], found["code"], found["credits"]) == ("unknown", None, None)
    assert [room["fits"] for room in found["budgets"]] == [None]
    shown = run("explain", f"{PLACE}/a.jpg").stdout
    assert "unknown   darkroom-in/a.jpg may not be read" in shown
    assert "allows it" not in shown


def test_an_archived_upload_is_refused_for_whoever_reads_it(stack: Stack) -> None:
    failed(stack.application)
    stack.application.cloud.put("b.jpg", picture())
    deny(stack.application, "a.jpg", "b.jpg", kind="archived")
    found = planned()
    assert {one["code"] for one in found["refusals"]} == {"SourceUnreadable"}
    assert "refused again, unpaid (SourceUnreadable)" in run("rerun", "--code", "ProviderFailed", "--yes").stdout
