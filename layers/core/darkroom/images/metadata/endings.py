"""Finds what stands behind the pixels of a JPEG or PNG: other pictures, videos, and chunks of metadata."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from darkroom.images.jpeg_appended import MPF_PREFIX
from darkroom.images.jpeg_scan import end_of_scan
from darkroom.images.metadata.blocks import Head
from darkroom.images.png import TRAILER
from darkroom.model import ImageFormat

TAIL_BYTES = 64 * 1024  # how much of the end is looked at
_LATE_KIND = re.compile(rb"tEXt|zTXt|iTXt|eXIf|tIME|caBX")  # the chunks of metadata that may follow the pixels


@dataclass(frozen=True)
class NewEnd:
    """The bytes that replace the last `cut` bytes of a result."""

    data: bytes
    cut: int


UNCHANGED = NewEnd(b"", 0)


def new_end(head: Head, tail: bytes, size_bytes: int) -> NewEnd | None:
    """Return the end of a result without what stands behind its pixels. `tail` has the last bytes of its `size_bytes`.

    Returns None if the pixels end before the tail, or if the head says that other pictures follow. Then they stay.
    """
    pixels = tail[max(0, head.end - (size_bytes - len(tail))) :]
    if head.format is ImageFormat.PNG:
        return _png_end(pixels, is_whole=head.end >= size_bytes - len(tail))
    if any(piece.payload.startswith(MPF_PREFIX) for piece in head.pieces):
        return None
    end = end_of_scan(pixels)
    return None if end is None else NewEnd(b"", len(pixels) - end)


def _png_end(pixels: bytes, *, is_whole: bool) -> NewEnd | None:
    """Return the new end. If the pixels begin in an earlier part of the file, a chunk of metadata is known by its CRC, and by the
    chunks from there to the IEND chunk."""
    trailer_at = pixels.rfind(TRAILER)
    if trailer_at < 0:
        return None
    first = _end_of_row(pixels, trailer_at) if is_whole else _first_late(pixels, trailer_at)
    end = min(first, trailer_at)
    if end == trailer_at and trailer_at + len(TRAILER) == len(pixels):
        return UNCHANGED
    return NewEnd(TRAILER, len(pixels) - end)


def _end_of_row(pixels: bytes, trailer_at: int) -> int:
    """Return the offset behind the IDAT chunks at the beginning."""
    at = 0
    while at + 8 <= trailer_at and pixels[at + 4 : at + 8] == b"IDAT":
        at += 12 + int.from_bytes(pixels[at : at + 4], "big")
    return at


def _first_late(pixels: bytes, trailer_at: int) -> int:
    starts = (match.start() - 4 for match in _LATE_KIND.finditer(pixels, 4, trailer_at))
    return next((start for start in starts if _leads_to(pixels, start, trailer_at)), trailer_at)


def _leads_to(pixels: bytes, at: int, trailer_at: int) -> bool:
    while at < trailer_at:
        end = at + 12 + int.from_bytes(pixels[at : at + 4], "big")
        if end > trailer_at or zlib.crc32(pixels[at + 4 : end - 4]) != int.from_bytes(pixels[end - 4 : end], "big"):
            return False
        at = end
    return at == trailer_at
