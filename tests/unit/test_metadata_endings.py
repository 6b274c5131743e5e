"""Tests that metadata behind the pixels of a result are found, and that nothing of the picture is cut off."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache

from PIL import Image
from tests.fakes import tagged_pictures as pictures
from tests.rows import each_row

from darkroom.images import metadata

SIZES = {"small": (60, 40), "large": (900, 900)}
TRAILER = b"\0\0\0\0IEND\xaeB`\x82"
SECRET = pictures.PERSON.encode()


@cache
def noisy(form: str, size: str) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(SIZES[size], 90).convert("RGB").save(out, form)
    return out.getvalue()


def ended(data: bytes) -> bytes | None:
    """Return the file with its new end; None if it cannot be known."""
    head = metadata.read_head(data)
    assert head is not None
    end = metadata.new_end(head, data[-metadata.TAIL_BYTES :], len(data))
    return None if end is None else data[: len(data) - end.cut] + end.data


@each_row("size", SIZES)
@each_row("form", ["JPEG", "PNG"])
def test_an_ordinary_end_stays(form: str, size: str) -> None:
    assert ended(noisy(form, size)) == noisy(form, size)


@each_row("progressive", [True, False])
def test_every_kind_of_jpeg_keeps_its_whole_scan(progressive: bool) -> None:
    plain = pictures.plain(size=(900, 700), progressive=progressive)
    assert ended(plain) == plain


@each_row("size", SIZES)
@each_row("behind", [SECRET, pictures.tagged_jpeg(), bytes(1000) + SECRET], ids=["text", "JPEG", "zeros"])
def test_what_follows_a_jpeg_is_cut_off(size: str, behind: bytes) -> None:
    assert ended(noisy("JPEG", size) + behind) == noisy("JPEG", size)


def test_a_jpeg_that_ends_long_before_the_file_is_not_judged() -> None:
    assert ended(noisy("JPEG", "large") + bytes(range(256)) * 400) is None


def test_a_jpeg_with_an_index_of_other_pictures_is_not_judged() -> None:
    plain = noisy("JPEG", "small")
    assert ended(plain[:2] + pictures.segment(0xE2, b"MPF\0II*\0") + plain[2:] + pictures.tagged_jpeg()) is None


def late() -> Iterator[bytes]:
    yield pictures.chunk(b"tEXt", b"Author\0" + SECRET)
    yield pictures.chunk(b"eXIf", pictures.exif())
    yield (
        pictures.chunk(b"tEXt", b"a\0" + SECRET)
        + pictures.chunk(b"prVt", SECRET)
        + pictures.chunk(b"eXIf", pictures.exif())
    )


@each_row("size", SIZES)
@each_row("chunks", list(late()), ids=["text", "exif", "three"])
@each_row("behind", [b"", SECRET])
def test_chunks_after_the_pixels_of_a_png_are_cut_off(size: str, chunks: bytes, behind: bytes) -> None:
    plain = noisy("PNG", size)
    assert plain.endswith(TRAILER)
    assert ended(plain.removesuffix(TRAILER) + chunks + TRAILER + behind) == plain
