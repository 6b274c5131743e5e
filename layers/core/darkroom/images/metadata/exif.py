"""Rewrites EXIF blocks: corrects the orientation and the sizes, removes the thumbnail, and keeps only authors, rights and dates.

A block is a TIFF structure (EXIF 2.32, 4.5). With `carried`, every byte keeps its place, because maker notes contain offsets from
the beginning of the block that only their makers know.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping

from darkroom.errors import UnsupportedFormat
from darkroom.images.metadata.blocks import UnreadableMetadata
from darkroom.images.ranged_reader import RangedReader
from darkroom.images.tiff_directories import ORIENTATION, UNSIGNED, Directory, TaggedBlock

IMAGE_WIDTH, IMAGE_LENGTH = 0x0100, 0x0101  # EXIF 2.32, 4.6.4 A
PIXEL_X, PIXEL_Y = 0xA002, 0xA003  # 4.6.5 C
EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825  # 4.6.3
THUMBNAIL_AT, THUMBNAIL_BYTES = 0x0201, 0x0202  # 4.6.4 B
STRIPS_AT, STRIP_BYTES = 0x0111, 0x0117  # 4.6.4 B
BYTE, ASCII, SHORT, LONG = 1, 2, 3, 4
MAX_TEXT_BYTES = 4096  # our limit for one author, or the rights
MAX_STRIPS = 512  # our limit

ARTIST, COPYRIGHT, XP_AUTHOR = 0x013B, 0x8298, 0x9C9D
DATE_TIME = 0x0132
EXIF_DATES = (0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292)  # 4.6.5 F
# What encoders write by themselves: sizes, orientation, resolution, program, its date, sampling, colour space and versions.
TECHNICAL = frozenset(
    {
        *range(0x0100, 0x0104),
        0x0106,
        ORIENTATION,
        0x0115,
        0x011A,
        0x011B,
        0x011C,
        0x0128,
        0x0131,
        DATE_TIME,
        0x0213,
        0x0214,
    }
    | {EXIF_DIRECTORY, 0x9000, 0x9101, 0xA000, 0xA001, PIXEL_X, PIXEL_Y}
)
_DATE = re.compile(rb"[0-9:+\-. ]{1,32}")


def orientation(exif: bytes) -> int | None:
    """Return the block's orientation, 1 to 8, or None if the block has none or does not parse."""
    try:
        block = _open(exif)
        entry = block.read_directory(block.first, may_be_cut=True).entries.get(ORIENTATION)
        value = block.integers(entry, 0, 1)[0] if entry and entry.type in UNSIGNED and entry.count else 0
    except (UnsupportedFormat, UnreadableMetadata):
        return None
    return value if 1 <= value <= 8 else None


def is_technical(exif: bytes) -> bool:
    """Return whether the block says nothing but what encoders write by themselves. This holds for a block that does not parse."""
    try:
        return all(tag in TECHNICAL for tag, _ in _tags(_open(exif)))
    except (UnsupportedFormat, UnreadableMetadata):
        return True


def carried(exif: bytes, turned: int, width: int, height: int) -> bytes:
    """Return the whole block for a picture with the orientation `turned` and stored pixels of that size, without its thumbnail.

    Raises UnreadableMetadata if the block does not parse.
    """
    try:
        block = _open(exif)
        first = block.read_directory(block.first)
        changed = bytearray(exif)
        end = _erase_thumbnail(block, first, changed)
        _set_numbers(changed, block, first, {ORIENTATION: turned, IMAGE_WIDTH: width, IMAGE_LENGTH: height})
        second = _exif_directory(block, first)
        if second is not None:
            _set_numbers(changed, block, second, {PIXEL_X: width, PIXEL_Y: height})
        kept = bytes(changed[:end])
        tags = _tags(block)
        if _tags(_open(kept)) != tags or not all(is_inside for _, is_inside in tags):
            raise UnreadableMetadata("an EXIF block has values outside of it, or a thumbnail over its tags")
    except UnsupportedFormat:
        raise UnreadableMetadata("an EXIF block is damaged") from None
    return kept


