"""Tests what a user sees of a picture with metadata, whatever the vendor does to its orientation."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageOps

from tests.e2e.deployed_application import Darkroom
from tests.fakes import tagged_pictures as pictures

SOURCE = pictures.tagged_jpeg(6, (96, 64), pictures.wide_gamut())  # displayed as 64 by 96 pixels
# The simulator's fault → the orientation with which the result is upright
KINDS = {"turned": (None, 1), "ignored": ("turn_ignored", 6), "kept": ("turn_kept", 6)}
CASES = [(kind, form) for kind in KINDS for form in ("jpeg", "png")]


def key_of(kind: str, form: str) -> str:
    return f"held/metadata/{kind}-{form}.jpg"


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom) -> dict[str, dict[str, Any]]:
    """Upload all pictures, each with its fault. Return the jobs by key when all have ended."""
    for kind, form in CASES:
        darkroom.upload(key_of(kind, form), SOURCE, f"scale=2&output_format={form}")
        if fault := KINDS[kind][0]:
            darkroom.simulator.faults.add(fault, match=darkroom.job_id(key_of(kind, form)))
    for case in CASES:
        darkroom.notify(key_of(*case))
    return darkroom.ended([key_of(*case) for case in CASES], hurry=True)


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_the_result_is_upright_and_has_what_belongs_to_it(
    darkroom: Darkroom, jobs: dict[str, dict[str, Any]], kind: str, form: str
) -> None:
    key = key_of(kind, form)
    assert jobs[key]["status"] == "COMPLETED"
    result = darkroom.output(key.removesuffix("jpg") + "png" if form == "png" else key)
    with Image.open(io.BytesIO(result["Body"])) as image:
        exif = image.getexif()
        note = None if "icc_profile" in image.info else "icc=lost"  # the simulators keep the profile in some formats
        assert (jobs[key].get("result_notes"), result["Metadata"].get("darkroom-notes")) == (note, note)
        assert ImageOps.exif_transpose(image).size == (128, 192)
        assert exif.get(0x0112, 1) == KINDS[kind][1]
        assert b"tree &amp; sea" in image.info["xmp"]
        assert exif[0x013B] == pictures.AUTHOR
