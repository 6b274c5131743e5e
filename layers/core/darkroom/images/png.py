"""Reads a PNG's chunks up to its pixels and looks for its trailer. Never inflates or reads pixel data.

Section numbers are those of the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import RangedReader, check_dimensions, cut_short, damaged, displayed
from darkroom.images.tiff_directories import exif_orientation
from darkroom.model import ImageFacts, ImageFormat

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # 5.2
TRAILER = b"\x00\x00\x00\x00IEND\xaeB`\x82"  # 11.2.5: no data, so its 12 bytes never vary

MAX_CHUNK_LENGTH = 2**31 - 1  # 5.3
HEADER_LENGTH = 13  # 11.2.2
LEGAL_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}  # 11.2.2, table 12
PALETTE = 3
WITH_ALPHA = frozenset({4, 6})


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
    """Facts of a whole, still PNG. The trailer must lie in the last 64 KiB, after the first pixel chunk."""
    chunks = _chunks(reader, len(SIGNATURE))
    header = _header(reader, next(chunks))
    has_alpha, has_palette = header.colour_type in WITH_ALPHA, False
    exif: _Chunk | None = None
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"acTL":
            raise UnsupportedFormat("The PNG is animated. Upload a single still picture.")
        if chunk.kind in (b"IHDR", b"IEND"):
            raise damaged("it has no pixels where they should begin")
        has_palette = has_palette or chunk.kind == b"PLTE"
        has_alpha = has_alpha or (chunk.kind == b"tRNS" and chunk.length > 0)
        exif = chunk if chunk.kind == b"eXIf" and exif is None else exif
    if header.colour_type == PALETTE and not has_palette:
        raise damaged("it has no palette though it says that it uses one")
    trailer_at = _trailer(reader, chunk.end)
    exif = exif or _late_exif(reader, chunk.end, trailer_at)
    orientation = exif_orientation(reader, exif.at, exif.at + exif.length) if exif else 1
    width, height = displayed(header.width, header.height, orientation)
    return ImageFacts(ImageFormat.PNG, width, height, has_alpha)


def _chunks(reader: RangedReader, at: int) -> Iterator[_Chunk]:
    """Chunk after chunk, by their lengths only; never ends but by its consumer or a refusal."""
    while True:
        length, kind = struct.unpack(">I4s", reader.take(at, 8, "pixel data"))
        if length > MAX_CHUNK_LENGTH or not kind.isalpha():
            raise damaged("what should be a PNG chunk is none")
        chunk = _Chunk(kind, at + 8, length)
        if chunk.end > reader.size:
            raise cut_short("pixel data" if kind == b"IDAT" else "metadata")
        yield chunk
        at = chunk.end


def _header(reader: RangedReader, chunk: _Chunk) -> _Header:
    if chunk.kind != b"IHDR" or chunk.length != HEADER_LENGTH:
        raise damaged("it does not begin with a PNG header")
    data = reader.take(chunk.at, HEADER_LENGTH, "header")
    if not _crc_holds(reader, chunk):
        raise damaged("its header's checksum is wrong")
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack(">IIBBBBB", data)
    check_dimensions(width, height)
    if depth not in LEGAL_DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise damaged("its header combines values that PNG does not allow")
    return _Header(width, height, colour_type)


def _trailer(reader: RangedReader, after: int) -> int:
    """Where IEND begins: searched backwards, since other bytes may follow it."""
    found = reader.tail().rfind(TRAILER)
    at = reader.tail_offset + found
    if found < 0 or at < after:
        raise UnsupportedFormat("The PNG is cut short: its last 64 KiB hold no IEND. Upload it again, whole.")
    return at


def _late_exif(reader: RangedReader, after: int, trailer_at: int) -> _Chunk | None:
    """EXIF may follow the pixels (11.3.4.5). Sought in the last 64 KiB only, known by its CRC."""
    tail, begin = reader.tail(), reader.tail_offset
    found = tail.rfind(b"eXIf", max(0, after - begin), trailer_at - begin)
    if found < 4:
        return None
    (length,) = struct.unpack(">I", tail[found - 4 : found])
    chunk = _Chunk(b"eXIf", begin + found + 4, length)
    return chunk if chunk.end <= trailer_at and _crc_holds(reader, chunk) else None


def _crc_holds(reader: RangedReader, chunk: _Chunk) -> bool:
    """5.5: the CRC covers type and data. Only for chunks known to be small or already read."""
    data = reader.take(chunk.at - 4, chunk.length + 8, "header")
    return zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "big")
