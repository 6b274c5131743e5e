"""Reads the tag directories of TIFF files and EXIF blocks, within given bounds.

The only tag that this module interprets is the orientation. It follows no chain of directories by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from darkroom.errors import UnsupportedFormat
from darkroom.images.ranged_reader import RangedReader, damaged_error

EXIF_PREFIX = b"Exif\x00\x00"  # EXIF 2.32, 4.7.2
ORIENTATION = 274  # TIFF 6.0 section 8; EXIF 2.32, 4.6.4 A
MAX_ENTRIES = 512  # our limit; TIFF allows 65535

CLASSIC, BIG = 42, 43  # TIFF 6.0 section 2; BigTIFF design
# Type → bytes of one value: TIFF 6.0 section 2, EXIF 2.32 4.6.2, BigTIFF design
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
UNSIGNED = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # unsigned integer type → its code in `struct`
SIGNED = {6: "b", 8: "h", 9: "i", 17: "q"}


class BrokenDirectory(UnsupportedFormat):
    """A directory breaks the format's rules. If it is a TIFF's, the file is refused; if it is an EXIF block's, it is ignored."""


@dataclass(frozen=True)
class Entry:
    """The type of one tag, the number of its values, and the values' offset from the beginning of the object."""

    type: int
    count: int
    at: int

    @property
    def length(self) -> int:
        """The number of bytes of all values together; 0 for an unknown type."""
        return TYPE_SIZES.get(self.type, 0) * self.count


@dataclass(frozen=True)
class Directory:
    """The entries of a directory by tag, and the position of the next directory's offset. Of two entries with the same tag, the
    first one counts."""

    entries: Mapping[int, Entry]
    next_at: int


