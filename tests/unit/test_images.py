"""Tests that `inspect` agrees with Pillow about real pictures, and refuses other files with an error that names the problem."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image, ImageOps
from tests.rows import each_row

from darkroom.errors import UnsupportedFormat
from darkroom.images import MAX_BYTES, inspect, sniff
from darkroom.model import ImageFacts, ImageFormat

SIZE = (61, 37)
ORIENTATION = 274


class Meter:
    """Serves ranges of bytes and records them. It fails if a byte is read twice or lies outside the object."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        assert 0 <= offset < offset + length <= len(self.data)
        assert all(offset + length <= begin or begin + size <= offset for begin, size in self.ranges)
        self.ranges.append((offset, length))
        return self.data[offset : offset + length]


def facts(data: bytes) -> ImageFacts:
    return inspect(Meter(data), len(data))


def saved(mode: str, image_format: str, orientation: int | None = None, **options: object) -> bytes:
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB" if mode == "P" else "L").convert(mode)
    out = io.BytesIO()
    if orientation is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    image.save(out, image_format, **options)
    return out.getvalue()


MATRIX = [
    ("L", "JPEG", {}),
    ("RGB", "JPEG", {}),
    ("RGB", "JPEG", {"progressive": True}),
    ("RGB", "JPEG", {"restart_marker_blocks": 2}),
    ("RGB", "JPEG", {"icc_profile": b"\x00" * 200_000}),
    ("CMYK", "JPEG", {}),
    ("1", "PNG", {}),
    ("L", "PNG", {}),
    ("LA", "PNG", {}),
    ("I;16", "PNG", {}),
    ("P", "PNG", {}),
    ("P", "PNG", {"transparency": 3}),
    ("RGB", "PNG", {}),
    ("RGBA", "PNG", {}),
    ("RGB", "PNG", {"icc_profile": bytes(range(256)) * 2000}),
    ("1", "TIFF", {"compression": "group4"}),
    ("L", "TIFF", {}),
    ("I;16", "TIFF", {}),
    ("I;16B", "TIFF", {}),
    ("F", "TIFF", {}),
    ("P", "TIFF", {}),
    ("RGB", "TIFF", {}),
    ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    ("RGB", "TIFF", {"compression": "tiff_adobe_deflate"}),
    ("RGB", "TIFF", {"compression": "jpeg"}),
    ("RGB", "TIFF", {"compression": "tiff_lzw", "strip_size": 600}),
    ("RGB", "TIFF", {"big_tiff": True}),
    ("RGBA", "TIFF", {}),
    ("LA", "TIFF", {}),
    ("CMYK", "TIFF", {"compression": "packbits"}),
]


@each_row("orientation", [None, *range(1, 9)])
@each_row(
    ("mode", "image_format", "options"),
    MATRIX,
    ids=[f"{mode}-{name}-{'-'.join(options) or 'plain'}" for mode, name, options in MATRIX],
)
def test_size_alpha_and_format_agree_with_pillow(
    mode: str, image_format: str, options: dict[str, object], orientation: int | None
) -> None:
    data = saved(mode, image_format, orientation, **options)
    with Image.open(io.BytesIO(data)) as image:
        shown = ImageOps.exif_transpose(image)
        expected = ImageFacts(ImageFormat(image_format.lower()), *shown.size, shown.has_transparency_data)
    assert facts(data) == expected
    assert shown.size == (SIZE[::-1] if (orientation or 1) >= 5 else SIZE)


@each_row("orientation", [0, 9, 65535])
@each_row("image_format", ["JPEG", "PNG", "TIFF"])
def test_an_orientation_that_does_not_exist_turns_nothing(image_format: str, orientation: int) -> None:
    found = facts(saved("RGB", image_format, orientation))
    assert (found.width, found.height) == SIZE


@each_row("image_format", ["JPEG", "PNG", "TIFF"])
def test_a_small_picture_takes_one_read_and_a_large_one_two_and_a_jpeg_one_for_its_middle(image_format: str) -> None:
    small = Meter(saved("RGB", image_format))
    inspect(small, len(small.data))
    assert len(small.ranges) == 1

    out = io.BytesIO()
    Image.effect_noise((900, 900), 90).save(out, image_format)
    large = Meter(out.getvalue())
    inspect(large, len(large.data))
    assert len(large.data) > 200_000
    middle = [(65536, len(large.data) - 2 * 65536)] if image_format == "JPEG" else []
    assert large.ranges == [(0, 65536), (len(large.data) - 65536, 65536), *middle]


