"""Tests that the sweep aborts the multipart upload of a dead worker after an hour, but never one that a submit may
still use.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.fakes.application import START, ApplicationUnderTest
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import QUARTER, Replaced

from darkroom import output_keys
from darkroom.model import UnfinishedUpload
from darkroom.pipeline.sweep import SweepFailed

KEY = output_keys.incoming_key("0" * 32)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def begun(application: ApplicationUnderTest, key: str) -> None:
    """Begin a multipart upload and leave it unfinished. Its listing says that it began now by the test's clock."""
    upload_id = application.cloud.s3.create_multipart_upload(Bucket=OUTPUT, Key=key)["UploadId"]
    whole, began = application.ports["outputs"], application.clock()
    application.ports["outputs"] = Replaced(whole, list_unfinished=lambda: [UnfinishedUpload(key, upload_id, began)])


def left_after(application: ApplicationUnderTest, step: timedelta) -> int:
    application.clock.advance(step)
    application.sweep()
    return len(application.cloud.unfinished_uploads())


def test_an_abandoned_multipart_upload_is_aborted_after_an_hour(application: ApplicationUnderTest) -> None:
    begun(application, KEY)
    assert left_after(application, HOUR) == 0


def test_a_multipart_upload_that_a_submit_may_use_is_left_alone(application: ApplicationUnderTest) -> None:
    begun(application, KEY)
    assert left_after(application, HOUR - SECOND) == 1


def test_a_strangers_prefix_that_begins_like_ours_is_left_alone(application: ApplicationUnderTest) -> None:
    begun(application, "_darkroomy/incoming/0")
    assert left_after(application, 10 * HOUR) == 1


def begun_at(application: ApplicationUnderTest, *ages: timedelta) -> None:
    """Begin one multipart upload of each age, and list them in that order."""
    listed = []
    for number, age in enumerate(ages):
        key = output_keys.incoming_key(f"{number}" * 32)
        upload_id = application.cloud.s3.create_multipart_upload(Bucket=OUTPUT, Key=key)["UploadId"]
        listed.append(UnfinishedUpload(key, upload_id, application.clock() - age))
    application.ports["outputs"] = Replaced(application.ports["outputs"], list_unfinished=lambda: listed)


def test_an_upload_that_is_used_keeps_no_other_from_being_aborted(application: ApplicationUnderTest) -> None:
    begun_at(application, SECOND, HOUR, SECOND, HOUR)
    assert application.sweep()["AbandonedUploads"] == 2
    assert len(application.cloud.unfinished_uploads()) == 2


def test_an_upload_that_cannot_be_aborted_keeps_no_other_from_it_and_is_reported(
    application: ApplicationUnderTest,
) -> None:
    begun_at(application, HOUR, HOUR)
    outputs, refused = application.ports["outputs"], ["the first"]

    def abort(upload: UnfinishedUpload) -> None:
        if refused:
            raise OSError(refused.pop())
        outputs.abort(upload)

    application.ports["outputs"] = Replaced(outputs, abort=abort)
    with pytest.raises(SweepFailed, match="AbandonedUploads"):
        application.sweep()
    assert len(application.cloud.unfinished_uploads()) == 1


def test_the_sweep_looks_for_abandoned_uploads_every_quarter_of_an_hour(application: ApplicationUnderTest) -> None:
    looked: list[datetime] = []

    def look() -> list[UnfinishedUpload]:
        looked.append(application.clock())
        return []

    application.ports["outputs"] = Replaced(application.ports["outputs"], list_unfinished=look)
    for _ in range(46):
        application.sweep()
        application.clock.advance(60)
    assert looked == [START + turn * QUARTER for turn in range(4)]
