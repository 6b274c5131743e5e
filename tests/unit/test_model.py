"""Tests the domain's objects: when two messages mean the same upload, how versions are ordered, and what a handle names."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom import model
from darkroom.model import TERMINAL, Handle, ImageFormat, Job, JobStatus, PollStatus, SourceObject
from darkroom.pipeline.lost_uploads import LATEST

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)
VERSIONED = SourceObject("in", "a.jpg", "v1", "e1", 9, NOW, sequencer="0A")
PLAIN = replace(VERSIONED, version_id=None)
words = st.text(min_size=1, max_size=12)


def test_a_job_id_is_32_hex_digits() -> None:
    assert re.fullmatch("[0-9a-f]{32}", VERSIONED.job_id)
    assert re.fullmatch("[0-9a-f]{32}", PLAIN.job_id)


def test_job_ids_never_change() -> None:
    """Ledgers and receipts contain job ids. If the id of an object changed, the object would be paid for again."""
    assert (VERSIONED.job_id, PLAIN.job_id) == ("be197c286fa2e2dc8aea30b929d1cbb1", "dde28172a2e7a687e9c3287f479f2c80")


@each_row("change", [{"etag": "e2"}, {"size_bytes": 1}, {"sequencer": None}, {"content_type": "x/y"},
                                    {"metadata": {"a": "b"}}, {"last_modified": NOW + timedelta(days=1)}])  # fmt: skip
def test_a_version_is_the_same_upload_whatever_else_is_known_of_it(change: dict[str, object]) -> None:
    assert replace(VERSIONED, **change).job_id == VERSIONED.job_id  # type: ignore[arg-type]


@each_row("change", [{"etag": "e2"}, {"last_modified": NOW + timedelta(seconds=1)}, {"key": "b.jpg"},
                                    {"bucket": "in2"}, {"version_id": "v1"}])  # fmt: skip
def test_without_versions_content_and_time_tell_uploads_apart(change: dict[str, object]) -> None:
    assert replace(PLAIN, **change).job_id != PLAIN.job_id  # type: ignore[arg-type]


@each_row("change", [{"sequencer": None}, {"last_modified": NOW + timedelta(milliseconds=400)},
                                    {"last_modified": NOW.astimezone(UTC)}])  # fmt: skip
def test_without_versions_event_and_listing_agree(change: dict[str, object]) -> None:
    assert replace(PLAIN, **change).job_id == PLAIN.job_id  # type: ignore[arg-type]


@given(st.tuples(words, words, words), st.tuples(words, words, words))
def test_different_versions_have_different_ids(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    if "\x00" in "".join(one + other):
        return
    ids = [SourceObject(bucket, key, version, "e", 1, NOW).job_id for bucket, key, version in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)


def test_versions_sort_by_time_then_by_sequencer_as_s3_compares_them() -> None:
    second = timedelta(seconds=1)
    oldest_first = [
        replace(VERSIONED, last_modified=NOW - second, sequencer="FF"),
        replace(VERSIONED, sequencer=None),
        replace(VERSIONED, sequencer="0055AED6DCD90281E5"),
        replace(VERSIONED, sequencer="0055AED6DCD902C1"),  # S3 pads the shorter one with zeros on the right
        replace(VERSIONED, sequencer="0055AED6DD"),
        replace(VERSIONED, sequencer=LATEST),
        replace(VERSIONED, last_modified=NOW + second, sequencer="01"),
    ]
    assert sorted(oldest_first, key=lambda source: source.order) == oldest_first


def test_a_handle_names_job_run_and_attempt_and_is_found_by_its_run() -> None:
    handle = Handle("f" * 32, 2, 3)
    assert str(handle) == f"{'f' * 32}-2-3"
    assert str(replace(handle, attempt=12)).startswith(handle.prefix)
    assert not str(replace(handle, run=21)).startswith(handle.prefix)


def test_every_status_is_either_terminal_or_open() -> None:
    opened = {JobStatus.CLAIMED, JobStatus.SUBMITTING, JobStatus.IN_DOUBT, JobStatus.PROCESSING}
    assert opened | TERMINAL == set(JobStatus)
    assert not opened & TERMINAL


def test_content_types_are_exact() -> None:
    assert [form.content_type for form in ImageFormat] == [
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "image/gif",
    ]


@each_row("kind", [v for v in vars(model).values() if hasattr(v, "__dataclass_fields__")])
def test_the_words_of_the_domain_cannot_be_changed(kind: type) -> None:
    blank = object.__new__(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(blank, fields(kind)[0].name, None)


def claimed() -> Job:
    return Job(
        job_id="0" * 32,
        run=1,
        attempt=1,
        status=JobStatus.CLAIMED,
        source_bucket="in",
        source_key="d/a.jpg",
        source_version=None,
        source_order="",
        created_at=NOW,
        deadline_at=NOW,
    )


def test_a_job_shows_its_source_and_whether_it_ended() -> None:
    job = claimed()
    assert (job.source_uri, job.is_terminal) == ("in/d/a.jpg", False)
    assert replace(job, status=JobStatus.SKIPPED).is_terminal


@each_row("part", ["provider", "model", "dispatch", "reservation", "process"])
def test_what_a_job_lacks_is_never_taken_for_something(part: str) -> None:
    with pytest.raises(ValueError, match=f"CLAIMED and has no {part}"):
        getattr(claimed(), f"require_{part}")()


def test_what_the_state_machine_is_told_beside_a_jobs_status_is_none_of_them() -> None:
    assert {status.value for status in PollStatus}.isdisjoint(status.value for status in JobStatus)
