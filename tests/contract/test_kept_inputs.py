"""A lost submit by link, found by the image that the vendor keeps: the lookup over real adapters, sockets and simulators."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import pytest
from tests.contract.capability_marks import needs, small_pictures
from tests.contract.input_pictures import noise
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import ProviderUnavailable
from darkroom.model import (
    DispatchRecord,
    FoundProcess,
    Job,
    JobStatus,
    SourceObject,
    Submission,
    Upload,
)
from darkroom.pipeline.kept_input_lookup import MAX_CANDIDATES, MAX_COMPARED, KeptInputLookup, Undecided

pytestmark = [needs("kept inputs"), small_pictures]

SOON = timedelta(seconds=5)


@dataclass
class Bucket:
    """An input bucket with one object, and a ledger that knows which processes other runs have."""

    body: bytes
    opened: int = 0
    taken: set[str] = field(default_factory=set)

    def find(self, upload: Upload) -> SourceObject:
        return SourceObject(upload.bucket, upload.key, "1", "etag", len(self.body), datetime.now(UTC))

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        return lambda offset, length: self.body[offset : offset + length]

    def open(self, source: SourceObject) -> IO[bytes]:
        self.opened += 1
        return io.BytesIO(self.body)

    def is_taken(self, job: Job, process_id: str) -> bool:
        return process_id in self.taken


@pytest.fixture
def bucket(under_test: SimulatedProvider) -> Bucket:
    under_test.add_fault("unnamed", times=None)
    return Bucket(noise(under_test.side))


def submitted(under_test: SimulatedProvider, content: bytes | None = None, **tags: str) -> Submission:
    """Submit an image by link. The list does not name it."""
    plan = under_test.plan(**under_test.link_tags, **tags)
    return under_test.provider.submit(plan, under_test.image(content), under_test.handle(), under_test.keep)


def job_of(under_test: SimulatedProvider, **tags: str) -> Job:
    """Return the job whose submit was lost."""
    plan = under_test.plan(**under_test.link_tags, **tags)
    key = {"bucket": "in", "key": "a.png"}
    source = SourceObject(**key, version_id="1", etag="etag", size_bytes=0, last_modified=datetime.now(UTC))
    return Job(
        job_id=source.job_id,
        run=1,
        attempt=2,
        status=JobStatus.SUBMITTING,
        source_bucket="in",
        source_key="a.png",
        source_version="1",
        source_order=source.order,
        created_at=under_test.since,
        deadline_at=under_test.since + timedelta(days=1),
        provider=under_test.vendor,
        model=plan.model,
        settings=plan.settings,
        dispatch=DispatchRecord(
            output_bucket="out",
            output_key="a.png",
            output_format=plan.output_format.value,
            send_mode=plan.send_mode,
            reserved_at=under_test.since,
        ),
    )


def look_up(under_test: SimulatedProvider, bucket: Any, provider: Any = None, **tags: str) -> FoundProcess | Undecided:
    lookup = KeptInputLookup(sources=bucket, ledger=bucket, clock=lambda: datetime.now(UTC))
    return lookup(provider or under_test.provider, job_of(under_test, **tags), datetime.now(UTC) + SOON)


def why(found: FoundProcess | Undecided) -> str:
    assert isinstance(found, Undecided)
    return found.why


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"scale": "2"},
        {"output_format": "jpeg", "sharpen": "0.5"},
        {"face_enhancement": "true", "subject_detection": "foreground"},
        {"model": "Redefine", "prompt": "a cat", "creativity": "3", "output_width": "300", "output_height": "300"},
    ],
    ids=lambda tags: " ".join(tags) or "nothing",
)
def test_it_is_found_by_its_bytes_whatever_its_settings(
    under_test: SimulatedProvider, bucket: Bucket, tags: dict[str, str]
) -> None:
    submission = submitted(under_test, **tags)
    assert under_test.find(**under_test.link_tags) is None
    found = look_up(under_test, bucket, **tags)
    assert isinstance(found, FoundProcess), found
    assert found.process_id == submission.process_id


def test_it_is_found_while_it_runs_and_after_it_ended(under_test: SimulatedProvider, bucket: Bucket) -> None:
    under_test.keep_next_running()
    running = submitted(under_test).process_id
    assert [getattr(look_up(under_test, bucket), "process_id", None)] == [running]
    under_test.provider.cancel(running)
    assert [getattr(look_up(under_test, bucket), "process_id", None)] == [running]


@pytest.mark.parametrize(
    ("sent", "lost"),
    [
        ({"sharpen": "0.5"}, {"sharpen": "0.4"}),
        ({"sharpen": "0.5"}, {}),
        ({"scale": "2"}, {}),
        ({"output_format": "jpeg"}, {}),
        ({"model": "CGI"}, {}),
        ({"synchronous": "true"}, {}),
    ],
    ids=str,
)
def test_the_same_image_with_other_settings_is_not_taken(
    under_test: SimulatedProvider, bucket: Bucket, sent: dict[str, str], lost: dict[str, str]
) -> None:
    submitted(under_test, **sent)
    assert "has no process" in why(look_up(under_test, bucket, **lost))
    assert under_test.requests("input") == []


def test_another_image_of_the_same_length_is_not_taken(under_test: SimulatedProvider, bucket: Bucket) -> None:
    changed = bytearray(bucket.body)
    changed[-1] ^= 1  # the checksum of IEND, which the simulator does not check
    submitted(under_test, bytes(changed))
    assert "has no process" in why(look_up(under_test, bucket))


def test_an_image_of_another_length_costs_one_link_and_one_ranged_read(
    under_test: SimulatedProvider, bucket: Bucket
) -> None:
    submitted(under_test, noise(under_test.side) + b"\0")
    under_test.simulator.journal.clear()
    assert "has no process" in why(look_up(under_test, bucket))
    assert [request["operation"] for request in under_test.requests()] == ["list", "input", "result"]
    assert bucket.opened == 0


def test_one_of_two_equal_images_is_never_chosen(under_test: SimulatedProvider, bucket: Bucket) -> None:
    both = [submitted(under_test).process_id for _ in range(2)]
    reason = why(look_up(under_test, bucket))
    assert all(process_id in reason for process_id in both)


def test_a_process_of_another_run_is_not_taken(under_test: SimulatedProvider, bucket: Bucket) -> None:
    others, own = (submitted(under_test).process_id for _ in range(2))
    bucket.taken = {others}
    assert getattr(look_up(under_test, bucket), "process_id", None) == own
    bucket.taken = {others, own}
    assert "has no process" in why(look_up(under_test, bucket))


def test_a_process_that_a_list_names_is_not_looked_at(under_test: SimulatedProvider, bucket: Bucket) -> None:
    under_test.simulator.faults.clear()
    submitted(under_test)
    assert "has no process" in why(look_up(under_test, bucket))
    assert under_test.requests("input") == []


def test_an_image_that_cannot_be_read_leaves_it_undecided(under_test: SimulatedProvider, bucket: Bucket) -> None:
    submitted(under_test)
    under_test.add_fault("error_before", on="input", status=404)
    assert "cannot be read" in why(look_up(under_test, bucket))
    under_test.add_fault("cut", on="result", times=None)
    assert "cannot be read" in why(look_up(under_test, bucket))


def test_a_vendor_that_does_not_answer_is_asked_again(under_test: SimulatedProvider, bucket: Bucket) -> None:
    submitted(under_test)
    for operation in ("list", "input"):
        under_test.add_fault("error_before", on=operation, status=503)
        with pytest.raises(ProviderUnavailable):
            look_up(under_test, bucket)


def test_the_number_of_images_that_are_looked_at_is_bounded(under_test: SimulatedProvider, bucket: Bucket) -> None:
    for _ in range(MAX_COMPARED + 1):
        submitted(under_test)
    assert "length" in why(look_up(under_test, bucket))
    assert bucket.opened == 1
    for _ in range(MAX_CANDIDATES - MAX_COMPARED):
        submitted(under_test)
    under_test.simulator.journal.clear()
    assert "too many" in why(look_up(under_test, bucket))
    assert under_test.requests("input") == []


def test_no_key_is_sent_where_the_images_lie(under_test: SimulatedProvider, bucket: Bucket) -> None:
    submitted(under_test)
    look_up(under_test, bucket)
    assert under_test.requests("result")
    assert not any(request["key_leaked"] or request["auth_header"] for request in under_test.requests("result"))
