"""Tests how the sweep walks through the input bucket. Objects that never get a job delay no upload, and are not sent for ever."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, TABLE, Cloud, cloud
from tests.integration.test_lost_uploads import LATE, Listing, fed, rounds, watch
from tests.integration.time_support import Replaced

from darkroom.aws import items
from darkroom.model import JobStatus, ProcessState, SourceObject, Upload
from darkroom.pipeline import lost_uploads
from darkroom.pipeline.lost_uploads import EVERY, MAX_SENT, RESEND_INTERVAL


@pytest.fixture
def watched(account: Cloud) -> ApplicationUnderTest:
    application = ApplicationUnderTest(account)
    watch(application)
    return application


@pytest.fixture
def unread(watched: ApplicationUnderTest) -> ApplicationUnderTest:
    """Return a watched application whose input bucket refuses to read keys under `enc/`."""
    find = watched.ports["sources"].find

    def refused(upload: Upload) -> SourceObject:
        if upload.key.startswith("enc/"):
            raise PermissionError("HeadObject: 403, kms:Decrypt")
        return find(upload)  # type: ignore[no-any-return]

    watched.ports["sources"] = Replaced(watched.ports["sources"], find=refused)
    return watched


def walk(application: ApplicationUnderTest, count: int) -> None:
    """Run `count` rounds and deliver the messages of each. A message that fails is not delivered again."""
    for _ in range(count):
        application.clock.advance(EVERY)
        before = len(application.queue.sent)
        application.sweep()
        for what, _ in application.queue.sent[before:]:
            try:
                application.submit(what)
            except PermissionError:
                continue


def at(number: int, moment: datetime) -> SourceObject:
    return SourceObject(INPUT, f"{number:05}.jpg", f"v{number}", "e", 9, moment)


def test_a_hundred_unreadable_uploads_delay_no_other(unread: ApplicationUnderTest) -> None:
    for number in range(MAX_SENT):
        unread.cloud.put(f"enc/{number:03}.jpg", b"x")
    unread.cloud.put("z.jpg", picture())
    unread.clock.advance(LATE)
    walk(unread, 2)
    assert Counter(fed(unread))["z.jpg"] == 1
    assert unread.job().status is JobStatus.PROCESSING


def test_an_unreadable_upload_is_sent_once_a_day(watched: ApplicationUnderTest) -> None:
    objects = [at(number, watched.clock()) for number in range(MAX_SENT + 20)]
    watched.ports["sources"] = Listing(objects)
    watched.clock.advance(LATE)
    keys = {one.key for one in objects}
    for hours, times in ((1, 1), (20, 1), (4, 2), (20, 2), (4, 3)):
        for _ in range(timedelta(hours=hours) // EVERY):
            watched.clock.advance(EVERY)
            watched.sweep()
        assert Counter(fed(watched)) == dict.fromkeys(keys, times)


def test_an_upload_that_becomes_readable_is_a_job_within_a_day(unread: ApplicationUnderTest) -> None:
    unread.cloud.put("enc/a.jpg", picture())
    unread.clock.advance(LATE)
    walk(unread, 3)
    unread.ports["sources"] = unread.ports["sources"]._port
    walk(unread, RESEND_INTERVAL // EVERY)
    assert unread.job().status is JobStatus.PROCESSING


def test_each_upload_is_sent_by_the_first_round_in_which_it_is_late(watched: ApplicationUnderTest) -> None:
    objects: list[SourceObject] = []
    watched.ports["sources"] = Listing(objects)
    start = watched.clock()
    for number in range(40):
        for minute in range(1, 15, 4):
            objects.append(at(len(objects), start + number * EVERY + timedelta(minutes=minute)))
        watched.clock.now = start + (number + 1) * EVERY
        watched.sweep()
        late = [one.key for one in objects if one.last_modified <= watched.clock() - timedelta(minutes=15)]
        assert sorted(fed(watched)) == late


def test_uploads_behind_a_long_walk_are_sent_by_the_next_one(
    watched: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_uploads, "PAGES", 5)
    old = [at(1000 + number, watched.clock()) for number in range(3 * 5 * 1000)]
    known = {one.job_id for one in old}
    watched.ports["sweep_queries"] = Replaced(
        watched.ports["sweep_queries"], find_without_job=lambda ids: set(ids) - known
    )
    numbers, new = count(), list[SourceObject]()
    watched.ports["sources"] = listing = Listing([])
    for _ in range(12):
        new.append(at(next(numbers), watched.clock()))
        listing.objects = [*new, *old]
        watched.clock.advance(LATE)
        watched.sweep()
    times = Counter(fed(watched))
    assert {one.key for one in new[:-4]} <= times.keys()
    assert max(times.values()) <= 2


def test_a_walk_of_another_release_starts_again(watched: ApplicationUnderTest) -> None:
    watched.cloud.put("a.jpg", picture())
    for noted in ('["z.jpg", "v9"]', "0", "{}", "no json"):
        watched.ports["sweep_queries"].save_cursor(INPUT, noted)
        watched.clock.advance(LATE)
        watched.sweep()
    assert fed(watched) == ["a.jpg"] * 4


def test_the_saved_position_of_a_walk_stays_small(watched: ApplicationUnderTest) -> None:
    watched.ports["sources"] = Listing([at(number, watched.clock()) for number in range(6000)])
    watched.clock.advance(LATE)
    watched.sweep()
    key = items.own_key("SWEEP", f"BUCKET#{INPUT}")
    noted = watched.cloud.dynamodb.get_item(TableName=TABLE, Key=key)["Item"]["cursor"]["S"]
    assert len(noted) < 400
    assert json.loads(noted)["after"] == at(MAX_SENT - 1, watched.clock()).job_id


# --- versions -------------------------------------------------------------------------------------------------------


@pytest.fixture
def half_versioned() -> Iterator[ApplicationUnderTest]:
    """Return an application whose bucket got versioning after `a.jpg` was put, so the version id of `a.jpg` is `null`."""
    with cloud(versioned=False, emulated=["s3"]) as account:
        application = ApplicationUnderTest(account)
        watch(application)
        application.cloud.put("a.jpg", picture(noise=1))
        account.s3.put_bucket_versioning(Bucket=INPUT, VersioningConfiguration={"Status": "Enabled"})
        yield application


def test_a_version_without_an_id_is_sent_while_it_is_the_latest(half_versioned: ApplicationUnderTest) -> None:
    rounds(half_versioned, 1)
    assert (fed(half_versioned), half_versioned.job().status) == (["a.jpg"], JobStatus.PROCESSING)


def test_a_version_without_an_id_that_is_not_the_latest_is_not_sent(half_versioned: ApplicationUnderTest) -> None:
    latest = half_versioned.cloud.put("a.jpg", picture(noise=2))
    rounds(half_versioned, 3)
    assert [what.version_id for what, _ in half_versioned.queue.sent if isinstance(what, Upload)] == [latest.version_id]


def two_versions(application: ApplicationUnderTest) -> list[Upload]:
    """Return two versions of one key, written in the same second, with their sequencers."""
    for number in count():
        key = f"{number}.jpg"
        uploads = [application.cloud.put(key, picture(noise=noise)) for noise in (1, 9)]
        listed = application.cloud.s3.list_object_versions(Bucket=INPUT, Prefix=key)["Versions"]
        if len({one["LastModified"] for one in listed}) == 1:
            return [
                Upload(one.bucket, key, one.version_id, one.etag, f"0055AED6DCD9{place}")
                for place, one in enumerate(uploads)
            ]
        for one in uploads:
            application.cloud.s3.delete_object(Bucket=INPUT, Key=key, VersionId=one.version_id)
    raise AssertionError("the loop has no end, so this line is never reached")


@pytest.mark.parametrize("lost", [[0], [1], [0, 1]], ids=["the older's event", "the newer's", "both"])
@pytest.mark.parametrize("backwards", [False, True])
def test_of_two_versions_of_one_second_the_newer_ones_result_stands(
    watched: ApplicationUnderTest, lost: list[int], backwards: bool
) -> None:
    watched.clock.now = datetime.now(UTC)
    uploads = two_versions(watched)
    for number, upload in enumerate(uploads):
        if number not in lost:
            watched.submit(upload)
    rounds(watched, 2)
    jobs: dict[Any, Any] = {job.source_version: job for job in watched.cloud.jobs()}
    older, newer = (jobs[upload.version_id] for upload in uploads)
    watched.provider.become(ProcessState.COMPLETED)
    for job in (newer, older) if backwards else (older, newer):
        watched.clock.advance(LATE)
        watched.finalize(job)
    assert watched.cloud.head(newer.dispatch.output_key)["Metadata"]["darkroom-job"] == newer.job_id
    assert watched.ledger.get(newer.job_id).superseded in (None, False)  # type: ignore[union-attr]