def rights_only(exif: bytes, turned: int) -> bytes:
    """Return a new block with the authors, the rights and the dates of `exif`, and the orientation `turned`. A block that does
    not parse gives nothing but the orientation."""
    texts: dict[int, tuple[int, bytes]] = {}
    dates: dict[int, tuple[int, bytes]] = {}
    try:
        block = _open(exif)
        first = block.read_directory(block.first)
        texts = (
            _texts(block, first, (ARTIST, COPYRIGHT)) | _wide_text(block, first) | _dates(block, first, (DATE_TIME,))
        )
        second = _exif_directory(block, first)
        dates = _dates(block, second, EXIF_DATES) if second else {}
    except (UnsupportedFormat, UnreadableMetadata):
        pass
    return _write(_turned(turned) | texts, dates)


def orientation_only(turned: int) -> bytes:
    """Return a new block with the orientation alone; no bytes for the orientation 1."""
    return _write(_turned(turned), {})


def _turned(turned: int) -> dict[int, tuple[int, bytes]]:
    return {ORIENTATION: (SHORT, struct.pack("<HH", turned, 0))} if turned != 1 else {}


def _open(exif: bytes) -> TaggedBlock:
    reader = RangedReader(lambda offset, length: exif[offset : offset + length], len(exif))
    block = TaggedBlock.open(reader, 0, len(exif))
    if block.big:
        raise UnreadableMetadata("an EXIF block is a BigTIFF")
    return block


def _exif_directory(block: TaggedBlock, first: Directory) -> Directory | None:
    offsets = block.values(first, EXIF_DIRECTORY, 1)
    return block.read_directory(offsets[0]) if offsets else None


def _tags(block: TaggedBlock) -> list[tuple[int, bool]]:
    """Return the tags of the directories that programs read, each with True if its values lie inside the block."""
    first = block.read_directory(block.first)
    offsets = [offset for tag in (EXIF_DIRECTORY, GPS_DIRECTORY) for offset in block.values(first, tag, 1)]
    directories = [first, *map(block.read_directory, offsets)]
    return [(tag, block.contains(entry)) for each in directories for tag, entry in each.entries.items()]


def _set_numbers(changed: bytearray, block: TaggedBlock, where: Directory, numbers: Mapping[int, int]) -> None:
    """Write the numbers of the tags that are there. A value becomes a LONG, except the orientation, which is a SHORT."""
    for tag, number in numbers.items():
        entry = where.entries.get(tag)
        if entry is None or entry.count != 1 or entry.type not in (SHORT, LONG):
            continue
        kind, packed = (SHORT, "HH") if tag == ORIENTATION else (LONG, "I")
        values = (number, 0) if tag == ORIENTATION else (number,)
        struct.pack_into(f"{block.order}HHI{packed}", changed, entry.at - 8, tag, kind, 1, *values)


def _erase_thumbnail(block: TaggedBlock, first: Directory, changed: bytearray) -> int:
    """Write zeros over the thumbnail and its directory. Return where the block ends, if the thumbnail was its end."""
    offset = block.next_offset(first)
    if first.next_at + 4 <= len(changed):
        changed[first.next_at : first.next_at + 4] = bytes(4)
    if offset == 0:
        return len(changed)
    spans: list[tuple[int, int]] = []
    try:
        thumbnail = block.read_directory(offset)
        spans = [(offset, thumbnail.next_at + 4)]
        for at, length in ((THUMBNAIL_AT, THUMBNAIL_BYTES), (STRIPS_AT, STRIP_BYTES)):
            starts, sizes = block.values(thumbnail, at, MAX_STRIPS), block.values(thumbnail, length, MAX_STRIPS)
            spans += [(start, start + size) for start, size in zip(starts, sizes, strict=False)]
        spans += [(entry.at, entry.at + entry.length) for entry in thumbnail.entries.values()]
    except UnsupportedFormat:  # the directory of the thumbnail is damaged; nothing points to it any more
        pass
    return _erase(changed, spans)


