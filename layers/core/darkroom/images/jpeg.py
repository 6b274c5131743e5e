"""Walks a JPEG's segments up to its first scan and looks for its end marker. Never reads or decodes the scan.

Section numbers are those of ITU-T T.81. A second picture after the first (MPF, as phones write it) is let be.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import RangedReader, check_dimensions, cut_short, damaged, displayed
from darkroom.images.tiff_directories import EXIF_PREFIX, exif_orientation
from darkroom.model import ImageFacts, ImageFormat

# Table B.1
SOI, EOI, SOS, DHT, JPG, DAC, DHP, APP1 = 0xD8, 0xD9, 0xDA, 0xC4, 0xC8, 0xCC, 0xDE, 0xE1
DECODABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended sequential, progressive; Huffman coded
OTHER_FRAMES = frozenset({0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), DHP, 0xF7})  # F7: JPEG-LS
STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # B.1.1.3: TEM and RSTm have no length

END_MARKER = b"\xff\xd9"
LEAST_LENGTH = 2  # B.1.1.4: a length counts its own two bytes
FRAME_FIXED, FRAME_PER_COMPONENT = 6, 3  # B.2.2
MAX_COMPONENTS = 4  # CMYK; B.2.3 lets no scan interleave more
LEGAL_PRECISIONS = frozenset({8, 12})  # table B.2
MAX_FILL = 1024  # B.1.1.2 lets any number of FF precede a marker; no writer uses many


@dataclass(frozen=True)
class _Segment:
    marker: int
    at: int  # where its payload begins
    end: int


def inspect_jpeg(reader: RangedReader) -> ImageFacts:
    """Facts of a whole JPEG. EOI must lie in the last 64 KiB, after the beginning of the scan."""
    size: tuple[int, int] | None = None
    orientation: int | None = None
    for segment in _segments(reader):
        if segment.marker in OTHER_FRAMES:
            raise UnsupportedFormat(
                "The JPEG is lossless, hierarchical or arithmetic coded, which hardly any program decodes. "
                "Save it as an ordinary baseline or progressive JPEG and upload that."
            )
        if segment.marker in DECODABLE_FRAMES:
            if size is not None:
                raise damaged("it has two JPEG frames before its scan")
            size = _frame_size(reader, segment)
        elif segment.marker == APP1 and orientation is None and _is_exif(reader, segment):
            orientation = exif_orientation(reader, segment.at, segment.end)
        elif segment.marker == SOS:
            _check_end(reader, segment.end)
            break
    if size is None:
        raise damaged("its scan comes before its size")
    width, height = displayed(*size, orientation or 1)
    return ImageFacts(ImageFormat.JPEG, width, height)


def _segments(reader: RangedReader) -> Iterator[_Segment]:
    """Segment after segment from behind SOI, by their lengths only; never ends but by its consumer or a refusal."""
    at = 2
    while True:
        marker, at = _marker(reader, at)
        if marker in STANDALONE:
            continue
        if marker == EOI:
            raise UnsupportedFormat("The JPEG is cut short: it ends before its scan. Upload it again, whole.")
        if marker in (SOI, 0x00):
            raise damaged("what should be a JPEG segment is none")
        length = int.from_bytes(reader.take(at, 2, "scan"), "big")
        if length < LEAST_LENGTH:
            raise damaged("a JPEG segment is shorter than its own length field")
        if at + length > reader.size:
            raise cut_short("scan")
        yield _Segment(marker, at + 2, at + length)
        at += length


def _marker(reader: RangedReader, at: int) -> tuple[int, int]:
    """The marker at `at`, past fill bytes, and where what follows it begins."""
    if reader.take(at, 1, "scan") != b"\xff":
        raise damaged("what should be a JPEG segment is none")
    for position in range(at + 1, at + MAX_FILL):
        (code,) = reader.take(position, 1, "scan")
        if code != 0xFF:
            return code, position + 1
    raise damaged(f"more than {MAX_FILL} fill bytes stand before a JPEG segment")


def _frame_size(reader: RangedReader, segment: _Segment) -> tuple[int, int]:
    length = segment.end - segment.at
    if length < FRAME_FIXED:
        raise damaged("its JPEG frame header is too short")
    precision, height, width, components = struct.unpack(">BHHB", reader.take(segment.at, FRAME_FIXED, "header"))
    if height == 0:
        raise UnsupportedFormat(
            "The JPEG tells its height only after its scan (DNL). Save it again in an image editor and upload that."
        )
    check_dimensions(width, height)
    if not 1 <= components <= MAX_COMPONENTS or length != FRAME_FIXED + FRAME_PER_COMPONENT * components:
        raise damaged("its JPEG frame header does not agree with its number of components")
    if precision not in LEGAL_PRECISIONS:
        raise damaged("its JPEG frame header has an impossible sample precision")
    return width, height


def _is_exif(reader: RangedReader, segment: _Segment) -> bool:
    length = min(len(EXIF_PREFIX), segment.end - segment.at)
    return reader.take(segment.at, length, "metadata") == EXIF_PREFIX


def _check_end(reader: RangedReader, scan_at: int) -> None:
    """EOI after at least one byte of scan: the EOI of an EXIF thumbnail lies before it and does not count."""
    begin = max(reader.tail_offset, scan_at + 1)
    if begin >= reader.size or reader.take(begin, reader.size - begin, "end").rfind(END_MARKER) < 0:
        raise UnsupportedFormat(
            "The JPEG is cut short, or more than 64 KiB follow its end: its last 64 KiB hold no EOI. "
            "Upload it again, whole and as a plain still picture."
        )