@each_row("image_format", ["JPEG", "PNG", "TIFF"])
def test_trailing_bytes_are_allowed(image_format: str) -> None:
    data = saved("RGB", image_format)
    assert facts(data + b"\x00" * 5000) == facts(data)


@each_row("image_format", ["JPEG", "PNG", "TIFF"])
def test_a_read_that_answers_too_few_bytes_is_a_truncation(image_format: str) -> None:
    data = saved("RGB", image_format)
    with pytest.raises(UnsupportedFormat, match="cut short"):
        inspect(lambda offset, length: data[offset : offset + length - 1], len(data))


def test_a_read_that_answers_too_many_bytes_changes_nothing() -> None:
    data = saved("RGB", "TIFF", compression="tiff_lzw")
    assert inspect(lambda offset, length: data[offset : offset + length] + b"II*\x00" * 9, len(data)) == facts(data)


def test_what_a_read_raises_passes_through() -> None:
    def gone(offset: int, length: int) -> bytes:
        raise KeyError("gone")

    with pytest.raises(KeyError):
        inspect(gone, 100)


def test_an_empty_object_is_refused_without_a_read() -> None:
    meter = Meter(b"")
    with pytest.raises(UnsupportedFormat, match="is empty"):
        inspect(meter, 0)
    assert not meter.ranges


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


STRANGERS = {
    "a BMP": saved("RGB", "BMP"),
    "a JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(90),
    "a HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    "an AVIF of general brand": b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf",
    "an AVIF": b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1miaf",
    "a camera raw file": b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom",
    "a video": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2",
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "a zip archive": zipped(),
    "a gzip archive": b"\x1f\x8b\x08\x00",
    "a Photoshop document": b"8BPS\x00\x01",
    "markup": b"<?xml version='1.0'?><svg/>",
    "like text": ("\ufeff" + "Grüße, this is secret\n" * 99).encode(),
    "nothing but zero bytes": bytes(100),
    "in no picture format that Darkroom knows": b"\x93\x01\x02\xff" * 30,
}


@each_row("name", STRANGERS)
def test_what_is_no_picture_of_ours_is_refused_by_name_and_told_what_is_allowed(name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name.removesuffix(" of general brand")) as refusal:
        facts(STRANGERS[name])
    assert "JPEG, PNG or TIFF" in str(refusal.value)
    assert "secret" not in str(refusal.value)


@each_row(
    ("name", "command"),
    [("a HEIC", "heif-convert"), ("an AVIF", "avifdec"), ("a BMP", "magick"), ("a camera", "darktable")],
)
def test_the_refusal_of_a_common_format_has_the_command_that_converts_it(name: str, command: str) -> None:
    data = next(data for stranger, data in STRANGERS.items() if stranger.startswith(name))
    with pytest.raises(UnsupportedFormat, match=f"no provider takes. Convert it, for instance with `{command}"):
        facts(data)


@each_row("image_format", ["JPEG", "PNG", "TIFF", "WEBP", "GIF"])
def test_sniff_knows_a_format_by_its_first_twelve_bytes(image_format: str) -> None:
    assert sniff(saved("RGB", image_format)[:12]) is ImageFormat(image_format.lower())


@each_row("head", [b"", b"\xff\xd8", b"\x89PNG\r\n", b"II", b"II\x00*", b"MM*\x00", b"GIF88a  ", b"RIFF....WAVE"])
def test_sniff_knows_nothing_else(head: bytes) -> None:
    assert sniff(head) is None


def test_a_picture_of_gigabytes_is_inspected_within_the_budget() -> None:
    begin = saved("RGB", "JPEG")
    size = 5 * 1024**3
    taken = 0

    def read(offset: int, length: int) -> bytes:
        nonlocal taken
        taken += length
        data = begin[:-2][offset : offset + length].ljust(length, b"\x11")
        return data[:-2] + b"\xff\xd9" if offset + length == size else data

    found = inspect(read, size)
    assert (found.width, found.height) == SIZE
    assert taken <= MAX_BYTES