def _erase(changed: bytearray, spans: Iterable[tuple[int, int]]) -> int:
    """Write zeros over the spans. Return the new end: the spans that reach the end are cut off."""
    inside = [(start, min(stop, len(changed))) for start, stop in spans if start < min(stop, len(changed))]
    for start, stop in inside:
        changed[start:stop] = bytes(stop - start)
    end = len(changed)
    for start, stop in sorted(inside, key=lambda span: -span[1]):
        if stop >= end - 1:  # one byte may pad the thumbnail to an even length
            end = min(end, start)
    return end


def _value(block: TaggedBlock, where: Directory, tag: int, kind: int) -> bytes:
    entry = where.entries.get(tag)
    if entry is None or entry.type != kind or not 0 < entry.count <= MAX_TEXT_BYTES or not block.contains(entry):
        return b""
    return block.reader.read(entry.at, entry.count, "directory")


def _texts(block: TaggedBlock, where: Directory, tags: Iterable[int]) -> dict[int, tuple[int, bytes]]:
    """Return the texts of the tags. A text with control characters is left out, because its length may lie."""
    found = {tag: _value(block, where, tag, ASCII).rstrip(b"\x00 ") for tag in tags}
    return {
        tag: (ASCII, text + b"\x00") for tag, text in found.items() if text and is_text(text.replace(b"\x00", b" ", 1))
    }


def _wide_text(block: TaggedBlock, where: Directory) -> dict[int, tuple[int, bytes]]:
    """Return the author that Windows writes, in UTF-16."""
    data = _value(block, where, XP_AUTHOR, BYTE)
    text = data[: len(data) // 2 * 2].decode("utf-16-le", "replace").rstrip("\x00")
    return {XP_AUTHOR: (BYTE, text.encode("utf-16-le") + b"\x00\x00")} if text and text.isprintable() else {}


def _dates(block: TaggedBlock, where: Directory, tags: Iterable[int]) -> dict[int, tuple[int, bytes]]:
    found = {tag: _value(block, where, tag, ASCII).rstrip(b"\x00") for tag in tags}
    return {tag: (ASCII, date + b"\x00") for tag, date in found.items() if _DATE.fullmatch(date)}


def is_text(data: bytes) -> bool:
    """Return whether the bytes are printable text in UTF-8 or Latin-1, line ends and tabs included."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def _write(first: dict[int, tuple[int, bytes]], second: dict[int, tuple[int, bytes]]) -> bytes:
    """Return a block with these two directories, tag → type and value. Return no bytes if both are empty."""
    if not first and not second:
        return b""
    if second:
        second_at = 8 + len(_directory(first | {EXIF_DIRECTORY: (LONG, bytes(4))}, 8))
        first = first | {EXIF_DIRECTORY: (LONG, struct.pack("<I", second_at))}
        return b"II*\x00" + struct.pack("<I", 8) + _directory(first, 8) + _directory(second, second_at)
    return b"II*\x00" + struct.pack("<I", 8) + _directory(first, 8)


def _directory(tags: Mapping[int, tuple[int, bytes]], at: int) -> bytes:
    """Return the directory that begins at `at`, and behind it its values that are longer than four bytes."""
    table, behind = struct.pack("<H", len(tags)), b""
    values_at = at + 2 + 12 * len(tags) + 4
    for tag, (kind, data) in sorted(tags.items()):
        count = 1 if kind in (SHORT, LONG) else len(data)
        if len(data) > 4:
            place = struct.pack("<I", values_at + len(behind))
            behind += data + bytes(len(data) % 2)
        else:
            place = data.ljust(4, b"\x00")
        table += struct.pack("<HHI", tag, kind, count) + place
    return table + bytes(4) + behind
