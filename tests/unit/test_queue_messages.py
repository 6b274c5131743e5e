"""Tests messages in and out. S3's two kinds of notification become uploads, our own message names a due job, and jobs
become details of events.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom import queue_messages, timestamps
from darkroom.model import TERMINAL, Job, JobDue, JobStatus, ProviderProcess, Reservation, Upload

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "events"
JOB = Job(
    job_id="0" * 32,
    run=1,
    attempt=2,
    status=JobStatus.COMPLETED,
    source_bucket="in",
    source_key="a.jpg",
    source_version="v1",
    source_order="order",
    created_at=NOW,
    deadline_at=NOW,
    lease_until=NOW,
    credits=Decimal("1.5"),
    cost_usd=Decimal("0.18"),
    reservation=Reservation(
        credits_reserved=Decimal(2),
        credit_price_usd=Decimal("0.12"),
        budget_month="2026-11",
        key_fingerprint="abcdef",
    ),
    settings={"model": "Standard V2"},
    orphans=("p-9",),
)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def bodies(sample: str) -> list[str]:
    return [record["body"] for record in json.loads((SAMPLES / sample).read_text())["Records"]]


def record(key: str, name: str = "ObjectCreated:Put", **s3_object: Any) -> dict[str, Any]:
    return {"eventName": name, "s3": {"bucket": {"name": "in"}, "object": {"key": key, **s3_object}}}


def test_the_sample_of_eventbridge_is_read_with_its_raw_key() -> None:
    (upload,) = queue_messages.parse_message(bodies("object-created.json")[0])
    assert upload.key == "holidays/été 2026/plage +1.jpg"
    assert (upload.version_id, upload.sequencer) == ("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "00617F08299329D189")


def test_the_sample_of_s3_is_read_with_its_decoded_keys_and_without_removals() -> None:
    first, second = queue_messages.parse_message(bodies("s3-notification.json")[0])
    assert (first.key, second.key) == ("holidays/été 2026/plage +1.jpg", "scans/negative-0042.tif")
    assert second.version_id is None  # S3 writes `null` if there is no version


def test_the_test_event_names_nothing() -> None:
    assert queue_messages.parse_message(bodies("s3-test-event.json")[0]) == ()


@given(names, st.none() | names, st.none() | st.text("0123456789abcdef", min_size=1))
def test_a_message_put_back_names_the_same_upload(key: str, version: str | None, etag: str | None) -> None:
    version = None if version == "null" else version
    upload = Upload("in", key, version, etag, "0A")
    assert queue_messages.parse_message(queue_messages.to_message(upload)) == (upload,)


@given(st.text("0123456789abcdef", min_size=32, max_size=32))
def test_a_due_job_comes_back_by_its_id(job_id: str) -> None:
    assert queue_messages.parse_message(queue_messages.to_message(JobDue(job_id))) == (JobDue(job_id),)


def test_a_message_says_that_it_is_ours_and_what_it_names() -> None:
    due, upload = (json.loads(queue_messages.to_message(what)) for what in (JobDue("0" * 32), Upload("in", "a.jpg")))
    assert (due["source"], due["detail-type"], due["detail"]) == ("darkroom", "Job Due", {"job_id": "0" * 32})
    assert (upload["source"], upload["detail-type"]) == ("darkroom", "Object Created")


@each_row("more", [{}, {"detail": {}}, {"detail": None}, {"detail": []}, {"detail": "x"}, {"detail": 5},
    *({"detail": {"job_id": job_id}} for job_id in (None, 5, "", [], {}, "x", "0" * 31, "0" * 33))])  # fmt: skip
def test_a_due_job_without_an_id_is_malformed(more: dict[str, Any]) -> None:
    with pytest.raises(queue_messages.MalformedMessage):
        queue_messages.parse_message(json.dumps({"source": "darkroom", "detail-type": "Job Due", **more}))


@given(st.lists(names, max_size=5))
def test_url_encoded_keys_are_read_as_they_were(keys: list[str]) -> None:
    body = json.dumps({"Records": [record(quote_plus(key, safe="/")) for key in keys]})
    assert [upload.key for upload in queue_messages.parse_message(body)] == keys


def test_an_etag_in_quotes_is_read_without() -> None:
    (upload,) = queue_messages.parse_message(json.dumps({"Records": [record("a", eTag='"abc"', versionId="null")]}))
    assert (upload.etag, upload.version_id) == ("abc", None)


@each_row("name", ["ObjectRemoved:Delete", "ObjectTagging:Put", "s3:ObjectRestore:Completed"])
def test_other_records_are_no_uploads(name: str) -> None:
    assert queue_messages.parse_message(json.dumps({"Records": [record("a", name)]})) == ()


def test_the_longer_event_names_of_older_notifications_count() -> None:
    assert len(queue_messages.parse_message(json.dumps({"Records": [record("a", "s3:ObjectCreated:Copy")]}))) == 1


@each_row(
    "body",
    ["", "x", "[]", "{}", "1", "null", '"Records"', '{"Records": [{}]}', '{"Records": 1}', '{"Records": [1]}',
     '{"detail-type": "Object Created"}', '{"detail-type": "Object Created", "detail": {"object": {"key": 5}}}',
     '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": 5}}}]}'],
)  # fmt: skip
def test_anything_else_is_malformed(body: str) -> None:
    with pytest.raises(queue_messages.MalformedMessage):
        queue_messages.parse_message(body)


@given(st.text())
def test_every_text_is_either_read_or_malformed(body: str) -> None:
    with contextlib.suppress(queue_messages.MalformedMessage):
        assert isinstance(queue_messages.parse_message(body), tuple)


def test_a_detail_is_public_json_without_blanks() -> None:
    detail = queue_messages.event_detail(JOB)
    assert json.loads(json.dumps(detail)) == detail
    assert (detail["credits"], detail["credits_reserved"], detail["cost_usd"]) == (1.5, 2, 0.18)
    assert (detail["status"], detail["created_at"]) == ("COMPLETED", "2026-11-21T14:00:00.000Z")
    assert {"lease_until", "key_fingerprint", "orphans", "source_order", "eta", "label"}.isdisjoint(detail)


@each_row("micros", [0, 123_000, 999_999])
def test_times_are_written_as_the_ledger_writes_them(micros: int) -> None:
    moment = NOW.replace(microsecond=micros)
    there = moment.astimezone(timezone(timedelta(hours=9)))
    bound = ProviderProcess(process_id="p", eta=there, submitted_at=moment)
    detail = queue_messages.event_detail(replace(JOB, created_at=moment, process=bound))
    assert detail["created_at"] == detail["eta"] == timestamps.stamp(moment)
    assert queue_messages.plain(moment) == timestamps.stamp(moment)


def test_every_public_name_is_an_attribute_of_a_job() -> None:
    assert set(queue_messages.PUBLIC) <= JOB.attributes.keys()


@each_row("status", JobStatus)
def test_every_end_but_a_skip_and_every_doubt_has_an_event(status: JobStatus) -> None:
    announced = replace(JOB, status=status).status in queue_messages.DETAIL_TYPES
    assert announced == (status is JobStatus.IN_DOUBT or (status in TERMINAL and status is not JobStatus.SKIPPED))
