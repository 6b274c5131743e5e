"""Tests JPEGs that have other data behind the picture, as phones write them. Whole pictures are accepted, and cut ones
are not.
"""

from __future__ import annotations

import functools
import io
import itertools
import random
import struct
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.lazy import Lazy
from tests.rows import each_row

from darkroom.errors import UnsupportedFormat
from darkroom.images import MAX_BYTES, inspect

MAX_SEARCH_READS = 48


@functools.cache
def noise() -> Image.Image:
    """Return a picture that large ones repeat, because noise takes longer to make than a JPEG."""
    return Image.effect_noise((300, 300), 70)


def jpeg(side: int = 900, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    picture = Image.new("L", (side, side))
    for left, top in itertools.product(range(0, side, noise().width), range(0, side, noise().height)):
        picture.paste(noise(), (left, top))
    picture.convert(mode).save(out, "JPEG", **options)
    return out.getvalue()


PICTURES = Lazy({
    "baseline": jpeg,
    "progressive": partial(jpeg, progressive=True),
    "grey": partial(jpeg, mode="L", quality=40),
    "restarts": partial(jpeg, restart_marker_blocks=7),
    "small": partial(jpeg, 64),
    "large": partial(jpeg, 2400, quality=90),
})  # fmt: skip


def video(length: int, seed: int = 1) -> bytes:
    """Return data like a video's: a box of random bytes, then a box with tables of 32-bit numbers."""
    chance = random.Random(seed)
    tables = b"".join(struct.pack(">I", number) for number in sorted(chance.randrange(length) for _ in range(3000)))
    media = chance.randbytes(length)
    return (
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"
        + struct.pack(">I", len(media) + 8)
        + b"mdat"
        + media
        + struct.pack(">I", len(tables) + 8)
        + b"moov"
        + tables
    )


TRAILERS = Lazy({
    "nothing": bytes,
    "zeroes": lambda: bytes(256 * 1024),
    "fill-bytes": lambda: b"\xff" * 200_000,
    "text": lambda: b"<rdf:RDF>a gain map</rdf:RDF>\n" * 9000,
    "short-video": lambda: video(20_000),
    "video": lambda: video(3_000_000),
    "second-jpeg": lambda: jpeg(300),
    "second-jpeg-and-record": lambda: jpeg(700) + video(90_000) + b"SEFH\x6b\x00\x00\x00SEFT",
})  # fmt: skip


class Counted:
    """Serves ranges of bytes and counts the reads and the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.reads, self.bytes = data, 0, 0

    def __call__(self, offset: int, length: int) -> bytes:
        assert 0 <= offset < offset + length <= len(self.data)
        self.reads, self.bytes = self.reads + 1, self.bytes + length
        return self.data[offset : offset + length]


def is_accepted(data: bytes) -> bool:
    read = Counted(data)
    try:
        inspect(read, len(data))
    except UnsupportedFormat:
        return False
    finally:
        assert read.reads <= MAX_SEARCH_READS
        assert read.bytes <= MAX_BYTES
    return True


def scan_at(data: bytes) -> int:
    at = 2
    while data[at + 1] != 0xDA:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


@each_row("trailer", TRAILERS)
@each_row("name", PICTURES)
def test_a_whole_picture_is_accepted_whatever_follows_it(name: str, trailer: str) -> None:
    assert is_accepted(PICTURES[name] + TRAILERS[trailer])


@each_row("trailer", [name for name in TRAILERS if not name.startswith("second")])
@each_row("name", PICTURES)
def test_a_cut_picture_is_refused_whatever_follows_it(name: str, trailer: str) -> None:
    whole = PICTURES[name]
    for length in (len(whole) - 2, len(whole) - 1, (len(whole) + scan_at(whole)) // 2, scan_at(whole) + 9):
        assert not is_accepted(whole[:length] + TRAILERS[trailer])


@each_row(("name", "reads"), [("baseline", 3), ("progressive", 3), ("grey", 3), ("restarts", 3), ("large", 2)])
def test_a_picture_without_a_trailer_takes_two_reads_and_one_for_the_middle_of_a_small_one(
    name: str, reads: int
) -> None:
    read = Counted(PICTURES[name])
    inspect(read, len(read.data))
    assert read.reads == reads


@given(st.sampled_from(sorted(PICTURES)), st.floats(0, 1))
@settings(max_examples=150)
def test_no_cut_picture_that_stands_alone_is_accepted(name: str, share: float) -> None:
    whole = PICTURES[name]
    assert not is_accepted(whole[: int(share * (len(whole) - 1))] or b"\xff\xd8\xff")


@given(
    st.sampled_from(sorted(PICTURES)),
    st.integers(0, 2**32),
    st.integers(0, 22).map(lambda power: 2**power),
    st.binary(),
)
@settings(max_examples=60)
def test_a_picture_with_random_bytes_behind_it_is_accepted(name: str, seed: int, length: int, more: bytes) -> None:
    assert is_accepted(PICTURES[name] + more + random.Random(seed).randbytes(length) + more)
