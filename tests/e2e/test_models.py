"""Tests what a user sees of models that do more than enhance a picture. They change its format, cut out an object, or add
colour.
"""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image, ImageStat

from tests.e2e.deployed_application import Darkroom, picture

CUT_OUT, COLOURED = "photos/models/vase.jpg", "photos/models/grandmother.jpg"


def grey() -> bytes:
    """Return a grey JPEG, like an old photograph."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom) -> dict[str, dict[str, Any]]:
    darkroom.upload(CUT_OUT, picture(), "model=Object")
    darkroom.upload(COLOURED, grey(), "model=Colorize")
    return darkroom.ended([CUT_OUT, COLOURED])


def opened(darkroom: Darkroom, key: str) -> Image.Image:
    image = Image.open(io.BytesIO(darkroom.output(key)["Body"]))
    image.load()
    return image


def test_an_object_is_cut_out_of_a_jpeg_into_a_png_under_a_key_that_says_so(darkroom: Darkroom, jobs) -> None:
    key = "photos/models/vase.png"
    assert (jobs[CUT_OUT]["status"], jobs[CUT_OUT]["output_key"]) == ("COMPLETED", key)
    image = opened(darkroom, key)
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (96, 64))
    assert image.getchannel("A").getextrema() == (0, 255)
    assert darkroom.output(key)["ContentType"] == "image/png"
    assert CUT_OUT not in darkroom.output_keys()


def test_a_grey_jpeg_comes_back_in_colour_under_its_own_key(darkroom: Darkroom, jobs) -> None:
    assert (jobs[COLOURED]["status"], jobs[COLOURED]["output_key"]) == ("COMPLETED", COLOURED)
    image = opened(darkroom, COLOURED)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (96, 64))
    assert len({round(mean) for mean in ImageStat.Stat(image).mean}) == 3


def test_each_was_sent_once_to_its_endpoint_and_charged_by_its_rate(darkroom: Darkroom, jobs) -> None:
    for key, endpoint, model in ((CUT_OUT, "matting", "Object"), (COLOURED, "lighting", "Colorize")):
        (submit,) = darkroom.submits(key)
        assert (submit["endpoint"], submit["model"]) == (endpoint, model)
        assert jobs[key]["credits"] == Decimal(submit["credits"]) == Decimal(1)
