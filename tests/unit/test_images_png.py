"""Tests which chunks of a PNG file mean alpha, orientation and completeness, and what is refused."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.rows import each_row

from darkroom.errors import UnsupportedFormat
from darkroom.images import inspect
from darkroom.model import ImageFacts

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TURNED = b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHIII", 1, 274, 3, 1, 6, 0)


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(
    width: int = 4, height: int = 3, depth: int = 8, colour: int = 2, rest: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *rest))


PIXELS = chunk(b"IDAT", zlib.compress(b"\x00" * 40))
END = chunk(b"IEND")


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


def facts(data: bytes) -> ImageFacts:
    return inspect(lambda offset, length: data[offset : offset + length], len(data))


def refused(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words):
        facts(data)


def test_a_minimal_png_is_accepted() -> None:
    found = facts(png(header(), PIXELS, END))
    assert (found.width, found.height, found.has_alpha) == (4, 3, False)


@each_row(("colour", "alpha"), [(0, False), (2, False), (4, True), (6, True)])
def test_colour_types_four_and_six_have_alpha(colour: int, alpha: bool) -> None:
    assert facts(png(header(colour=colour), PIXELS, END)).has_alpha is alpha


def test_a_transparent_colour_before_the_pixels_is_alpha_and_one_after_them_is_not() -> None:
    transparent = chunk(b"tRNS", bytes(6))
    assert facts(png(header(), transparent, PIXELS, END)).has_alpha
    assert not facts(png(header(), PIXELS, transparent, END)).has_alpha


@each_row("exif", [TURNED, b"Exif\x00\x00" + TURNED], ids=["plain", "prefixed"])
def test_orientation_is_honoured_before_and_after_the_pixels(exif: bytes) -> None:
    for data in (
        png(header(), chunk(b"eXIf", exif), PIXELS, END),
        png(header(), PIXELS, chunk(b"eXIf", exif), END),
        png(header(), PIXELS * 5000, chunk(b"eXIf", exif), chunk(b"tEXt", b"a\x00b"), END),
    ):
        assert (facts(data).width, facts(data).height) == (3, 4)


def test_an_orientation_after_the_pixels_with_a_wrong_checksum_is_passed_over() -> None:
    exif = bytearray(chunk(b"eXIf", TURNED))
    exif[-1] ^= 1
    assert facts(png(header(), PIXELS, bytes(exif), END)).width == 4


@each_row("exif", [b"", b"II", b"junkjunkjunk", TURNED[:20], TURNED.replace(b"\x08", b"\xf8")])
def test_exif_without_sense_turns_nothing(exif: bytes) -> None:
    assert facts(png(header(), chunk(b"eXIf", exif), PIXELS, END)).width == 4


def test_large_chunks_before_the_pixels_are_skipped_unread() -> None:
    taken = 0
    large = chunk(b"iCCP", bytes(3_000_000))
    data = png(header(), large, chunk(b"eXIf", TURNED + bytes(2_000_000)), large, PIXELS, END)

    def read(offset: int, length: int) -> bytes:
        nonlocal taken
        taken += length
        return data[offset : offset + length]

    assert inspect(read, len(data)).width == 3
    assert taken < 200_000


def test_more_large_chunks_than_the_budget_allows_are_refused() -> None:
    text = chunk(b"tEXt", bytes(20_000))
    assert facts(png(header(), text * 400, PIXELS, END)).width == 4
    refused(png(header(), text * 600, PIXELS, END), "more than 512 reads or 1024 KiB")


@each_row(
    ("depth", "colour", "rest"),
    [(3, 0, (0, 0, 0)), (4, 2, (0, 0, 0)), (16, 3, (0, 0, 0)), (2, 4, (0, 0, 0)), (1, 6, (0, 0, 0)), (8, 1, (0, 0, 0)),
     (8, 5, (0, 0, 0)), (0, 2, (0, 0, 0)), (8, 2, (1, 0, 0)), (8, 2, (0, 1, 0)), (8, 2, (0, 0, 2))],
)  # fmt: skip
def test_header_values_that_png_does_not_allow_are_refused(depth: int, colour: int, rest: tuple[int, int, int]) -> None:
    refused(png(header(depth=depth, colour=colour, rest=rest), PIXELS, END), "does not allow")


@each_row(("width", "height"), [(0, 1), (1, 0), (2**31, 1), (1, 2**32 - 1)])
def test_sides_of_zero_or_beyond_the_format_are_refused(width: int, height: int) -> None:
    refused(png(header(width, height), PIXELS, END), "zero or impossibly large")


def test_a_header_whose_checksum_is_wrong_is_refused() -> None:
    data = bytearray(png(header(), PIXELS, END))
    data[19] ^= 1
    refused(bytes(data), "checksum")


def test_a_header_that_is_missing_late_or_doubled_is_refused() -> None:
    refused(png(PIXELS, END), "does not begin with a PNG header")
    refused(png(chunk(b"gAMA", bytes(4)), header(), PIXELS, END), "does not begin with a PNG header")
    refused(png(chunk(b"IHDR", bytes(12)), PIXELS, END), "does not begin with a PNG header")
    refused(png(header(), header(), PIXELS, END), "no pixels")


def test_an_animated_png_is_refused_as_animated() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green")]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    refused(out.getvalue(), "animated")


def test_a_png_without_pixels_or_palette_is_refused() -> None:
    refused(png(header(), END), "no pixels")
    refused(png(header(colour=3), PIXELS, END), "no palette")


def test_chunk_lengths_that_pass_the_end_or_the_format_are_refused() -> None:
    for length in (0x7FFFFFFF, 0x00100000):
        refused(png(header(), struct.pack(">I", length), b"tEXt", bytes(90), END), "cut short")
    refused(png(header(), b"\xff\xff\xff\xfftEXt", bytes(90), END), "does not begin with")
    refused(png(header(), b"\x00\x00\x00\x01\x00\x01\x02\x03", bytes(90), END), "does not begin with")


def test_the_trailer_must_lie_after_the_pixels() -> None:
    refused(png(header(), chunk(b"tEXt", b"a\x00" + END), PIXELS), "IEND")
    refused(png(header(), PIXELS, END[:-1]), "cut short")


@each_row("length", [1, 65535, 65536, 3_000_000])
def test_anything_may_follow_the_trailer(length: int) -> None:
    for trailer in (bytes(length), random.Random(1).randbytes(length)):
        assert facts(png(header(), PIXELS, END, trailer)).width == 4
        assert facts(png(header(), PIXELS, chunk(b"eXIf", TURNED), END, trailer)).width == 3


def test_thousands_of_pixel_chunks_before_a_long_trailer_take_few_reads() -> None:
    reads = 0
    rows = [chunk(b"IDAT", random.Random(2).randbytes(8192))] * 3000
    data = png(header(), *rows, chunk(b"IDAT", bytes(77)), END, bytes(200_000))

    def read(offset: int, length: int) -> bytes:
        nonlocal reads
        reads += 1
        return data[offset : offset + length]

    assert inspect(read, len(data)).width == 4
    assert reads < 40
    with pytest.raises(UnsupportedFormat, match="cut short"):
        facts(data[:20_000_000])


def test_an_animation_of_one_frame_is_a_still_picture() -> None:
    control, frame = chunk(b"acTL", struct.pack(">II", 1, 0)), chunk(b"fcTL", bytes(26))
    assert facts(png(header(), control, frame, PIXELS, END)).width == 4
    refused(png(header(), control, PIXELS, frame, chunk(b"fdAT", bytes(9)), END), "animated")
    for frames in (b"", bytes(8), struct.pack(">II", 2, 0)):
        refused(png(header(), chunk(b"acTL", frames), frame, PIXELS, END), "animated")


def raw_profile(kind: bytes) -> bytes:
    exif = b"Exif\x00\x00" + TURNED
    digits = exif.hex().encode()
    text = b"\nexif\n%8d\n%s\n%s\n" % (len(exif), digits[:20], digits[20:])
    shapes = {b"tEXt": text, b"zTXt": b"\x00" + zlib.compress(text), b"iTXt": b"\x01\x00\x00\x00" + zlib.compress(text)}
    return chunk(kind, b"Raw profile type exif\x00" + shapes[kind])


@each_row("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_the_orientation_of_an_old_raw_profile_is_honoured_unless_there_is_a_chunk_for_it(kind: bytes) -> None:
    upright = chunk(b"eXIf", TURNED.replace(b"\x06\x00\x00\x00\x00", b"\x01\x00\x00\x00\x00"))
    assert facts(png(header(), raw_profile(kind), PIXELS, END)).width == 3
    assert facts(png(header(), upright, raw_profile(kind), PIXELS, END)).width == 4
    with Image.open(io.BytesIO(png(header(), raw_profile(kind), PIXELS, END))) as image:
        assert image.getexif()[274] == 6


@each_row("data", [b"", b"\x00", b"\x00junk", b"\nexif\n2\nzz", b"\n\n\nabc", b"\x00" + zlib.compress(bytes(2**22))])
@each_row("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_a_broken_raw_profile_turns_nothing(kind: bytes, data: bytes) -> None:
    assert facts(png(header(), chunk(kind, b"Raw profile type exif\x00" + data), PIXELS, END)).width == 4


@given(
    st.lists(st.tuples(st.sampled_from((b"tEXt", b"iCCP", b"pHYs", b"prVt")), st.binary(max_size=400)), max_size=40),
    st.integers(1, 12),
    st.binary(max_size=300),
    st.floats(0, 1, exclude_max=True),
)
def test_a_whole_png_is_accepted_whatever_chunks_and_bytes_it_has_and_a_cut_one_never(
    metadata: list[tuple[bytes, bytes]], parts: int, trailer: bytes, share: float
) -> None:
    pixels = zlib.compress(bytes(40))
    pieces = [pixels[at : at + len(pixels) // parts + 1] for at in range(0, len(pixels), len(pixels) // parts + 1)]
    whole = png(header(), *(chunk(*told) for told in metadata), *(chunk(b"IDAT", piece) for piece in pieces), END)
    assert facts(whole + trailer).width == 4
    with pytest.raises(UnsupportedFormat):
        facts(whole[: int(share * len(whole))] or b"\x89")
