"""Tests that a simulator turns a picture's pixels, ignores its orientation, or keeps the tag, as a test asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tests.simulators.picture_server import opened
from tests.simulators.topaz.support import picture, result_of, running, submitted

from darkroom_local.simulators.framework.imaging import Recipe, Turning, make_result

ORIENTATION = 0x0112


def lying() -> bytes:
    """Return a picture that is stored as 60×40 and displayed as 40×60."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return picture(60, 40, "JPEG", exif=exif)


@pytest.mark.parametrize("form", ["jpeg", "png"])
@pytest.mark.parametrize(
    ("turning", "size", "tag"),
    [(Turning.TURNED, (80, 120), None), (Turning.IGNORED, (120, 80), None), (Turning.KEPT, (120, 80), 6)],
)
def test_a_recipe_says_what_becomes_of_the_orientation(
    tmp_path: Path, turning: Turning, size: tuple[int, int], tag: int | None, form: str
) -> None:
    (tmp_path / "in.jpg").write_bytes(lying())
    recipe = Recipe(80, 120, form, crop_to_fill=False, sharpen=0.0, denoise=0.0, turning=turning)
    made = opened(make_result(tmp_path / "in.jpg", tmp_path / "out", recipe).path.read_bytes())
    assert (made.size, made.getexif().get(ORIENTATION)) == (size, tag)


@pytest.mark.parametrize(("kind", "tag"), [("turn_ignored", None), ("turn_kept", 6)])
def test_a_fault_leaves_the_pixels_as_stored(kind: str, tag: int | None) -> None:
    with running() as (sim, http):
        sim.faults.add(kind)
        first = opened(result_of(http, submitted(http, data=lying(), output_format="jpeg")))
        second = opened(result_of(http, submitted(http, data=lying(), output_format="jpeg")))
    assert (first.size, first.getexif().get(ORIENTATION)) == ((60, 40), tag)
    assert (second.size, second.getexif().get(ORIENTATION)) == ((40, 60), None)
