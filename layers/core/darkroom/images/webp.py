"""Reads the facts of WebP files from their RIFF chunks, which must lie inside the file. It never decodes pixels.

Section names are those of the WebP container specification (RFC 9649).
"""

from __future__ import annotations

import struct

from darkroom.errors import UnsupportedFormat
from darkroom.images.ranged_reader import (
    RangedReader,
    apply_orientation,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.images.tiff_directories import exif_orientation
from darkroom.model import ImageFacts, ImageFormat

RIFF, WEBP = b"RIFF", b"WEBP"  # section "WebP File Header"
HEADER_BYTES = 12
MAX_CHUNKS = 64  # our limit; a still picture has chunks of at most six kinds
ANIMATION, EXIF, ALPHA = 0x02, 0x08, 0x10  # "Extended File Format": flags of VP8X
LOSSY_START = b"\x9d\x01\x2a"  # RFC 6386, 9.1
LOSSLESS_START = 0x2F  # "Lossless Bitstream", 3.4


def inspect_webp(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete, still WebP. Raises UnsupportedFormat."""
    (length,) = struct.unpack("<I", reader.read(4, 4, "header"))
    end = 8 + length
    if end > reader.size:
        raise truncated_error("pixel data")
    chunks = _chunks(reader, end)
    canvas: tuple[int, int, int] | None = None
    if b"VP8X" in chunks:
        canvas = _canvas(reader, *chunks[b"VP8X"])
        if canvas[0] & ANIMATION:
            raise UnsupportedFormat("The WebP is animated. Upload a single still picture.")
    if b"VP8L" in chunks:
        width, height, has_alpha = _lossless(reader, *chunks[b"VP8L"])
    elif b"VP8 " in chunks:
        width, height = _lossy(reader, *chunks[b"VP8 "])
        has_alpha = canvas is not None and b"ALPH" in chunks
    else:
        raise damaged_error("it has no WebP pixels")
    if canvas is not None and canvas[1:] != (width, height):
        raise damaged_error("its WebP canvas has another size than its pixels")
    orientation = 1
    if canvas is not None and canvas[0] & EXIF and b"EXIF" in chunks:
        at, size = chunks[b"EXIF"]
        orientation = exif_orientation(reader, at, at + size)
    return ImageFacts(ImageFormat.WEBP, *apply_orientation(width, height, orientation), has_alpha, orientation)


def _chunks(reader: RangedReader, end: int) -> dict[bytes, tuple[int, int]]:
    """Return the kinds of chunks → offset and length of their data. The first chunk of each kind counts. Raises UnsupportedFormat
    if a chunk passes `end`."""
    found: dict[bytes, tuple[int, int]] = {}
    at, number = HEADER_BYTES, 0
    while at + 8 <= end:
        kind, length = struct.unpack("<4sI", reader.skim(at, 8, "pixel data"))
        number += 1
        if at + 8 + length > end:
            raise truncated_error("pixel data")
        if number > MAX_CHUNKS:
            raise damaged_error(f"it has more than {MAX_CHUNKS} chunks")
        found.setdefault(kind, (at + 8, length))
        at += 8 + length + length % 2
    return found


def _canvas(reader: RangedReader, at: int, length: int) -> tuple[int, int, int]:
    """Return the flags, the width and the height from the VP8X chunk."""
    if length < 10:
        raise damaged_error("its WebP header is too short")
    data = reader.read(at, 10, "header")
    width, height = (1 + int.from_bytes(data[start : start + 3], "little") for start in (4, 7))
    return data[0], width, height


def _lossy(reader: RangedReader, at: int, length: int) -> tuple[int, int]:
    """Return the width and the height of VP8 data (RFC 6386, 9.1). Raises UnsupportedFormat if the first partition does not lie
    inside the data."""
    if length < 10:
        raise damaged_error("its WebP pixels are too short")
    data = reader.read(at, 10, "header")
    tag = int.from_bytes(data[:3], "little")
    if tag & 1 or data[3:6] != LOSSY_START or (tag >> 5) > length - 10:
        raise damaged_error("its WebP pixels do not begin with a key frame")
    width, height = (int.from_bytes(data[start : start + 2], "little") & 0x3FFF for start in (6, 8))
    check_dimensions(width, height)
    return width, height


def _lossless(reader: RangedReader, at: int, length: int) -> tuple[int, int, bool]:
    """Return the width and the height of VP8L data ("Lossless Bitstream", 3.4), and True if it uses alpha."""
    if length < 5:
        raise damaged_error("its WebP pixels are too short")
    data = reader.read(at, 5, "header")
    bits = int.from_bytes(data[1:], "little")
    if data[0] != LOSSLESS_START or bits >> 29:
        raise damaged_error("its WebP pixels have no lossless header")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
