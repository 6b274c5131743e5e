"""Tests that `inspect` answers any bytes with facts or a refusal, within its limits of time and reads. Truncated
pictures are refused.
"""

from __future__ import annotations

import contextlib
import io
import random
import time

import pytest
from PIL import Image
from tests.rows import each_row

from darkroom.errors import UnsupportedFormat
from darkroom.images import MAX_BYTES, MAX_READS, inspect
from darkroom.model import ImageFacts

MUTATIONS = 400
MAX_SECONDS = 1.0  # in CPU seconds; an idle machine needs a tenth of it


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def samples() -> dict[str, bytes]:
    noise = Image.effect_noise((48, 40), 90)
    exif = Image.Exif()
    exif[274] = 6
    palette = noise.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    return {
        "jpeg": saved(noise.convert("RGB"), "JPEG", exif=exif),
        "jpeg-progressive": saved(noise.convert("RGB"), "JPEG", progressive=True),
        "jpeg-cmyk": saved(noise.convert("CMYK"), "JPEG"),
        "png": saved(noise.convert("RGBA"), "PNG", exif=exif),
        "png-16": saved(noise.convert("I;16"), "PNG"),
        "png-palette": saved(palette, "PNG", transparency=1),
        "tiff": saved(noise.convert("RGB"), "TIFF", exif=exif),
        "tiff-lzw": saved(noise.convert("RGBA"), "TIFF", compression="tiff_lzw", strip_size=900),
        "tiff-big": saved(noise, "TIFF", big_tiff=True),
    }


SAMPLES = samples()


def metered(data: bytes) -> ImageFacts:
    reads, taken = 0, 0

    def read(offset: int, length: int) -> bytes:
        nonlocal reads, taken
        assert 0 <= offset < offset + length <= len(data)
        reads, taken = reads + 1, taken + length
        return data[offset : offset + length]

    try:
        return inspect(read, len(data))
    finally:
        assert reads <= MAX_READS
        assert taken <= MAX_BYTES


@each_row("name", SAMPLES)
def test_every_prefix_of_a_whole_picture_is_refused(name: str) -> None:
    whole = SAMPLES[name]
    facts = metered(whole)
    for length in range(len(whole)):
        try:
            found = metered(whole[:length])
        except UnsupportedFormat:
            continue
        # Only padding after the last needed byte may be missing.
        assert found == facts
        assert name.startswith("tiff")
        assert len(whole) - length <= 1, f"{length} of {len(whole)} bytes were enough"


@each_row("image_format", ["JPEG", "PNG", "TIFF"])
def test_a_large_picture_cut_anywhere_is_refused(image_format: str) -> None:
    whole = saved(Image.effect_noise((900, 900), 90), image_format)
    assert metered(whole).width == 900
    chance = random.Random(7)
    for length in [len(whole) - 1, len(whole) - 2, *(chance.randrange(len(whole)) for _ in range(60))]:
        with pytest.raises(UnsupportedFormat):
            metered(whole[:length])


@each_row("name", SAMPLES)
def test_random_mutations_raise_nothing_but_a_refusal_and_stay_in_the_budget(name: str) -> None:
    chance = random.Random(name)
    whole = SAMPLES[name]
    for _ in range(MUTATIONS):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8, 40))):
            # Headers and directories are at the two ends of a file, so most changes are made there.
            at = chance.choice((chance.randrange(64), chance.randrange(len(data)), -1 - chance.randrange(256)))
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
        with contextlib.suppress(UnsupportedFormat):
            metered(bytes(data))


@each_row("head", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"II+\x00\x08\x00"])
def test_random_bytes_behind_a_true_signature_raise_nothing_but_a_refusal(head: bytes) -> None:
    chance = random.Random(11)
    for _ in range(MUTATIONS):
        with contextlib.suppress(UnsupportedFormat):
            metered(head + chance.randbytes(chance.randrange(400)))


@each_row(
    "data",
    [
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 1_000_000,
        SAMPLES["png"][:33] + b"\x00\x00\x00\x00tEXtaaaa" * 400_000,
        SAMPLES["png"][:33] + b"".join(bytes((0, 0, 0, n)) + b"IDAT" + bytes(n + 4) for n in range(7)) * 40_000,
        b"\xff\xd8\xff\xe0\x00\x02" + (bytes(16) + b"\xff\xe0\x00\x02") * 100_000,
        b"\xff\xd8" + b"\xff" * 3_000_000,
    ],
    ids=["empty-segments", "empty-chunks", "small-chunks", "stray-bytes", "fill-bytes"],
)
def test_millions_of_small_parts_end_in_a_refusal_without_much_work(data: bytes) -> None:
    begin = time.process_time()
    with pytest.raises(UnsupportedFormat, match="more than"):
        metered(data)
    assert time.process_time() - begin < MAX_SECONDS


@each_row("name", SAMPLES)
def test_no_message_carries_the_bytes_of_the_object(name: str) -> None:
    whole = SAMPLES[name]
    marker = b"hush-hush"
    for at in range(8, min(len(whole), 400)):
        message = ""
        try:
            metered(whole[:at] + marker + whole[at + len(marker) :])
        except UnsupportedFormat as refusal:
            message = str(refusal)
        assert "hush" not in message
