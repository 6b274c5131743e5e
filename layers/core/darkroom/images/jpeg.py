"""Reads the facts of JPEG files: reads the segments up to the first scan, and lets `jpeg_scan` look for the end of the scan.

It never decodes the scan. Bytes after the picture are ignored, because phones append a second picture (MPF) or a video. Section
numbers are those of ITU-T T.81.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.jpeg_appended import stated_starts
from darkroom.images.jpeg_scan import check_scan_end
from darkroom.images.ranged_reader import (
    MAX_PARTS,
    READ_AHEAD,
    RangedReader,
    apply_orientation,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.images.tiff_directories import EXIF_PREFIX, exif_orientation
from darkroom.model import ImageFacts, ImageFormat

# Table B.1
SOI, EOI, SOS, DHT, JPG, DAC, DHP = 0xD8, 0xD9, 0xDA, 0xC4, 0xC8, 0xCC, 0xDE
APP1, APP2 = 0xE1, 0xE2
DECODABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended sequential, progressive; Huffman coded
OTHER_FRAMES = frozenset({0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), DHP, 0xF7})  # F7: JPEG-LS
STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # B.1.1.3: the markers TEM and RSTm have no length field

MIN_LENGTH = 2  # B.1.1.4: a length counts its own two bytes
FRAME_FIXED, FRAME_PER_COMPONENT = 6, 3  # B.2.2, bytes
MAX_COMPONENTS = 4  # the number of CMYK; B.2.3 allows no scan to interleave more
PRECISION, RARE_PRECISION = 8, 12  # table B.2, bits
MAX_STATED_STARTS = 4  # our limit on what metadata say of what is behind the picture
MAX_STRAY = 16  # our limit on stray bytes before a marker; decoders step over any number of them


@dataclass(frozen=True)
class _Segment:
    marker: int
    at: int  # the offset of the segment's payload
    end: int


def inspect_jpeg(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete JPEG. Bytes after its end are ignored. Raises UnsupportedFormat."""
    size: tuple[int, int] | None = None
    orientation: int | None = None
    appended: list[int] = []
    for segment in _segments(reader):
        if segment.marker in OTHER_FRAMES:
            raise UnsupportedFormat(
                "The JPEG is lossless, hierarchical or arithmetic coded, which hardly any program can decode. "
                "Save it as an ordinary baseline or progressive JPEG and upload that."
            )
        if segment.marker in DECODABLE_FRAMES:
            if size is not None:
                raise damaged_error("it has two JPEG frames before its scan")
            size = _frame_size(reader, segment)
        elif segment.marker == APP1 and orientation is None and _is_exif(reader, segment):
            orientation = exif_orientation(reader, segment.at, segment.end)
        elif segment.marker in (APP1, APP2) and len(appended) < MAX_STATED_STARTS:
            appended += stated_starts(reader, segment.at, segment.end)
        elif segment.marker == SOS:
            check_scan_end(reader, segment.end, appended)
            break
    if size is None:
        raise damaged_error("its scan comes before its size")
    width, height = apply_orientation(*size, orientation or 1)
    return ImageFacts(ImageFormat.JPEG, width, height, orientation=orientation or 1)


def _segments(reader: RangedReader) -> Iterator[_Segment]:
    """Yield the segments after SOI; each one's length leads to the next. The caller must stop at the scan. Raises
    UnsupportedFormat if no scan is found."""
    at = 2
    for _ in range(MAX_PARTS):
        marker, at = _read_marker(reader, at)
        if marker in STANDALONE:
            continue
        if marker == EOI:
            raise UnsupportedFormat("The JPEG is cut short: it ends before its scan. Upload it again, whole.")
        if marker == SOI:
            raise damaged_error("a JPEG segment does not begin with a marker")
        length = int.from_bytes(reader.skim(at, 2, "scan"), "big")
        if length < MIN_LENGTH:
            raise damaged_error("a JPEG segment is shorter than its own length field")
        if at + length > reader.size:
            raise truncated_error("scan")
        yield _Segment(marker, at + 2, at + length)
        at += length
    raise damaged_error(f"more than {MAX_PARTS} JPEG segments stand before its scan")


def _read_marker(reader: RangedReader, at: int) -> tuple[int, int]:
    """Return the next marker from `at` on, and the offset of the byte after it. Any fill bytes (B.1.1.2) and a few stray bytes
    are skipped."""
    stray = 0
    while stray <= MAX_STRAY:
        if reader.skim(at, 1, "scan") == b"\xff":
            at = _skip_fill(reader, at + 1)
            (code,) = reader.skim(at, 1, "scan")
            if code != 0x00:
                return code, at + 1
            stray += 1  # FF 00 is no marker
        at, stray = at + 1, stray + 1
    raise damaged_error("a JPEG segment does not begin with a marker")


def _skip_fill(reader: RangedReader, at: int) -> int:
    """Return the offset of the first byte that is not FF, from `at` on."""
    while reader.skim(at, 1, "scan") == b"\xff":
        block = reader.read(at, min(READ_AHEAD, reader.size - at), "scan")
        at += len(block) - len(block.lstrip(b"\xff"))
    return at


def _frame_size(reader: RangedReader, segment: _Segment) -> tuple[int, int]:
    length = segment.end - segment.at
    if length < FRAME_FIXED:
        raise damaged_error("its JPEG frame header is too short")
    precision, height, width, components = struct.unpack(">BHHB", reader.read(segment.at, FRAME_FIXED, "header"))
    if height == 0:
        raise UnsupportedFormat(
            "The JPEG gives its height only after its scan (DNL). Save it again in an image editor and upload that."
        )
    check_dimensions(width, height)
    if not 1 <= components <= MAX_COMPONENTS or length != FRAME_FIXED + FRAME_PER_COMPONENT * components:
        raise damaged_error("its JPEG frame header does not agree with its number of components")
    if precision == RARE_PRECISION:
        raise UnsupportedFormat(
            "The JPEG has 12 bits a sample, which hardly any program can decode. Save it with 8 bits, or as a 16-bit TIFF or PNG."
        )
    if precision != PRECISION:
        raise damaged_error("its JPEG frame header has an impossible sample precision")
    return width, height


def _is_exif(reader: RangedReader, segment: _Segment) -> bool:
    length = min(len(EXIF_PREFIX), segment.end - segment.at)
    return reader.skim(segment.at, length, "metadata") == EXIF_PREFIX