@dataclass(frozen=True)
class TaggedBlock:
    """A TIFF structure between `start` and `end` of an object. All its offsets count from `start`."""

    reader: RangedReader
    start: int
    end: int
    order: str  # byte order, `<` or `>` as in `struct`
    big: bool
    first: int  # the offset of the first directory

    @classmethod
    def open(cls, reader: RangedReader, start: int, end: int) -> TaggedBlock:
        """Read the header and return the block. Raises BrokenDirectory unless the header is TIFF's or BigTIFF's."""
        if end - start < 8:
            raise BrokenDirectory("The file is cut short: its TIFF header is incomplete. Upload it again, whole.")
        head = reader.read(start, min(16, end - start), "header")
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None:
            raise _broken_error("its byte order is neither II nor MM")
        version, first = struct.unpack(f"{order}HI", head[2:8])
        if version == CLASSIC:
            return cls(reader, start, end, order, False, first)
        if version != BIG or len(head) < 16 or struct.unpack(f"{order}HH", head[4:8]) != (8, 0):
            raise _broken_error("its header is neither TIFF's nor BigTIFF's")
        return cls(reader, start, end, order, True, struct.unpack(f"{order}Q", head[8:16])[0])

    def read_directory(self, offset: int, may_be_cut: bool = False) -> Directory:
        """Read the directory at `offset`. Raises BrokenDirectory unless all its entries lie inside the block. If `may_be_cut` is
        true, the first entries are enough."""
        count_code, entry_code = ("Q", "HHQQ") if self.big else ("H", "HHII")
        count_size, entry_size = struct.calcsize(f"={count_code}"), struct.calcsize(f"={entry_code}")
        (count,) = self._unpack(count_code, offset, count_size)
        if may_be_cut:
            count = min(count, MAX_ENTRIES, (self.end - self.start - offset - count_size) // entry_size)
        if not 1 <= count <= MAX_ENTRIES:
            raise _broken_error(f"one of its directories does not have 1 to {MAX_ENTRIES} entries")
        table = self._take(offset + count_size, count * entry_size)
        entries: dict[int, Entry] = {}
        for index, (tag, kind, values, value) in enumerate(struct.iter_unpack(self.order + entry_code, table)):
            field_size = 8 if self.big else 4
            inline_at = offset + count_size + (index + 1) * entry_size - field_size
            inline = TYPE_SIZES.get(kind, 0) * values <= field_size
            entries.setdefault(tag, Entry(kind, values, self.start + (inline_at if inline else value)))
        return Directory(entries, offset + count_size + count * entry_size)

    def next_offset(self, read_directory: Directory) -> int:
        """Return the offset of the next directory, or 0 if there is none. An offset that is missing or past the end counts as
        none."""
        code, length = ("Q", 8) if self.big else ("I", 4)
        if self.start + read_directory.next_at + length > self.end:
            return 0
        offset = int(self._unpack(code, read_directory.next_at, length)[0])
        return offset if self.start + offset < self.end else 0

    def contains(self, entry: Entry) -> bool:
        """Return whether all values of the entry lie inside the block."""
        return self.start <= entry.at and entry.at + entry.length <= self.end

    def first_value(self, read_directory: Directory, tag: int, default: int | None = None) -> int:
        """Return the tag's first value, or `default` if the tag is missing. Raises UnsupportedFormat if there is no default
        either."""
        if values := self.values(read_directory, tag, 1):
            return values[0]
        if default is None:
            raise damaged_error(f"TIFF tag {tag} is missing")
        return default

    def values(self, read_directory: Directory, tag: int, most: int) -> tuple[int, ...]:
        """Return at most `most` values of the tag, or an empty tuple if the tag is missing."""
        entry = read_directory.entries.get(tag)
        return () if entry is None else self.integers(entry, 0, min(entry.count, most))

    def integers(
        self, entry: Entry, first: int, count: int, codes: Mapping[int, str] = MappingProxyType(UNSIGNED)
    ) -> tuple[int, ...]:
        """Return `count` of the entry's values from index `first`. Raises BrokenDirectory if their type is not in `codes` or
        they lie outside the block."""
        code = codes.get(entry.type)
        if code is None or first < 0 or count < 0 or first + count > entry.count:
            raise _broken_error("a tag that must have whole numbers has other values")
        size = TYPE_SIZES[entry.type]
        data = self._take(entry.at - self.start + first * size, count * size)
        return struct.unpack(f"{self.order}{count}{code}", data)

    def _unpack(self, code: str, offset: int, length: int) -> tuple[int, ...]:
        return struct.unpack(self.order + code, self._take(offset, length))

    def _take(self, offset: int, length: int) -> bytes:
        if offset < 0 or self.start + offset + length > self.end:
            raise BrokenDirectory("The file is cut short: an offset in it points past its end. Upload it again, whole.")
        return self.reader.read(self.start + offset, length, "directory")


def exif_orientation(reader: RangedReader, start: int, end: int) -> int:
    """Return the orientation, 1 to 8, from the EXIF block between `start` and `end`. Like decoders, return 1 if the block is
    broken or has no orientation."""
    if reader.read(start, min(len(EXIF_PREFIX), end - start), "metadata") == EXIF_PREFIX:
        start += len(EXIF_PREFIX)
    try:
        block = TaggedBlock.open(reader, start, end)
        return orientation_of(block, block.read_directory(block.first, may_be_cut=True))
    except BrokenDirectory:
        return 1


def orientation_of(block: TaggedBlock, read_directory: Directory) -> int:
    """Return the directory's orientation, 1 to 8. Return 1 if the orientation is missing or unknown."""
    entry = read_directory.entries.get(ORIENTATION)
    codes = UNSIGNED | SIGNED  # some cameras write a signed type
    if entry is None or entry.type not in codes or entry.count < 1:
        return 1
    (value,) = block.integers(entry, 0, 1, codes)
    return value if 1 <= value <= 8 else 1


def _broken_error(what: str) -> BrokenDirectory:
    return BrokenDirectory(f"The file is damaged: {what}. Open it in an image editor, save it again and upload that.")
