"""Tests that the readers of WebP and GIF agree with Pillow, refuse animations and refuse every cut file."""

from __future__ import annotations

import functools
import io
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from tests.lazy import Lazy
from tests.rows import each_row
from tests.unit.test_images_trailers import Counted

from darkroom.errors import UnsupportedFormat
from darkroom.images import MAX_BYTES, inspect
from darkroom.model import ImageFacts, ImageFormat


def picture(side: int, mode: str) -> Image.Image:
    image = Image.effect_noise((side, side // 2 + 1), 60).convert("RGB").convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def saved(image: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[274] = orientation
    return block.tobytes()


SAMPLES = Lazy({
    "webp-lossy": lambda: saved(picture(61, "RGB"), "WEBP"),
    "webp-lossless": lambda: saved(picture(61, "RGB"), "WEBP", lossless=True),
    "webp-alpha": lambda: saved(picture(61, "RGBA"), "WEBP"),
    "webp-lossless-alpha": lambda: saved(picture(61, "RGBA"), "WEBP", lossless=True),
    "webp-profile": lambda: saved(picture(61, "RGB"), "WEBP", icc_profile=bytes(9001)),
    "webp-turned": lambda: saved(picture(61, "RGB"), "WEBP", exif=exif(6)),
    "webp-large": lambda: saved(picture(900, "RGB"), "WEBP", lossless=True, exif=exif(8)),
    "gif-grey": lambda: saved(picture(61, "L"), "GIF"),
    "gif-palette": lambda: saved(picture(61, "P"), "GIF"),
    "gif-transparent": lambda: saved(picture(61, "P"), "GIF", transparency=3),
    "gif-comment": lambda: saved(picture(61, "P"), "GIF", comment=b"c" * 900, interlace=1),
    "gif-large": lambda: saved(picture(900, "L"), "GIF"),
})  # fmt: skip


def facts(data: bytes) -> ImageFacts:
    return inspect(lambda offset, length: data[offset : offset + length], len(data))


def refused(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words):
        facts(data)


@each_row("name", SAMPLES)
def test_size_alpha_and_format_agree_with_pillow(name: str) -> None:
    with Image.open(io.BytesIO(SAMPLES[name])) as image:
        shown = ImageOps.exif_transpose(image)
        expected = ImageFacts(ImageFormat(name.partition("-")[0]), *shown.size, shown.has_transparency_data)
    assert facts(SAMPLES[name]) == expected
    assert facts(SAMPLES[name] + bytes(99)) == expected


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=20)
@given(share=st.floats(0, 1))
def test_no_cut_file_is_accepted(name: str, share: float) -> None:
    whole = SAMPLES[name]
    for length in (int(share * (len(whole) - 1)), len(whole) - 1):
        with pytest.raises(UnsupportedFormat):
            facts(whole[:length])


@each_row("name", ["webp-lossy", "webp-lossless", "webp-alpha", "webp-large"])
def test_a_webp_takes_at_most_three_reads(name: str) -> None:
    reads = []
    inspect(lambda offset, length: reads.append(length) or SAMPLES[name][offset : offset + length], len(SAMPLES[name]))
    assert len(reads) <= 3


@each_row("name", ["WEBP", "GIF"])
def test_an_animation_is_refused(name: str) -> None:
    frames = [picture(61, "RGB").rotate(angle) for angle in (0, 90, 180)]
    refused(saved(frames[0], name, save_all=True, append_images=frames[1:]), "animated")


def test_a_webp_that_disagrees_with_itself_is_refused() -> None:
    def webp(*chunks: bytes) -> bytes:
        body = b"WEBP" + b"".join(chunks)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    pixels = chunk(b"VP8L", b"\x2f" + struct.pack("<I", 9 | 9 << 14) + bytes(9))
    canvas = chunk(b"VP8X", bytes(4) + b"\x09\0\0\x09\0\0")
    assert facts(webp(canvas, pixels)).width == 10
    refused(webp(chunk(b"VP8X", bytes(10)), pixels), "another size")
    refused(webp(chunk(b"VP8X", bytes(9)), pixels), "too short")
    refused(webp(canvas), "no WebP pixels")
    refused(webp(chunk(b"VP8L", bytes(9))), "no lossless header")
    refused(webp(chunk(b"VP8 ", b"\0\0\0\x9d\x01\x2b" + bytes(9))), "key frame")
    refused(webp(chunk(b"VP8 ", bytes(3))), "too short")
    refused(webp(*[chunk(b"JUNK", b"")] * 70, pixels), "more than 64 chunks")


def test_a_gif_that_disagrees_with_itself_is_refused() -> None:
    screen, trailer = b"GIF89a\x04\0\x04\0\0\0\0", b";"
    image = b",\0\0\0\0\x04\0\x04\0\0\x02\x01\x44\0"
    assert facts(screen + image + trailer).width == 4
    refused(screen + trailer, "no GIF image")
    refused(screen + image, "cut short")
    refused(screen + b"\x99" + image + trailer, "no known kind")
    refused(screen + image.replace(b"\x04\0\x04", b"\x05\0\x04") + trailer, "inside its screen")
    refused(screen[:6] + bytes(7) + image + trailer, "zero")
    refused(screen + image[:10] + b"\x02\0" + trailer, "no pixels")


def large_gif(frames: int = 1, **options: object) -> bytes:
    """Return a GIF of more than the budget, as Pillow writes it: in blocks of 255 bytes."""
    images = [Image.effect_noise((1500, 1100), 90 + turn).convert("P") for turn in range(frames)]
    more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    data = saved(images[0], "GIF", **more, **options)
    assert len(data) > MAX_BYTES
    return data


def in_blocks(whole: bytes, length: int) -> bytes:
    """Return the GIF with its image data in blocks of another length."""
    at = whole.index(b",\0\0\0\0") + 11
    head, data = whole[:at], bytearray()
    while whole[at]:
        data += whole[at + 1 : at + 1 + whole[at]]
        at += 1 + whole[at]
    parts = (data[begin : begin + length] for begin in range(0, len(data), length))
    return head + b"".join(bytes([len(part)]) + part for part in parts) + whole[at:]


@functools.cache
def whole_gif() -> bytes:
    return large_gif()


def test_a_gif_larger_than_the_budget_is_known_by_its_equal_blocks() -> None:
    read = Counted(whole_gif())
    found = inspect(read, len(whole_gif()))
    assert (found.width, found.height, found.has_alpha) == (1500, 1100, False)
    assert (read.reads < 100, read.bytes < MAX_BYTES // 2) == (True, True)
    assert facts(large_gif(transparency=3)).has_alpha
    for data in (whole_gif() + bytes(40_000), large_gif(comment=b"a comment " * 500), in_blocks(whole_gif(), 254)):
        assert facts(data).width == 1500


@each_row("missing", [1, 2, 3, 300, 70_000, 300_000])
def test_a_large_gif_that_is_cut_is_refused(missing: int) -> None:
    assert len(whole_gif()) - missing > MAX_BYTES
    refused(whole_gif()[:-missing], "Convert it, for instance")


@each_row("frames", [2, 3])
def test_a_large_animation_is_refused(frames: int) -> None:
    refused(large_gif(frames), "animated")


def test_a_large_gif_whose_blocks_cannot_be_counted_is_refused_with_the_cure() -> None:
    for data in (in_blocks(whole_gif(), 90), SAMPLES["gif-large"] + bytes(MAX_BYTES), whole_gif()[:1000] + whole_gif()):
        refused(data, "Convert it, for instance")


@each_row("name", SAMPLES)
def test_random_mutations_raise_nothing_but_a_refusal(name: str) -> None:
    chance = random.Random(name)
    for _ in range(60):
        data = bytearray(SAMPLES[name])
        for _ in range(chance.choice((1, 8))):
            data[chance.choice((chance.randrange(60), chance.randrange(len(data))))] = chance.randrange(256)
        try:
            facts(bytes(data))
        except UnsupportedFormat:
            continue
