"""Reads the tagged directories that TIFF files and EXIF blocks share, within given bounds. Judges no tag's meaning,
but for the one question that JPEG and PNG ask of EXIF: the orientation. Follows no chain by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import RangedReader

EXIF_PREFIX = b"Exif\x00\x00"  # EXIF 2.32, 4.7.2
ORIENTATION = 274  # TIFF 6.0 section 8; EXIF 2.32, 4.6.4 A
MAX_ENTRIES = 512  # ours; TIFF allows 65535

CLASSIC, BIG = 42, 43  # TIFF 6.0 section 2; BigTIFF design
# TIFF 6.0 section 2, EXIF 2.32 4.6.2, BigTIFF design: bytes of one value of each type
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
UNSIGNED = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # type → its struct code


class BrokenDirectory(UnsupportedFormat):
    """A directory that breaks the rules: the end of a TIFF, while an EXIF block without sense is merely passed over."""


@dataclass(frozen=True)
class Entry:
    """One tag's type, number of values, and where they lie, counted from the beginning of the object."""

    type: int
    count: int
    at: int

    @property
    def length(self) -> int:
        """Bytes of all values; 0 for a type that nobody knows."""
        return TYPE_SIZES.get(self.type, 0) * self.count


@dataclass(frozen=True)
class Directory:
    """The entries by tag (of two with one tag the first), and where the next directory's offset is written."""

    entries: Mapping[int, Entry]
    next_at: int


@dataclass(frozen=True)
class TaggedBlock:
    """A TIFF structure between `start` and `end` of an object; all its offsets count from `start`."""

    reader: RangedReader
    start: int
    end: int
    order: str  # `<` or `>`, as struct writes it
    big: bool
    first: int  # offset of its first directory

    @classmethod
    def open(cls, reader: RangedReader, start: int, end: int) -> TaggedBlock:
        """Reads the header. Raises BrokenDirectory when there is none."""
        if end - start < 8:
            raise BrokenDirectory("The file is cut short: its TIFF header is incomplete. Upload it again, whole.")
        head = reader.take(start, min(16, end - start), "header")
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None:
            raise _broken("its byte order is neither of the two that exist")
        version, first = struct.unpack(f"{order}HI", head[2:8])
        if version == CLASSIC:
            return cls(reader, start, end, order, False, first)
        if version != BIG or len(head) < 16 or struct.unpack(f"{order}HH", head[4:8]) != (8, 0):
            raise _broken("its header is neither TIFF's nor BigTIFF's")
        return cls(reader, start, end, order, True, struct.unpack(f"{order}Q", head[8:16])[0])

    def directory(self, offset: int) -> Directory:
        """The directory at `offset`. Raises BrokenDirectory unless all its entries lie inside the block."""
        count_code, entry_code = ("Q", "HHQQ") if self.big else ("H", "HHII")
        count_size, entry_size = struct.calcsize(f"={count_code}"), struct.calcsize(f"={entry_code}")
        (count,) = self._unpack(count_code, offset, count_size)
        if not 1 <= count <= MAX_ENTRIES:
            raise _broken(f"a directory must have 1 to {MAX_ENTRIES} entries, and one has not")
        table = self._take(offset + count_size, count * entry_size)
        entries: dict[int, Entry] = {}
        for index, (tag, kind, values, value) in enumerate(struct.iter_unpack(self.order + entry_code, table)):
            field_size = 8 if self.big else 4
            inline_at = offset + count_size + (index + 1) * entry_size - field_size
            inline = TYPE_SIZES.get(kind, 0) * values <= field_size
            entries.setdefault(tag, Entry(kind, values, self.start + (inline_at if inline else value)))
        return Directory(entries, offset + count_size + count * entry_size)

    def next_offset(self, directory: Directory) -> int:
        """Where the following directory lies, 0 when there is none."""
        code, length = ("Q", 8) if self.big else ("I", 4)
        return int(self._unpack(code, directory.next_at, length)[0])

    def holds(self, entry: Entry) -> bool:
        """Whether all the entry's values lie inside the block."""
        return self.start <= entry.at and entry.at + entry.length <= self.end

    def integers(self, entry: Entry, first: int, count: int) -> tuple[int, ...]:
        """`count` of the entry's values from number `first`. Raises BrokenDirectory if they are not unsigned integers
        or lie outside the block."""
        code = UNSIGNED.get(entry.type)
        if code is None or first < 0 or count < 0 or first + count > entry.count:
            raise _broken("a tag that must hold whole numbers does not")
        size = TYPE_SIZES[entry.type]
        data = self._take(entry.at - self.start + first * size, count * size)
        return struct.unpack(f"{self.order}{count}{code}", data)

    def _unpack(self, code: str, offset: int, length: int) -> tuple[int, ...]:
        return struct.unpack(self.order + code, self._take(offset, length))

    def _take(self, offset: int, length: int) -> bytes:
        if offset < 0 or self.start + offset + length > self.end:
            raise BrokenDirectory("The file is cut short: an offset in it points past its end. Upload it again, whole.")
        return self.reader.take(self.start + offset, length, "directory")


def exif_orientation(reader: RangedReader, start: int, end: int) -> int:
    """The orientation, 1 to 8, in the EXIF block there. 1 when it has none or makes no sense, as decoders take it."""
    if reader.take(start, min(len(EXIF_PREFIX), end - start), "metadata") == EXIF_PREFIX:
        start += len(EXIF_PREFIX)
    try:
        block = TaggedBlock.open(reader, start, end)
        return orientation_of(block, block.directory(block.first))
    except BrokenDirectory:
        return 1


def orientation_of(block: TaggedBlock, directory: Directory) -> int:
    """The directory's orientation, 1 to 8; 1 when it has none or an unknown one."""
    entry = directory.entries.get(ORIENTATION)
    if entry is None or entry.type not in UNSIGNED or entry.count < 1:
        return 1
    (value,) = block.integers(entry, 0, 1)
    return value if 1 <= value <= 8 else 1


def _broken(what: str) -> BrokenDirectory:
    return BrokenDirectory(f"The file is damaged: {what}. Open it in an image editor, save it anew and upload that.")
