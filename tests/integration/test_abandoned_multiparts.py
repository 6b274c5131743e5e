"""Multipart uploads of staged results whose worker died are aborted after an hour, but never while a submit may use
them.
"""

from __future__ import annotations

from datetime import timedelta

from tests.fakes.application import World
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import Replaced

from darkroom import output_keys
from darkroom.model import UnfinishedUpload

KEY = output_keys.incoming_key("0" * 32)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def begun(world: World, key: str) -> None:
    """Begin a multipart upload now, by the test's clock, and leave it."""
    upload_id = world.cloud.s3.create_multipart_upload(Bucket=OUTPUT, Key=key)["UploadId"]
    whole, began = world.ports["outputs"], world.clock()
    world.ports["outputs"] = Replaced(whole, unfinished=lambda: [UnfinishedUpload(key, upload_id, began)])


def left_after(world: World, step: timedelta) -> int:
    world.clock.advance(step)
    world.sweep()
    return len(world.cloud.unfinished_uploads())


def test_an_abandoned_multipart_upload_is_aborted_after_an_hour(world: World) -> None:
    begun(world, KEY)
    assert left_after(world, HOUR) == 0


def test_a_multipart_upload_that_a_submit_may_use_is_left_alone(world: World) -> None:
    begun(world, KEY)
    assert left_after(world, HOUR - SECOND) == 1


def test_a_strangers_prefix_that_begins_like_ours_is_left_alone(world: World) -> None:
    begun(world, "_darkroomy/incoming/0")
    assert left_after(world, 10 * HOUR) == 1
