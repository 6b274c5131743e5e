"""What a JPEG's metadata say of the pictures and videos behind it: where the first of them begins. It judges no scan data.

Sources: CIPA DC-007 (Multi-Picture Format) for the MP index in APP2; Google's Ultra HDR image format v1.0 and Motion Photo format
1.0 for the container directory in XMP, whose lengths count from the end of the file, and `MicroVideoOffset` of their predecessor.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from darkroom.images.ranged_reader import RangedReader

MPF_PREFIX = b"MPF\x00"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\x00"
MAX_INDEX_BYTES = 4096  # our limit; an index of 200 pictures fits
MP_ENTRIES, MP_ENTRY_BYTES, UNDEFINED = 0xB002, 16, 7  # DC-007 5.2.3
MAX_STATED_ITEMS = 16  # our limit

_ITEM_LENGTH = re.compile(rb"""Item:Length\s*(?:=\s*["']|>)\s*([0-9]{1,12})""")
_VIDEO_OFFSET = re.compile(rb"""MicroVideoOffset\s*(?:=\s*["']|>)\s*([0-9]{1,12})""")


def stated_starts(reader: RangedReader, at: int, end: int) -> tuple[int, ...]:
    """Return the offsets at which the metadata segment says that something begins behind the picture; none if it says nothing.

    An offset that counts from the picture's beginning is also given as counted from the file's end, in case the metadata were
    edited or bytes of the picture are missing.
    """
    prefix = reader.skim(at, min(len(XMP_PREFIX), end - at), "metadata")
    if prefix.startswith(MPF_PREFIX):
        header_at = at + len(MPF_PREFIX)
        index = reader.read(header_at, min(MAX_INDEX_BYTES, end - header_at), "metadata")
        return _from_index(list(_mp_entries(index)), header_at, reader.size)
    if prefix == XMP_PREFIX:
        return _from_xmp(reader.read(at, end - at, "metadata"), reader.size)
    return ()


def _from_index(entries: list[tuple[int, int]], header_at: int, size: int) -> tuple[int, ...]:
    """Return the starts for the sizes and offsets of an MP index. The first picture's own offset is 0."""
    others = [(header_at + offset, length) for length, offset in entries[1:] if offset > 0]
    if not others:
        return ()
    first = min(start for start, _ in others)
    last_end = max(start + length for start, length in others)
    return (first, size - (last_end - first))


def _mp_entries(index: bytes) -> Iterator[tuple[int, int]]:
    """Yield size and offset of each picture of an MP index. One that is damaged yields nothing."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(index[:4])
    if order is None:
        return
    try:
        (directory_at,) = struct.unpack_from(f"{order}I", index, 4)
        (count,) = struct.unpack_from(f"{order}H", index, directory_at)
        for number in range(min(count, MAX_STATED_ITEMS)):
            tag, kind, length, value_at = struct.unpack_from(f"{order}HHII", index, directory_at + 2 + 12 * number)
            if (tag, kind) == (MP_ENTRIES, UNDEFINED):
                for entry_at in range(value_at, value_at + length, MP_ENTRY_BYTES):
                    _, size, offset = struct.unpack_from(f"{order}III", index, entry_at)
                    yield size, offset
    except struct.error:
        return


def _from_xmp(xmp: bytes, size: int) -> tuple[int, ...]:
    """Return the starts for the lengths of a container directory, and of a video, which lie at the file's end."""
    lengths = [int(length) for length in _ITEM_LENGTH.findall(xmp)[:MAX_STATED_ITEMS]]
    videos = [int(length) for length in _VIDEO_OFFSET.findall(xmp)[:1]]
    return tuple(size - length for length in (sum(lengths), *videos) if 0 < length < size)
