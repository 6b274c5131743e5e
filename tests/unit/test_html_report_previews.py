"""Tests the previews of pictures before and after: what they show, what they say of the files, and which pictures have none."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, TiffImagePlugin
from tests.rows import each_row
from tests.unit.report_support import encoded

from darkroom_cli.html_report import previews
from darkroom_cli.html_report.report_source import NotShown

MOST = 130_000
ORIENTATION, DESCRIPTION = 0x0112, 0x010E


def halves(width: int, height: int, left: str = "red", right: str = "blue") -> Image.Image:
    image = Image.new("RGB", (width, height), left)
    image.paste(Image.new("RGB", (width - width // 2, height), right), (width // 2, 0))
    return image


def seen(webp: bytes) -> Image.Image:
    return Image.open(io.BytesIO(webp)).convert("RGB")


def is_near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(pixel, colour, strict=True))


def exif(**tags: int) -> Image.Exif:
    made = Image.Exif()
    made[DESCRIPTION] = "a test"
    if "orientation" in tags:
        made[ORIENTATION] = tags["orientation"]
    return made


def test_a_picture_that_is_stored_on_its_side_is_shown_upright() -> None:
    """Orientation 6: the left half of the stored rows is the upper half of the picture."""
    before = encoded(halves(80, 40), exif=exif(orientation=6))
    after = encoded(halves(160, 80).rotate(-90, expand=True), "PNG")
    made = previews.make(before, after, MOST)
    assert (made.before.width, made.before.height, made.after.width, made.after.height) == (40, 80, 80, 160)
    for webp in made.whole:
        image = seen(webp)
        assert is_near(image.getpixel((image.width // 2, image.height // 8)), (255, 0, 0))
        assert is_near(image.getpixel((image.width // 2, image.height * 7 // 8)), (0, 0, 255))


def test_both_crops_show_the_same_place_where_the_result_has_most_detail() -> None:
    plain = Image.new("RGB", (1200, 900), "white")
    lines = Image.new("RGB", (400, 300), "white")
    for x in range(0, 400, 8):
        lines.paste("black", (x, 0, x + 4, 300))
    plain.paste(lines, (800, 300))
    half = plain.resize((600, 450), Image.Resampling.LANCZOS)
    made = previews.make(encoded(half, "PNG"), encoded(plain, "PNG"), MOST)
    assert made.crop_size == (400, 300)
    before, after = (seen(webp) for webp in made.crop)
    assert (before.size, after.size) == ((200, 150), (400, 300))
    for image in (before, after):
        dark = sum(image.convert("L").histogram()[:128])
        assert 0.35 < dark / (image.width * image.height) < 0.65


@each_row(
    ("image", "options"),
    [
        (Image.new("L", (50, 40), 200), {"name": "JPEG"}),
        (Image.new("CMYK", (50, 40), (0, 200, 200, 0)), {"name": "JPEG"}),
        (Image.new("I;16", (50, 40), 51_000), {"name": "TIFF"}),
        (Image.new("F", (50, 40), 200.0), {"name": "TIFF"}),
        (Image.new("1", (50, 40), 1), {"name": "PNG"}),
        (Image.new("P", (50, 40), 3), {"name": "PNG", "transparency": 3}),
        (Image.new("RGBA", (50, 40), (200, 10, 10, 90)), {"name": "WEBP"}),
        (Image.new("LA", (50, 40), (200, 90)), {"name": "PNG"}),
    ],
)
def test_every_kind_of_pixel_has_a_preview(image: Image.Image, options: dict[str, Any]) -> None:
    made = previews.make(encoded(image, **options), encoded(halves(50, 40)), MOST)
    assert seen(made.whole[0]).size == (50, 40)
    if image.mode == "I;16":
        assert is_near(seen(made.whole[0]).getpixel((5, 5)), (199, 199, 199))


def test_metadata_of_each_kind_is_found() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x0b\x1c\x02\x50\x00\x06Author\x00"
    jpeg = encoded(halves(50, 40), exif=exif(), icc_profile=profile, xmp=b"<x:xmpmeta/>")
    jpeg = jpeg[:2] + b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc + jpeg[2:]
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = b"<x:xmpmeta/>"
    tags.tagtype[700] = 1
    tags[33723] = b"\x1c\x02\x50\x00\x06Author"
    tags.tagtype[33723] = 7
    made = previews.make(jpeg, encoded(halves(50, 40), "TIFF", tiffinfo=tags), MOST)
    assert made.before.metadata == {"EXIF", "XMP", "IPTC", "colour profile"}
    assert made.after.metadata >= {"XMP", "IPTC"}
    assert previews.make(encoded(halves(50, 40)), encoded(halves(50, 40), "PNG"), MOST).after.metadata == frozenset()


def test_a_profile_goes_with_the_preview_so_that_colours_stay() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = previews.make(encoded(halves(50, 40), icc_profile=profile), encoded(halves(50, 40)), MOST)
    assert Image.open(io.BytesIO(made.whole[0])).info.get("icc_profile") == profile
    assert "icc_profile" not in Image.open(io.BytesIO(made.whole[1])).info


def test_images_that_cannot_be_compressed_still_take_no_more_than_they_may() -> None:
    noise = Image.frombytes("RGB", (900, 700), os.urandom(900 * 700 * 3))
    made = previews.make(encoded(noise, "PNG"), encoded(noise, "PNG"), 60_000)
    assert sum(map(len, (*made.whole, *made.crop))) <= 60_000


@each_row(
    ("before", "reason"),
    [
        (b"", "the original cannot be decoded here"),
        (b"no picture", "the original cannot be decoded here"),
        (encoded(halves(50, 40), "PNG")[:-30], "the original cannot be decoded here"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the original cannot be decoded here"),
    ],
)
def test_a_file_that_is_no_whole_picture_has_no_preview_and_says_why(before: bytes, reason: str) -> None:
    with pytest.raises(NotShown, match=f"^{reason}$"):
        previews.make(before, encoded(halves(50, 40)), MOST)


def test_a_picture_with_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.new("1", (13_000, 10_000)).save(large)
    with pytest.raises(NotShown, match=r"^the original has more than 120 megapixels$"), previews.quiet():
        previews.make(large, encoded(halves(50, 40)), MOST)
