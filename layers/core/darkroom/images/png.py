"""Reads the facts of PNG files: reads the chunks up to the pixels, and looks for the trailer. It never inflates pixel data.

Section numbers are those of the PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.png_text_exif import TEXT_KINDS, text_orientation
from darkroom.images.ranged_reader import (
    MAX_PARTS,
    RangedReader,
    apply_orientation,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.images.tiff_directories import exif_orientation
from darkroom.model import ImageFacts, ImageFormat

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # 5.2
TRAILER = b"\x00\x00\x00\x00IEND\xaeB`\x82"  # 11.2.5: it has no data, so its 12 bytes are always the same

MAX_CHUNK_LENGTH = 2**31 - 1  # 5.3
HEADER_LENGTH = 13  # 11.2.2
LEGAL_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}  # 11.2.2, table 12
PALETTE_COLOUR_TYPE = 3
ALPHA_COLOUR_TYPES = frozenset({4, 6})


@dataclass(frozen=True)
class _Chunk:
    kind: bytes
    at: int  # the offset of the chunk's data
    length: int

    @property
    def end(self) -> int:
        """The offset of the first byte after the chunk's CRC."""
        return self.at + self.length + 4


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    colour_type: int


def inspect_png(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete, still PNG. Bytes after its end are ignored. Raises UnsupportedFormat."""
    chunks = _chunks(reader, len(SIGNATURE))
    header = _read_header(reader, next(chunks))
    before: dict[bytes, _Chunk] = {}  # the first of each kind
    orientation: int | None = None
    for chunk in chunks:
        if chunk.kind == b"IDAT":
            break
        if chunk.kind in (b"IHDR", b"IEND"):
            raise damaged_error("it has no pixels where they should begin")
        if chunk.kind in TEXT_KINDS and orientation is None:
            orientation = text_orientation(reader, chunk.kind, chunk.at, chunk.length)
        before.setdefault(chunk.kind, chunk)
    _check_still(reader, before)
    if header.colour_type == PALETTE_COLOUR_TYPE and b"PLTE" not in before:
        raise damaged_error("it has no palette though it says that it uses one")
    late_exif = _check_trailer(reader, chunk)
    exif = before.get(b"eXIf") or late_exif
    if exif is not None:
        orientation = exif_orientation(reader, exif.at, exif.at + exif.length)
    width, height = apply_orientation(header.width, header.height, orientation or 1)
    has_alpha = header.colour_type in ALPHA_COLOUR_TYPES or (b"tRNS" in before and before[b"tRNS"].length > 0)
    return ImageFacts(ImageFormat.PNG, width, height, has_alpha, orientation or 1)


def _check_still(reader: RangedReader, before: Mapping[bytes, _Chunk]) -> None:
    """Raise UnsupportedFormat if the PNG is animated (14.2). A PNG whose only frame is its ordinary pixels is still."""
    control = before.get(b"acTL")
    if control is None:
        return
    frames = int.from_bytes(reader.read(control.at, min(4, control.length), "header"), "big")
    if frames != 1 or b"fcTL" not in before:
        raise UnsupportedFormat("The PNG is animated. Upload a single still picture.")


def _chunks(reader: RangedReader, at: int) -> Iterator[_Chunk]:
    """Yield the chunks from `at` on; each one's length leads to the next. The caller must stop at the pixels. Raises
    UnsupportedFormat if none are found."""
    for _ in range(MAX_PARTS):
        chunk = _chunk_at(reader, at, "pixel data")
        yield chunk
        at = chunk.end
    raise damaged_error(f"more than {MAX_PARTS} PNG chunks stand before its pixels")


def _chunk_at(reader: RangedReader, at: int, what: str) -> _Chunk:
    length, kind = struct.unpack(">I4s", reader.skim(at, 8, what))
    if length > MAX_CHUNK_LENGTH or not kind.isalpha():
        raise damaged_error("a PNG chunk does not begin with a length and a type")
    chunk = _Chunk(kind, at + 8, length)
    if chunk.end > reader.size:
        raise truncated_error("pixel data" if kind == b"IDAT" else "metadata")
    return chunk


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


def _check_trailer(reader: RangedReader, pixels: _Chunk) -> _Chunk | None:
    """Return the EXIF chunk between `pixels` and the IEND chunk, or None. Bytes after IEND are ignored. If IEND is not in the
    last 64 KiB, the chunks are read one by one. Raises UnsupportedFormat if there is no IEND."""
    trailer_at = reader.tail_offset + reader.tail().rfind(TRAILER)
    if trailer_at >= max(pixels.end, reader.tail_offset):
        return _find_late_exif(reader, pixels.end, trailer_at)
    exif: _Chunk | None = None
    chunk = pixels
    for _ in range(MAX_PARTS):
        chunk = _chunk_at(reader, _last_alike(reader, chunk).end, "IEND")
        if chunk.kind == b"IEND":
            return exif
        exif = chunk if chunk.kind == b"eXIf" and exif is None else exif
    raise damaged_error(f"more than {MAX_PARTS} PNG chunks stand before its end")


def _last_alike(reader: RangedReader, chunk: _Chunk) -> _Chunk:
    """Return the last of a row of chunks of the same kind and length. Encoders write such rows for pixels. The search steps over
    more and more chunks, and at the end over fewer and fewer, so a row of thousands takes about twenty reads."""
    header, stride = struct.pack(">I4s", chunk.length, chunk.kind), chunk.length + 12
    at, step, is_growing = chunk.at - 8, 1, True
    while step:
        there = at + step * stride
        if there + stride <= reader.size and reader.skim(there, 8, "pixel data") == header:
            at = there
            step = step * 2 if is_growing else step // 2
        else:
            step, is_growing = step // 2, False
    return _Chunk(chunk.kind, at + 8, chunk.length)


def _find_late_exif(reader: RangedReader, after: int, trailer_at: int) -> _Chunk | None:
    """Return the EXIF chunk that follows the pixels, as 11.3.4.5 allows, if it lies in the last 64 KiB. Pixel data may look like
    an EXIF chunk, so its CRC is checked."""
    tail, begin = reader.tail(), reader.tail_offset
    found = tail.rfind(b"eXIf", max(0, after - begin), trailer_at - begin)
    if found < 4:
        return None
    (length,) = struct.unpack(">I", tail[found - 4 : found])
    chunk = _Chunk(b"eXIf", begin + found + 4, length)
    return chunk if chunk.end <= trailer_at and _has_valid_crc(reader, chunk) else None


def _has_valid_crc(reader: RangedReader, chunk: _Chunk) -> bool:
    """Return whether the CRC of the chunk's type and data is right (5.5). This reads the chunk, so it must be small or read
    already."""
    data = reader.read(chunk.at - 4, chunk.length + 8, "header")
    return zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "big")
