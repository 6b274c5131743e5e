"""Reads EXIF data from a PNG's text chunks. ImageMagick and exiftool wrote it there before PNG had a chunk for EXIF.

The text is a line feed, the profile's name, its length in decimal, and lines of hexadecimal digits. Decoders still read it.
"""

from __future__ import annotations

import zlib

from darkroom.images.ranged_reader import READ_AHEAD, RangedReader
from darkroom.images.tiff_directories import exif_orientation

TEXT_KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt"})  # PNG specification 11.3.3
KEYWORD = b"Raw profile type exif\x00"
MAX_TEXT = 64 * 1024  # our limit in bytes; the orientation stands near the beginning
TITLE_LINES = 3  # the empty line, the profile's name and its length


def text_orientation(reader: RangedReader, kind: bytes, at: int, length: int) -> int | None:
    """Return the orientation, 1 to 8, from the text chunk with `length` bytes of data at `at`. Return None if the text is no EXIF
    profile, and 1 if the profile is broken. Only the first 8 KiB of a long text are read."""
    if length <= len(KEYWORD) or reader.skim(at, len(KEYWORD), "metadata") != KEYWORD:
        return None
    data = reader.read(at, min(length, READ_AHEAD), "metadata")[len(KEYWORD) :]
    profile = _profile(_text(kind, data))
    inner = RangedReader(lambda offset, size: profile[offset : offset + size], len(profile))
    return exif_orientation(inner, 0, len(profile))


def _text(kind: bytes, data: bytes) -> bytes:
    """Return the beginning of the text that follows the keyword."""
    if kind == b"tEXt":
        return data
    if kind == b"zTXt":  # 11.3.3.3: compression method, stream
        is_compressed, stream = True, data[1:]
    else:  # 11.3.3.4: compression flag, method, language tag, translated keyword
        is_compressed, stream = data[:1] == b"\x01", data[2:].split(b"\x00", 2)[-1]
    if not is_compressed:
        return stream
    try:
        return zlib.decompressobj().decompress(stream, MAX_TEXT)
    except zlib.error:
        return b""


def _profile(text: bytes) -> bytes:
    """Return the bytes that the hexadecimal digits after the title lines encode; no bytes if the digits are invalid."""
    digits = b"".join(text.split(b"\n")[TITLE_LINES:])
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
    except ValueError:
        return b""
