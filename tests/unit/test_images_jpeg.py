"""Tests the segments of JPEG files: frames, orientation, the end of the scan, and what is refused."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image
from tests.rows import each_row

from darkroom.errors import UnsupportedFormat
from darkroom.images import inspect
from darkroom.model import ImageFacts

SOI, EOI = b"\xff\xd8", b"\xff\xd9"


def segment(marker: int, data: bytes = b"") -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def frame(marker: int = 0xC0, width: int = 4, height: int = 3, components: int = 3, precision: int = 8) -> bytes:
    return segment(marker, struct.pack(">BHHB", precision, height, width, components) + bytes(3 * components))


SCAN = segment(0xDA, bytes(10)) + b"\x12\x34\xff\x00\x56"
REST = SCAN + EOI


def exif(orientation: int, order: str = "<", kind: int = 3, offset: int = 8, count: int = 1) -> bytes:
    value = struct.pack(order + {3: "HH", 4: "I"}[kind], *((orientation, 0) if kind == 3 else (orientation,)))
    mark = b"II" if order == "<" else b"MM"
    block = mark + struct.pack(order + "HI", 42, offset) + bytes(offset - 8) if offset < 1000 else b""
    block = block or mark + struct.pack(order + "HI", 42, offset)
    return segment(0xE1, b"Exif\x00\x00" + block + struct.pack(order + "HHHI", count, 274, kind, 1) + value)


def facts(data: bytes) -> ImageFacts:
    return inspect(lambda offset, length: data[offset : offset + length], len(data))


def size(data: bytes) -> tuple[int, int]:
    found = facts(data)
    return found.width, found.height


def refused(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words):
        facts(data)


@each_row("marker", [0xC0, 0xC1, 0xC2])
def test_baseline_extended_and_progressive_frames_are_accepted(marker: int) -> None:
    assert size(SOI + frame(marker) + REST) == (4, 3)


@each_row("marker", [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE, 0xF7])
def test_lossless_hierarchical_and_arithmetic_frames_are_refused(marker: int) -> None:
    refused(SOI + frame(marker) + REST, "lossless, hierarchical or arithmetic")


@each_row("order", ["<", ">"])
@each_row("kind", [3, 4])
@each_row("orientation", range(1, 9))
def test_orientation_is_honoured_in_both_byte_orders(order: str, kind: int, orientation: int) -> None:
    expected = (3, 4) if orientation >= 5 else (4, 3)
    assert size(SOI + exif(orientation, order, kind) + frame() + REST) == expected
    assert size(SOI + exif(orientation, order, kind, offset=300) + frame() + REST) == expected


def test_an_exif_directory_outside_its_segment_is_passed_over() -> None:
    inside = exif(6)
    outside = SOI + exif(6, offset=0x7FFFFFFF) + frame() + REST
    assert size(outside) == (4, 3)
    # The offset points to a directory, but that directory is in the next segment.
    aimed = segment(0xE1, b"Exif\x00\x00II*\x00" + struct.pack("<I", 8 + 4 + 6 + 8))
    assert size(SOI + aimed + inside[:4] + b"Else\x00\x00" + inside[10:] + frame() + REST) == (4, 3)


def test_an_exif_directory_with_more_entries_than_its_block_is_read_as_far_as_it_goes() -> None:
    assert size(SOI + exif(6, count=65535) + frame() + REST) == (3, 4)
    assert size(SOI + exif(6, count=0) + frame() + REST) == (4, 3)


@each_row("kind", [6, 8, 9])
def test_an_orientation_of_a_signed_type_is_honoured(kind: int) -> None:
    block = (
        b"MM\x00*" + struct.pack(">IHHHI", 8, 1, 274, kind, 1) + {6: b"\6\0\0\0", 8: b"\0\6\0\0", 9: b"\0\0\0\6"}[kind]
    )
    assert size(SOI + segment(0xE1, b"Exif\x00\x00" + block) + frame() + REST) == (3, 4)
    minus = SOI + segment(0xE1, b"Exif\x00\x00" + block[:-4] + b"\xff" * 4) + frame() + REST
    assert size(minus) == (4, 3)


def test_the_first_exif_segment_decides_and_xmp_is_none() -> None:
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x/>")
    assert size(SOI + xmp + exif(6) + exif(1) + frame() + REST) == (3, 4)
    assert size(SOI + segment(0xE1) + exif(1) + exif(6) + frame() + REST) == (4, 3)


def test_fill_bytes_and_markers_without_length_are_passed_over() -> None:
    assert size(SOI + b"\xff" * 9 + frame() + b"\xff\x01\xff\xd0" + b"\xff" + REST) == (4, 3)
    assert size(SOI + b"\xff" * 200_000 + frame() + REST) == (4, 3)


def test_up_to_sixteen_stray_bytes_between_segments_are_passed_over() -> None:
    for junk in (b"\x00", b"\xff\x00", bytes(16), b"\x55" * 16):
        assert size(SOI + segment(0xE0) + junk + frame() + junk + REST) == (4, 3)
    refused(SOI + segment(0xE0) + bytes(17) + frame() + REST, "does not begin with a marker")


def test_twelve_bits_a_sample_are_refused_with_the_cure() -> None:
    refused(SOI + frame(0xC1, precision=12) + REST, "Save it with 8 bits")


def test_a_frame_that_disagrees_with_itself_is_refused() -> None:
    refused(SOI + segment(0xC0, bytes(3)) + REST, "too short")
    refused(SOI + segment(0xC0, struct.pack(">BHHB", 8, 3, 4, 3) + bytes(8)) + REST, "number of components")
    for components in (0, 5):
        refused(SOI + frame(components=components) + REST, "number of components")
    refused(SOI + frame(precision=9) + REST, "precision")
    refused(SOI + frame(width=0) + REST, "zero")
    refused(SOI + frame(height=0) + REST, "DNL")
    refused(SOI + frame() + frame() + REST, "two JPEG frames")


@each_row("length", [0, 1])
def test_a_segment_shorter_than_its_length_field_is_refused(length: int) -> None:
    refused(SOI + b"\xff\xe0" + struct.pack(">H", length) + frame() + REST, "shorter than its own")


def test_segments_that_are_none_or_pass_the_end_are_refused() -> None:
    refused(SOI + b"\xff\xe0\xff\xff" + frame() + REST, "cut short")
    refused(SOI + segment(0xE0) + SOI + frame() + REST, "does not begin with")


def test_a_jpeg_that_ends_before_its_scan_is_truncated() -> None:
    refused(SOI + EOI + bytes(9), "before its scan")
    refused(SOI + frame() + EOI, "before its scan")
    refused(SOI + frame() + segment(0xDA, bytes(10)) + EOI, "no EOI")
    refused(SOI + REST, "comes before its size")


def test_the_eoi_of_an_exif_thumbnail_does_not_count() -> None:
    thumbnail = segment(0xE1, b"Exif\x00\x00" + SOI + frame() + REST)
    refused(SOI + thumbnail + frame() + SCAN, "no EOI")
    assert size(SOI + thumbnail + frame() + REST) == (4, 3)


def test_a_phone_s_picture_with_a_second_one_behind_it_is_one_picture() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (40, 30), "red"), Image.new("RGB", (8, 6), "blue")]
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:])
    assert b"MPF\x00" in out.getvalue()
    assert size(out.getvalue()) == (40, 30)


def test_megabytes_of_metadata_are_skipped_and_too_many_refused() -> None:
    block = segment(0xE2, bytes(65533))
    assert size(SOI + block * 400 + frame() + REST) == (4, 3)
    refused(SOI + block * 600 + frame() + REST, "more than 512 reads or 1024 KiB")
