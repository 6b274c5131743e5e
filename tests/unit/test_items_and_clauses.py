"""The ledger's items and clauses as text: nothing of a job is lost, times sort as text, and conditions are plain."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom import timestamps
from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.model import Job, JobStatus, SendMode

NOW = datetime(2026, 11, 21, 14, 0, 0, 123000, tzinfo=UTC)
FULL = Job(
    job_id="0" * 32,
    run=2,
    attempt=3,
    status=JobStatus.PROCESSING,
    source_bucket="in",
    source_key="ü/a.jpg",
    source_version="v1",
    source_order="o",
    created_at=NOW,
    deadline_at=NOW,
    lease_until=NOW,
    next_attempt_at=NOW,
    provider="topaz",
    model="Standard V2",
    settings={"model": "Standard V2"},
    label="l",
    process_id="p",
    key_fingerprint="f",
    credits_reserved=Decimal("1.5"),
    credits=Decimal("0.1"),
    credit_price_usd=Decimal("0.12"),
    cost_usd=Decimal("0.012"),
    budget_month="2026-11",
    output_bucket="out",
    output_key="ü/a.jpg",
    output_format="jpeg",
    superseded=True,
    error_code="TimedOut",
    error="late",
    submitted_at=NOW,
    eta=NOW,
    completed_at=NOW,
    published_at=NOW,
    credits_charged=Decimal("0.2"),
    cancel_requested_at=NOW,
    due_at=NOW,
    polls=7,
    orphans=("p-1", "p-2"),
    reserved_at=NOW,
    send_mode=SendMode.SYNCHRONOUS_LINK,
    staged=True,
)
BARE = Job("0" * 32, 1, 1, JobStatus.CLAIMED, "in", "a.jpg", None, "o", NOW, NOW)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def test_the_full_sample_fills_every_attribute() -> None:
    assert not [field.name for field in fields(Job) if getattr(FULL, field.name) in (None, (), {}, False)]


@pytest.mark.parametrize("job", [FULL, BARE], ids=["full", "bare"])
def test_a_job_comes_back_from_its_row_as_it_was(job: Job) -> None:
    assert items.job_of(items.job_item(job)) == job


def test_a_new_row_has_what_its_indexes_read() -> None:
    item = items.job_item(replace(BARE, due_at=NOW))
    assert (item["pk"], item["sk"]) == ({"S": "JOB#" + "0" * 32}, {"S": "JOB"})
    indexed = {name: item[name]["S"] for name in ("open_status", "due_at", "day", "source_uri")}
    assert indexed == {
        "open_status": "CLAIMED",
        "due_at": "2026-11-21T14:00:00.123Z",
        "day": "2026-11-21",
        "source_uri": "in/a.jpg",
    }


def test_absent_attributes_take_no_room() -> None:
    assert not [name for name, value in items.job_item(BARE).items() if value == {"NULL": True}]


@given(moments, moments)
def test_stamps_sort_as_their_times(one: datetime, other: datetime) -> None:
    cut = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in (one, other)]
    assert (timestamps.stamp(one) < timestamps.stamp(other)) == (cut[0] < cut[1])
    assert timestamps.moment(timestamps.stamp(one)) == cut[0]


def test_stamps_are_utc_whatever_the_zone() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=9)))
    assert timestamps.stamp(there) == timestamps.stamp(NOW) == "2026-11-21T14:00:00.123Z"


def test_a_write_names_every_attribute_it_uses() -> None:
    write = Write(
        items.job_key("x"),
        set={"status": JobStatus.FAILED},
        add={"polls": 1},
        remove=["error"],
        when=["attribute_not_exists(#lease_until) OR #lease_until <= :now", "#run = :run"],
        values={"now": NOW, "run": 1},
    )
    request = write.request("ledger")
    assert request["UpdateExpression"] == "SET #status = :set_status ADD #polls :add_polls REMOVE #error"
    assert set(request["ExpressionAttributeNames"].values()) == {"status", "polls", "error", "lease_until", "run"}
    assert set(request["ExpressionAttributeValues"]) == {":set_status", ":add_polls", ":now", ":run"}


def test_clauses_with_alternatives_are_kept_apart() -> None:
    condition = Write(items.job_key("x"), set={"a": 1}, when=["#b OR #c", "#d"]).request("t")["ConditionExpression"]
    assert condition == "(#b OR #c) AND (#d)"


def test_a_write_without_changes_is_a_condition_only() -> None:
    check = Write(items.job_key("x"), when=["#run = :run"], values={"run": 1})
    assert check.changes_nothing
    assert "UpdateExpression" not in check.check("ledger")
