"""JPEGs whose metadata tell what is behind them: an MP index, a container directory, a video's offset."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rows import each_row
from tests.unit.picture_corpus import container, index
from tests.unit.test_images_jpeg import segment
from tests.unit.test_images_trailers import PICTURES, Counted, is_accepted, scan_at, video

from darkroom.errors import UnsupportedFormat
from darkroom.images import inspect
from darkroom.images.jpeg_appended import stated_starts
from darkroom.images.ranged_reader import RangedReader

XMP = b"http://ns.adobe.com/xap/1.0/\x00"


def large() -> bytes:
    return PICTURES["large"]


def small() -> bytes:
    return PICTURES["grey"]


def starts(payload: bytes, size: int = 1000) -> tuple[int, ...]:
    """Return what a segment with this payload says in a file of that size."""
    data = (b"\xff\xd8\xff\xe2\x00\x00" + payload).ljust(size, b"\0")
    return stated_starts(RangedReader(lambda at, length: data[at : at + length], size), 6, 6 + len(payload))


def with_segment(told: bytes, first: bytes, behind: bytes) -> bytes:
    return first[:2] + told + first[2:] + behind


def test_an_index_says_where_the_second_picture_is_from_either_end() -> None:
    payload = index(200, 50)[4:]
    assert starts(payload) == (200 - 10 + 6 + 4, 950)


@each_row(
    ("xmp", "told"),
    [
        (b'<x Item:Length="300"/>', (700,)),
        (b"<Item:Length>300</Item:Length>", (700,)),
        (b'<x Item:Length="0"/><x Item:Length="100"/><x Item:Length = \'200\'/>', (700,)),
        (b'<x GCamera:MicroVideoOffset="400"/>', (600,)),
        (b'<x Item:Length="5000"/>', ()),
        (b'<x Item:Length="-3"/>', ()),
        (b"<x/>", ()),
    ],
)
def test_a_container_says_how_long_what_follows_is(xmp: bytes, told: tuple[int, ...]) -> None:
    assert starts(XMP + xmp) == told


@each_row(
    "payload",
    [
        b"",
        b"MPF\0",
        b"MPF\0II*\0",
        b"MPF\0II*\0\xff\xff\xff\xff",
        b"MPF\0MM\0*\0\0\0\x08\xff\xff",
        index(200, 50)[4:-20],
    ],
)
def test_a_damaged_index_says_nothing(payload: bytes) -> None:
    assert starts(payload) == ()


@given(st.binary(max_size=200))
def test_no_index_raises_anything(index: bytes) -> None:
    starts(b"MPF\0II*\0\x08\0\0\0" + index)


@each_row("second", [small, large], ids=["a small one", "a large one"])
def test_a_whole_picture_takes_few_reads_where_its_metadata_tell_its_end(second: Callable[[], bytes]) -> None:
    data = with_segment(container(len(second())), large(), second())
    read = Counted(data)
    inspect(read, len(data))
    assert read.reads <= 4


def test_a_video_that_the_metadata_tell_of_needs_no_search() -> None:
    film = video(3_000_000)
    told = segment(0xE1, XMP + f'GCamera:MicroVideoOffset="{len(film)}"'.encode())
    read = Counted(with_segment(told, large(), film))
    inspect(read, len(read.data))
    assert read.reads <= 4
    cut = large()[: len(large()) // 2]
    assert not is_accepted(with_segment(told, cut, film))


@each_row("told", [index(10_000, 5_000), container(5_000)], ids=["index", "container"])
def test_metadata_that_are_out_of_date_refuse_no_whole_picture(told: bytes) -> None:
    assert is_accepted(with_segment(told, large(), b""))
    assert is_accepted(with_segment(told, large(), small()))
    assert is_accepted(with_segment(told, small(), large()))
    assert is_accepted(with_segment(told, large(), video(900_000)))


@given(st.floats(0, 1), st.integers(-20_000, 20_000))
@settings(max_examples=60)
def test_a_cut_picture_whose_index_is_out_of_date_is_refused(share: float, edited: int) -> None:
    cut = large()[: scan_at(large()) + 9 + int(share * (len(large()) - scan_at(large()) - 11))]
    assert not is_accepted(with_segment(index(len(large()) + edited, len(small())), cut, small()))


def test_of_many_statements_a_few_are_looked_at() -> None:
    data = with_segment(container(len(small())) * 50, large()[:-2], small())
    read = Counted(data)
    with pytest.raises(UnsupportedFormat):
        inspect(read, len(data))
    assert read.reads <= 6


def test_an_offset_inside_the_picture_is_no_beginning() -> None:
    for at in (0, 3, 2000, len(large()) - 3, 2**31):
        told = bytearray(index(len(large()), 1))
        told[-8:-4] = struct.pack(">I", at)
        assert is_accepted(with_segment(bytes(told), large(), b""))


@each_row("padding", [1, 100, 5_000, 40_000])
def test_padding_before_the_second_picture_is_allowed(padding: int) -> None:
    first = large() + bytes(padding)
    lead = len(index(10, 0))
    assert is_accepted(with_segment(index(lead + len(first), len(small())), first, small()))
    assert is_accepted(with_segment(container(len(small())), first, small()))
