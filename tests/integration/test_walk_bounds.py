"""Tests the bounds of the walk through the input bucket: how many pages one round reads, and what a bad object or page delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, ApplicationUnderTest
from tests.fakes.aws_account import INPUT, client
from tests.integration.time_support import Replaced, uploads
from tests.integration.walk_support import LATE, Listing, fed, listed, watch

from darkroom.aws.intake_queue import SqsIntakeQueue
from darkroom.model import SourceObject, Upload, WarningMetric
from darkroom.pipeline import lost_uploads
from darkroom.pipeline.lost_uploads import RESEND_INTERVAL
from darkroom.pipeline.sweep import TIME_TO_ASK, SweepFailed
from darkroom.queue_messages import parse_message

DAY = timedelta(days=1)


@pytest.fixture
def watched(application: ApplicationUnderTest) -> ApplicationUnderTest:
    watch(application)
    return application


class SlowListing(Listing):
    """A listing of which each page takes `seconds` by the test's clock."""

    def __init__(self, application: ApplicationUnderTest, objects: Sequence[SourceObject], seconds: float) -> None:
        super().__init__(objects)
        self.application, self.seconds = application, seconds

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        self.application.clock.advance(self.seconds)
        return super().page(bucket, prefix, cursor)


def test_a_round_reads_as_many_pages_as_its_time_allows_and_no_more_than_its_bound(
    watched: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound = 40  # pages, more than a slow listing gives in one invocation
    monkeypatch.setattr(lost_uploads, "PAGES", bound)
    objects = [replace(one, last_modified=one.last_modified - 40 * DAY) for one in listed(watched, (bound + 40) * 1000)]
    watched.ports["sources"] = quick = SlowListing(watched, objects, 0.3)
    watched.clock.advance(LATE)
    watched.sweep()
    assert len(quick.asked) == bound
    watched.ports["sources"] = slow = SlowListing(watched, objects, 10)
    watched.clock.advance(LATE)
    began = watched.clock()
    watched.sweep()
    assert watched.clock() - began <= INVOCATION - TIME_TO_ASK + timedelta(seconds=10)
    assert slow.asked[0] == str(bound * 1000)
    assert len(slow.asked) == 26  # the pages that begin within 255 seconds


def test_a_bucket_that_takes_longer_than_a_day_to_read_is_counted(
    watched: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_uploads, "PAGES", 1)
    objects = [replace(one, last_modified=one.last_modified - 40 * DAY) for one in listed(watched, 3000)]
    watched.ports["sources"] = Listing(objects)
    watched.clock.advance(LATE)
    watched.sweep()
    assert watched.alerts.noted == []
    watched.clock.advance(RESEND_INTERVAL + LATE)
    watched.sweep()
    assert watched.alerts.noted == [WarningMetric.WALK_LATE]


def test_one_upload_that_the_queue_refuses_costs_only_itself(watched: ApplicationUnderTest) -> None:
    uploads(watched, 3)
    keys = [one.key for one in watched.ports["sources"].page(INPUT, "", None)[0]]

    def refuses(what: Any, delay: int) -> None:
        if isinstance(what, Upload) and what.key == keys[1]:
            raise RuntimeError("InvalidMessageContents")
        watched.queue.requeue(what, delay)

    watched.ports["intake"] = Replaced(watched.queue, requeue=refuses)
    watched.clock.advance(LATE)
    with pytest.raises(SweepFailed, match="LostUploads"):
        watched.sweep()
    assert sorted(fed(watched)) == sorted({keys[0], keys[2]})
    watched.clock.advance(LATE)
    watched.sweep()  # the walk went on after the refused upload, which it tries again a day later
    assert len(fed(watched)) == 2
    watched.ports["intake"] = watched.queue
    watched.clock.advance(RESEND_INTERVAL)
    watched.sweep()
    assert keys[1] in fed(watched)


def test_a_page_that_cannot_be_listed_leaves_the_walk_at_its_place(watched: ApplicationUnderTest) -> None:
    objects = [replace(one, last_modified=one.last_modified - 40 * DAY) for one in listed(watched, 4000)]
    listing = Listing(objects)

    def breaks(bucket: str, prefix: str, cursor: str | None) -> Any:
        if cursor == "2000":
            raise RuntimeError("not well-formed")
        return listing.page(bucket, prefix, cursor)

    watched.ports["sources"] = Replaced(listing, page=breaks)
    watched.clock.advance(LATE)
    with pytest.raises(SweepFailed):
        watched.sweep()
    watched.ports["sources"] = again = Listing(objects)
    watched.clock.advance(LATE)
    watched.sweep()
    assert again.asked == ["2000", "3000"]


@pytest.mark.emulated("sqs")
@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x01", "\x7f", "🖼"])
def test_a_lost_upload_is_sent_whatever_character_its_key_has(watched: ApplicationUnderTest, character: str) -> None:
    key = f"a{character}.jpg"
    found = SourceObject(INPUT, key, "v1", "e", 9, watched.clock())
    watched.ports["sources"] = Replaced(watched.ports["sources"], page=lambda *_: ([found], None))
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="intake")["QueueUrl"]
    watched.ports["intake"] = SqsIntakeQueue(sqs, url)
    watched.clock.advance(LATE)
    watched.sweep()
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"].isascii()
    assert [what.key for what in parse_message(message["Body"]) if isinstance(what, Upload)] == [key]
