"""TIFF: reads the directories, wherever they lie, and checks that all strips or tiles lie inside the file.

It never reads pixel data and never follows sub-directories. It accepts any compression, because the provider decides which it
decodes.

Section numbers are those of TIFF 6.0.
"""

from __future__ import annotations

from itertools import starmap

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import (
    READ_AHEAD,
    RangedReader,
    apply_orientation,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.images.tiff_directories import TYPE_SIZES, Directory, Entry, TaggedBlock, orientation_of
from darkroom.model import ImageFacts, ImageFormat

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")  # section 2; BigTIFF design
MIN_DATA_OFFSET = 8  # section 2: the header

# Tags: section 8; those of tiles: section 15
NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT = 254, 255, 256, 257
STRIP_OFFSETS, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, STRIP_COUNTS, PLANAR, EXTRA_SAMPLES = 273, 277, 278, 279, 284, 338
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325

REDUCED_OR_MASK = 0b101  # section 8, NewSubfileType: bit 0 is a reduced image, bit 2 a transparency mask
OLD_REDUCED = 2  # section 8, SubfileType
SEPARATE_PLANES = 2  # section 8, PlanarConfiguration
ALPHA_SAMPLES = frozenset({1, 2})  # section 18: associated, unassociated
MAX_EXTRA_SAMPLES = 64  # our limit
MAX_DIRECTORIES = 64  # our limit; an image pyramid with masks has about thirty


def inspect_tiff(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete TIFF or BigTIFF of one page. Reduced copies and masks may follow the page. Raises
    UnsupportedFormat."""
    block = TaggedBlock.open(reader, 0, reader.size)
    page = block.read_directory(block.first)
    _check_single(block, page)
    if not all(map(block.contains, page.entries.values())):
        raise truncated_error("metadata")
    width, height = _first_value(block, page, WIDTH), _first_value(block, page, HEIGHT)
    check_dimensions(width, height)
    _check_data(block, page, width, height)
    shown_width, shown_height = apply_orientation(width, height, orientation_of(block, page))
    return ImageFacts(ImageFormat.TIFF, shown_width, shown_height, _has_alpha(block, page))


def _check_single(block: TaggedBlock, page: Directory) -> None:
    """Raise UnsupportedFormat if there is a second page, if the first is only a preview, or if the directories form a
    loop."""
    if _is_secondary(block, page):
        raise UnsupportedFormat(
            "The TIFF begins with a preview or a mask, as camera raw files do. Save it as a plain, flat TIFF."
        )
    seen = {block.first}
    while offset := block.next_offset(page):
        if offset in seen:
            raise damaged_error("its directories form a loop")
        if len(seen) >= MAX_DIRECTORIES:
            raise damaged_error(f"it has more than {MAX_DIRECTORIES} directories")
        seen.add(offset)
        page = block.read_directory(offset)
        if not _is_secondary(block, page):
            raise UnsupportedFormat("The TIFF has more than one page. Upload each page as a file of its own.")


def _is_secondary(block: TaggedBlock, read_directory: Directory) -> bool:
    return (
        _first_value(block, read_directory, NEW_SUBFILE_TYPE, 0) & REDUCED_OR_MASK != 0
        or _first_value(block, read_directory, SUBFILE_TYPE, 1) == OLD_REDUCED
    )


def _first_value(block: TaggedBlock, read_directory: Directory, tag: int, default: int | None = None) -> int:
    """Return the tag's first value, or the default if the tag is missing. Raises UnsupportedFormat if there is neither."""
    entry = read_directory.entries.get(tag)
    if entry is not None and entry.count:
        return block.integers(entry, 0, 1)[0]
    if default is None:
        raise damaged_error(f"TIFF tag {tag} is missing")
    return default


def _has_alpha(block: TaggedBlock, page: Directory) -> bool:
    entry = page.entries.get(EXTRA_SAMPLES)
    if entry is None:
        return False
    samples = block.integers(entry, 0, min(entry.count, MAX_EXTRA_SAMPLES))
    return not ALPHA_SAMPLES.isdisjoint(samples)


def _check_data(block: TaggedBlock, page: Directory, width: int, height: int) -> None:
    """Raise UnsupportedFormat if strips or tiles are too few, empty, or pass the end of the file.

    If the lists of offsets and lengths do not fit into the rest of the byte budget, only their beginnings and ends are
    checked. That still finds a truncated file: it lacks the end of the data, which the last or the first entries point to.
    """
    tiled = TILE_WIDTH in page.entries or TILE_OFFSETS in page.entries
    offsets = page.entries.get(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    counts = page.entries.get(TILE_COUNTS if tiled else STRIP_COUNTS)
    if offsets is None or counts is None:
        raise damaged_error("the list of its strips or tiles is missing")
    expected = _count_tiles(block, page, width, height) if tiled else _count_strips(block, page, height)
    if _first_value(block, page, PLANAR, 1) == SEPARATE_PLANES:
        expected *= _first_value(block, page, SAMPLES_PER_PIXEL, 1)
    if expected < 1 or offsets.count < expected or counts.count < expected:
        raise damaged_error("it has fewer strips or tiles than its size needs")
    for first, number in _checked_ranges(block.reader, offsets, counts, expected):
        starts = block.integers(offsets, first, number)
        lengths = block.integers(counts, first, number)
        if min(lengths) == 0 or min(starts) < MIN_DATA_OFFSET:
            raise damaged_error("some of its strips or tiles were never written")
        if max(starmap(int.__add__, zip(starts, lengths, strict=True))) > block.end:
            raise truncated_error("pixel data")


def _count_strips(block: TaggedBlock, page: Directory, height: int) -> int:
    rows = _first_value(block, page, ROWS_PER_STRIP, height)
    if rows == 0:
        raise damaged_error("its strips have no rows")
    return -(-height // rows)


def _count_tiles(block: TaggedBlock, page: Directory, width: int, height: int) -> int:
    tile_width, tile_height = _first_value(block, page, TILE_WIDTH), _first_value(block, page, TILE_HEIGHT)
    if tile_width == 0 or tile_height == 0:
        raise damaged_error("its tiles have no size")
    return -(-width // tile_width) * -(-height // tile_height)


def _checked_ranges(reader: RangedReader, offsets: Entry, counts: Entry, number: int) -> list[tuple[int, int]]:
    """Return the parts (first index, number of entries) of both lists that fit into the byte budget: one part with all
    entries, or the beginning and the end."""
    pair = TYPE_SIZES.get(offsets.type, 8) + TYPE_SIZES.get(counts.type, 8)
    half = max(1, (reader.bytes_left - 4 * READ_AHEAD) // pair // 2)
    return [(0, number)] if number <= 2 * half else [(0, half), (number - half, half)]
