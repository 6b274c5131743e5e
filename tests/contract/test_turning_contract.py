"""Tests that every simulated vendor turns a picture by its EXIF orientation, and that it ignores or keeps the tag on request."""

from __future__ import annotations

import io

from PIL import Image
from tests.contract.capability_marks import each_row, needs
from tests.contract.input_pictures import opened
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom import images

ORIENTATION = 0x0112
WAYS = {"": (True, None), "turn_ignored": (False, None), "turn_kept": (False, 6)}  # fault → is it turned, and its tag


def lying() -> bytes:
    """Return a picture that is wider than high as stored, and higher than wide as displayed."""
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = 6
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


def shown(result: bytes) -> tuple[bool, int | None]:
    """Return True if the result is stored higher than wide, and its orientation tag."""
    image = opened(result)
    return image.height > image.width, image.getexif().get(ORIENTATION)


@needs("queue", "result", "faults")
@each_row("way", WAYS)
def test_a_queued_picture_is_turned_unless_the_vendor_is_asked_not_to(under_test: SimulatedProvider, way: str) -> None:
    if way:
        under_test.add_fault(way)
    content = lying()
    plan = under_test.plan_for(images.inspect(lambda offset, length: content[offset : offset + length], len(content)))
    submission = under_test.provider.submit(plan, under_test.image(content), under_test.handle(), under_test.keep)
    under_test.await_end(submission.process_id)
    with under_test.provider.result(submission.process_id) as link:
        assert shown(b"".join(link.stream())) == WAYS[way]


@needs("synchronous", "faults")
@each_row("way", WAYS)
def test_a_synchronous_picture_is_turned_unless_the_vendor_is_asked_not_to(
    under_test: SimulatedProvider, way: str
) -> None:
    if way:
        under_test.add_fault(way, on="synchronous")
    submission = under_test.submit_synchronous(content=lying())
    assert shown(under_test.kept[submission.process_id]) == WAYS[way]
