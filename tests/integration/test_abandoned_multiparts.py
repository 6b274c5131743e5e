"""Tests that the sweep aborts the multipart upload of a dead worker after an hour, but never one that a submit may
still use.
"""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import Replaced

from darkroom import output_keys
from darkroom.model import UnfinishedUpload

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
