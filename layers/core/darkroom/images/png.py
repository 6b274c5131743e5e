"""PNG: reads the chunks up to the pixels and looks for the trailer. It never reads or inflates pixel data.

Section numbers are those of the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import (
    RangedReader,
    apply_orientation,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.images.tiff_directories import exif_orientation
from darkroom.model import ImageFacts, ImageFormat

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # 5.2
TRAILER = b"\x00\x00\x00\x00IEND\xaeB`\x82"  # 11.2.5: without data, so these 12 bytes are always the same

MAX_CHUNK_LENGTH = 2**31 - 1  # 5.3
HEADER_LENGTH = 13  # 11.2.2
LEGAL_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}  # 11.2.2, table 12
PALETTE_COLOUR_TYPE = 3
ALPHA_COLOUR_TYPES = frozenset({4, 6})


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    at: int  # where its data begins
    length: int

    @property
    def end(self) -> int:
        """The first byte after its CRC."""
        return self.at + self.length + 4


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    colour_type: int


def inspect_png(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete, still PNG. Its trailer must lie in the last 64 KiB, after the first chunk of pixels.
    Raises UnsupportedFormat."""
    chunks = _chunks(reader, len(SIGNATURE))
    header = _read_header(reader, next(chunks))
    has_alpha, has_palette = header.colour_type in ALPHA_COLOUR_TYPES, False
    exif: _Chunk | None = None
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"acTL":
            raise UnsupportedFormat("The PNG is animated. Upload a single still picture.")
        if chunk.kind in (b"IHDR", b"IEND"):
            raise damaged_error("it has no pixels where they should begin")
        has_palette = has_palette or chunk.kind == b"PLTE"
        has_alpha = has_alpha or (chunk.kind == b"tRNS" and chunk.length > 0)
        exif = chunk if chunk.kind == b"eXIf" and exif is None else exif
    if header.colour_type == PALETTE_COLOUR_TYPE and not has_palette:
        raise damaged_error("it has no palette though it says that it uses one")
    trailer_at = _find_trailer(reader, chunk.end)
    exif = exif or _find_late_exif(reader, chunk.end, trailer_at)
    orientation = exif_orientation(reader, exif.at, exif.at + exif.length) if exif else 1
    width, height = apply_orientation(header.width, header.height, orientation)
    return ImageFacts(ImageFormat.PNG, width, height, has_alpha)


def _chunks(reader: RangedReader, at: int) -> Iterator[_Chunk]:
    """Yield the chunks, found by their lengths. The iterator has no end: the caller stops at the pixels, or
    UnsupportedFormat is raised."""
    while True:
        length, kind = struct.unpack(">I4s", reader.skim(at, 8, "pixel data"))
        if length > MAX_CHUNK_LENGTH or not kind.isalpha():
            raise damaged_error("a PNG chunk does not begin with a length and a type")
        chunk = _Chunk(kind, at + 8, length)
        if chunk.end > reader.size:
            raise truncated_error("pixel data" if kind == b"IDAT" else "metadata")
        yield chunk
        at = chunk.end


def _read_header(reader: RangedReader, chunk: _Chunk) -> _Header:
    if chunk.kind != b"IHDR" or chunk.length != HEADER_LENGTH:
        raise damaged_error("it does not begin with a PNG header")
    data = reader.read(chunk.at, HEADER_LENGTH, "header")
    if not _has_valid_crc(reader, chunk):
        raise damaged_error("its header's checksum is wrong")
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack(">IIBBBBB", data)
    check_dimensions(width, height)
    if depth not in LEGAL_DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise damaged_error("its header combines values that PNG does not allow")
    return _Header(width, height, colour_type)


def _find_trailer(reader: RangedReader, after: int) -> int:
    """Return the offset of IEND, which other bytes may follow. Raises UnsupportedFormat if it is not in the last 64 KiB."""
    found = reader.tail().rfind(TRAILER)
    at = reader.tail_offset + found
    if found < 0 or at < after:
        raise UnsupportedFormat("The PNG is cut short: its last 64 KiB hold no IEND. Upload it again, whole.")
    return at


def _find_late_exif(reader: RangedReader, after: int, trailer_at: int) -> _Chunk | None:
    """Return the EXIF chunk that follows the pixels (11.3.4.5 allows it), if it lies in the last 64 KiB. A valid CRC tells it
    from pixel data that look alike."""
    tail, begin = reader.tail(), reader.tail_offset
    found = tail.rfind(b"eXIf", max(0, after - begin), trailer_at - begin)
    if found < 4:
        return None
    (length,) = struct.unpack(">I", tail[found - 4 : found])
    chunk = _Chunk(b"eXIf", begin + found + 4, length)
    return chunk if chunk.end <= trailer_at and _has_valid_crc(reader, chunk) else None


def _has_valid_crc(reader: RangedReader, chunk: _Chunk) -> bool:
    """Whether the CRC of the chunk's type and data is right (5.5). Call it only for chunks that are small or already
    read."""
    data = reader.read(chunk.at - 4, chunk.length + 8, "header")
    return zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "big")
