"""Tests that the sweep sends each lost upload once, finds abandoned multipart uploads, and touches nothing else."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE, Cloud, cloud
from tests.integration.time_support import Replaced, WorkerDied, die, uploads
from tests.integration.walk_support import LATE, Listing, fed, listed, rounds, watch

from darkroom.aws import items
from darkroom.model import JobStatus, ProcessState, SourceObject, Upload
from darkroom.output_keys import RECEIPT_JOB
from darkroom.pipeline import lost_uploads
from darkroom.pipeline.lost_uploads import MAX_SENT


@pytest.fixture
def watched(application: ApplicationUnderTest) -> ApplicationUnderTest:
    watch(application)
    return application


@pytest.fixture(params=[True, False], ids=["versioned", "unversioned"])
def either(request: pytest.FixtureRequest) -> Iterator[ApplicationUnderTest]:
    with cloud(versioned=request.param) as account:
        application = ApplicationUnderTest(account)
        watch(application)
        yield application


def note_jobs(application: ApplicationUnderTest, sources: Sequence[SourceObject]) -> None:
    """Write the row of a finished job for each of `sources`."""
    like = {"sk": items.wire("JOB"), "status": items.wire("SKIPPED")}
    for one in sources:
        row = {**like, "pk": items.wire(f"JOB#{one.job_id}"), "job_id": items.wire(one.job_id)}
        application.cloud.dynamodb.put_item(TableName=TABLE, Item=row)


def test_a_lost_upload_is_sent_once_and_ends_as_one_job(either: ApplicationUnderTest) -> None:
    upload = either.cloud.put("a.jpg", picture())
    rounds(either, 4)
    assert fed(either) == ["a.jpg"]
    assert either.job().status is JobStatus.PROCESSING
    either.submit(upload)  # the upload's own event arrives after all
    assert (len(either.cloud.jobs()), len(either.provider.processes)) == (1, 1)
    either.assert_books_balance()


def test_a_lost_upload_has_the_identity_that_its_event_gives_it(either: ApplicationUnderTest) -> None:
    upload = either.cloud.put("a ü+&%.jpg", picture())
    from_event = either.ports["sources"].find(upload).job_id
    rounds(either, 1)
    assert either.job().job_id == from_event


def test_every_version_whose_event_was_lost_is_a_job_of_its_own(watched: ApplicationUnderTest) -> None:
    first, second = (watched.cloud.put("a.jpg", picture(noise=n)) for n in (1, 9))
    rounds(watched, 3)
    assert {job.source_version for job in watched.cloud.jobs()} == {first.version_id, second.version_id}
    assert len(fed(watched)) == 2


def test_an_event_is_given_its_quarter_of_an_hour(watched: ApplicationUnderTest) -> None:
    watched.cloud.put("a.jpg", picture())
    watched.clock.advance(timedelta(minutes=14))
    watched.sweep()
    watched.clock.advance(timedelta(minutes=15))
    assert fed(watched) == []
    watched.sweep()
    assert fed(watched) == ["a.jpg"]


def test_an_object_older_than_darkroom_is_never_sent(application: ApplicationUnderTest) -> None:
    application.cloud.put("old.jpg", picture())
    application.clock.now = datetime.now(UTC) + timedelta(seconds=2)
    rounds(application, 5)
    assert (fed(application), application.cloud.jobs()) == ([], [])


def test_an_upload_that_became_a_job_is_not_sent(watched: ApplicationUnderTest) -> None:
    watched.submit(watched.cloud.put("a.jpg", picture()))
    watched.submit(watched.cloud.put("b.jpg", b"no picture"))
    watched.submit(watched.cloud.put("c.jpg", picture(), tags="skip=true"))
    rounds(watched, 3)
    assert fed(watched) == []


def test_only_keys_under_the_prefix_with_a_suffix_are_sent_in_their_own_case(watched: ApplicationUnderTest) -> None:
    keys = ("in/a.jpg", "in/b.JPG", "in/c.png", "in/d.tif", "IN/e.jpg", "f.jpg", "in/jpg")
    for key in keys:
        watched.cloud.put(key, picture())
    rounds(watched, 2, prefix="in/", suffixes=(".jpg", ".png"))
    assert sorted(fed(watched)) == ["in/a.jpg", "in/c.png"]


def test_another_input_bucket_is_watched_from_its_first_sweep_on(application: ApplicationUnderTest) -> None:
    place = {"LocationConstraint": application.cloud.s3.meta.region_name}
    application.cloud.s3.create_bucket(Bucket="earlier", CreateBucketConfiguration=place)
    application.clock.now = datetime.now(UTC) - timedelta(minutes=2)
    application.make_container(INPUT_BUCKET="earlier").sweep(application.ends)
    application.clock.advance(timedelta(minutes=1))
    application.sweep()  # the first one after the stack was given another bucket
    application.cloud.put("a.jpg", picture())
    rounds(application, 3)
    assert fed(application) == ["a.jpg"]


def test_folders_and_reports_are_never_sent(watched: ApplicationUnderTest) -> None:
    for key in ("folder/", "_failed/a.jpg.json", "_darkroom/x.jpg"):
        watched.cloud.put(key, b"")
    rounds(watched, 3)
    assert (fed(watched), watched.cloud.jobs()) == ([], [])


def test_skipped_objects_and_outputs_of_darkroom_are_sent_once(watched: ApplicationUnderTest) -> None:
    watched.cloud.put("a.jpg", picture(), tags="skip=true")
    watched.cloud.put("b.jpg", picture(), Metadata={RECEIPT_JOB: "0" * 32})
    rounds(watched, 4)
    assert sorted(fed(watched)) == ["a.jpg", "b.jpg"]
    assert {job.status for job in watched.cloud.jobs()} == {JobStatus.SKIPPED}


def test_a_deleted_source_is_sent_only_as_long_as_its_version_exists(watched: ApplicationUnderTest) -> None:
    upload = watched.cloud.put("a.jpg", picture())
    watched.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    rounds(watched, 2)
    assert fed(watched) == []


def test_a_hundred_are_sent_in_one_round_the_rest_in_the_next_and_none_twice(account: Cloud) -> None:
    watched = ApplicationUnderTest(account)
    watch(watched)
    for number in range(MAX_SENT + 30):
        watched.cloud.put(f"{number:03}.jpg", b"no picture")
    rounds(watched, 1)
    first = len(fed(watched))
    rounds(watched, 3)
    assert first == MAX_SENT
    assert Counter(fed(watched)) == Counter({f"{number:03}.jpg": 1 for number in range(MAX_SENT + 30)})


def test_pages_of_versions_are_walked_to_their_end(watched: ApplicationUnderTest) -> None:
    keys = {upload.key for upload in uploads(watched, 7)}
    small = Replaced(
        watched.cloud.s3,
        list_object_versions=lambda **asked: watched.cloud.s3.list_object_versions(MaxKeys=3, **asked),
    )
    watched.ports["sources"] = dataclasses.replace(watched.ports["sources"], client=small)
    rounds(watched, 2)
    assert (sorted(fed(watched)), len(watched.cloud.jobs())) == (sorted(keys), 7)


def test_a_great_bucket_is_walked_over_several_rounds(
    watched: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_uploads, "PAGES", 5)
    objects = listed(watched, 6500)
    seen, lost = objects[:-3], objects[-3:]
    watched.ports["sweep_queries"] = Replaced(
        watched.ports["sweep_queries"], find_without_job=lambda ids: set(ids) & {one.job_id for one in lost}
    )
    watched.ports["sources"] = listing = Listing(objects)
    watched.clock.advance(LATE)
    watched.sweep()
    assert (fed(watched), listing.asked[-1]) == ([], "4000")
    watched.clock.advance(LATE)
    watched.sweep()
    assert fed(watched) == [one.key for one in lost]
    assert len(listing.asked) == len(seen) // 1000 + 1
    watched.clock.advance(LATE)
    watched.sweep()
    assert listing.asked[7:8] == [None]  # the walk starts from the beginning again


def test_a_round_that_is_full_goes_on_where_it_stopped(watched: ApplicationUnderTest) -> None:
    objects = listed(watched, 2100)
    lost = objects[990 : 990 + MAX_SENT + 20]
    ids = {one.job_id for one in lost}
    watched.ports["sweep_queries"] = Replaced(
        watched.ports["sweep_queries"], find_without_job=lambda asked: set(asked) & ids
    )
    watched.ports["sources"] = Listing(objects)
    for _ in range(3):
        watched.clock.advance(LATE)
        before = len(watched.queue.sent)
        watched.sweep()
        sent = [what for what, _ in watched.queue.sent[before:]]
        ids -= {one.job_id for one in lost if one.key in {what.key for what in sent if isinstance(what, Upload)}}
    assert fed(watched) == [one.key for one in lost]


def rounds_over(application: ApplicationUnderTest, count: int, lost: set[int]) -> tuple[Listing, list[list[str]]]:
    """Run two rounds over `count` objects in pages of 1,000, of which those with the numbers `lost` never get a job. Return the
    listing, and the keys that each round sent."""
    objects = listed(application, count)
    ids = {objects[number].job_id for number in lost}
    queries = Replaced(application.ports["sweep_queries"], find_without_job=lambda asked: set(asked) & ids)
    application.ports |= {"sweep_queries": queries, "sources": (listing := Listing(objects))}
    sent = list[list[str]]()
    for _ in range(2):
        application.clock.advance(LATE)
        before = len(fed(application))
        application.sweep()
        sent.append(fed(application)[before:])
    return listing, sent


def test_a_round_sends_a_hundred_however_many_pages_they_lie_on(watched: ApplicationUnderTest) -> None:
    lost = range(940, 1080)
    listing, sent = rounds_over(watched, 1500, set(lost))
    assert sent == [[f"{n:05}.jpg" for n in part] for part in (lost[:MAX_SENT], lost[MAX_SENT:])]
    assert listing.asked == [None, "1000", "1000"]  # a full round reads no further page
    assert {delay for _, delay in watched.queue.sent} == {0}


def test_a_round_that_sends_the_last_of_a_hundred_reads_on(watched: ApplicationUnderTest) -> None:
    listing, sent = rounds_over(watched, 1500, set(range(MAX_SENT)))
    assert [len(keys) for keys in sent] == [MAX_SENT, 0]
    assert listing.asked[:2] == [None, "1000"]


def test_a_round_ends_in_time_for_what_comes_after_it(watched: ApplicationUnderTest) -> None:
    listing = Listing(listed(watched, 3000))

    def slow(*asked: Any) -> Any:
        watched.clock.advance(INVOCATION)
        return listing.page(*asked)

    watched.ports["sources"] = Replaced(listing, page=slow)
    watched.clock.advance(LATE)
    watched.sweep()
    assert listing.asked == [None]


def test_jobs_of_a_page_are_looked_up_a_hundred_at_a_time(watched: ApplicationUnderTest) -> None:
    objects = listed(watched, 250)
    note_jobs(watched, objects[:249])
    watched.ports["sources"] = Listing(objects)
    watched.clock.advance(LATE)
    watched.sweep()
    assert fed(watched) == ["00249.jpg"]


def begun(application: ApplicationUnderTest, key: str) -> None:
    application.cloud.s3.create_multipart_upload(Bucket=OUTPUT, Key=key)


def left(account: Cloud) -> set[str]:
    return {upload["Key"] for upload in account.unfinished_uploads()}


def test_an_abandoned_multipart_upload_of_ours_is_aborted(watched: ApplicationUnderTest) -> None:
    watched.complete(watched.cloud.put("a.jpg", picture()))
    begun(watched, "a.jpg")
    watched.clock.advance(4 * LATE)
    rounds(watched, 1)
    assert left(watched.cloud) == set()
    assert watched.cloud.body("a.jpg") is not None


def test_multipart_uploads_of_others_are_left_alone(watched: ApplicationUnderTest) -> None:
    watched.complete(watched.cloud.put("a.jpg", picture()))
    begun(watched, "backup.tar")
    watched.clock.advance(4 * LATE)
    rounds(watched, 3)
    assert left(watched.cloud) == {"backup.tar"}


def test_a_multipart_upload_that_is_being_written_is_left_until_its_writers_time_is_over(
    watched: ApplicationUnderTest,
) -> None:
    watched.deliver(watched.cloud.put("a.jpg", picture()))
    begun(watched, "a.jpg")
    watched.clock.advance(4 * LATE)
    watched.provider.become(ProcessState.COMPLETED)
    watched.ports["outputs"] = Replaced(watched.ports["outputs"], write=die)
    with pytest.raises(WorkerDied):
        watched.finalize(watched.job())
    watched.sweep()
    assert left(watched.cloud) == {"a.jpg"}
    rounds(watched, 1)
    assert left(watched.cloud) == set()


def test_a_multipart_upload_younger_than_an_hour_is_left_alone(watched: ApplicationUnderTest) -> None:
    watched.complete(watched.cloud.put("a.jpg", picture()))
    begun(watched, "a.jpg")
    rounds(watched, 3)
    assert left(watched.cloud) == {"a.jpg"}
    rounds(watched, 1)
    assert left(watched.cloud) == set()


def test_objects_older_than_any_deadline_are_still_found(watched: ApplicationUnderTest) -> None:
    watched.cloud.put("a.jpg", picture())
    watched.clock.advance(DEADLINE * 2)
    watched.sweep()
    assert fed(watched) == ["a.jpg"]
