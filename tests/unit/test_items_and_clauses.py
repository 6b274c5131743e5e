"""Tests the ledger's items and conditions: no part of a job is lost, times sort as text, and conditions are plain text."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom import timestamps
from darkroom.aws import items
from darkroom.aws.expressions import Write
from darkroom.model import GROUPS, Job, JobStatus, SendMode


def cut(moment: datetime) -> datetime:
    """Return the time as the ledger keeps it, cut to the millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


NOW = datetime(2026, 11, 21, 14, 0, 0, 123000, tzinfo=UTC)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
amounts = st.decimals(0, 10**6, places=6)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
OF_A_TYPE = {
    "str": words, "int": st.integers(0, 10**6), "bool": st.booleans(), "datetime": moments.map(cut), "Decimal": amounts,
    "JobStatus": st.sampled_from(JobStatus), "SendMode": st.sampled_from(SendMode),
    "Mapping[str, str]": st.dictionaries(words, words, max_size=3),
    "tuple[str, ...]": st.sets(words, max_size=3).map(lambda names: tuple(sorted(names))),
}  # fmt: skip


def any_of(kind: type) -> st.SearchStrategy[Any]:
    """Return a strategy that makes the dataclass with any values that its fields may have. Fields that may be absent
    sometimes are.
    """
    return st.builds(kind, **{field.name: _values(str(field.type)) for field in fields(kind)})


def _values(declared: str) -> st.SearchStrategy[Any]:
    named = declared.removesuffix(" | None")
    groups = {group.__name__: group for group in GROUPS.values()}
    there = any_of(groups[named]) if named in groups else OF_A_TYPE[named]
    return there if named == declared else st.none() | there


BARE = Job(
    job_id="0" * 32,
    run=1,
    attempt=1,
    status=JobStatus.CLAIMED,
    source_bucket="in",
    source_key="a.jpg",
    source_version=None,
    source_order="o",
    created_at=NOW,
    deadline_at=NOW,
)


@given(any_of(Job))
@example(BARE)
def test_a_job_comes_back_from_its_row_as_it_was(job: Job) -> None:
    assert items.job_of(items.job_item(job)) == job


@each_row("name", ["process_id", "credits_reserved", "output_key"])
def test_a_row_with_a_part_of_a_group_is_not_read_as_one_without_it(name: str) -> None:
    with pytest.raises(TypeError, match="missing"):
        items.job_of(items.job_item(BARE) | {name: items.wire("x")})


def test_a_row_is_flat() -> None:
    assert BARE.attributes.keys() == {
        "job_id", "run", "attempt", "status", "source_bucket", "source_key", "source_version", "source_order",
        "created_at", "deadline_at", "lease_until", "next_attempt_at", "denied_since",
        "failing_since", "provider", "model", "settings", "label", "lost_at", "lost_attempt",
        "process_id", "key_fingerprint", "credits_reserved", "credits_charged", "credits", "credit_price_usd", "cost_usd",
        "budget_month", "reserved_at", "output_bucket", "output_key", "output_format", "send_mode", "staged", "superseded",
        "error_code", "error", "submitted_at", "eta", "completed_at", "published_at", "cancel_requested_at", "due_at",
        "polls", "orphans", "drops_tags", "result_notes", "told_at", "told_process_id",
        "told_by",
    }  # fmt: skip


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
    assert (timestamps.stamp(one) < timestamps.stamp(other)) == (cut(one) < cut(other))
    assert timestamps.moment(timestamps.stamp(one)) == cut(one)


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
