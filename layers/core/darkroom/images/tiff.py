"""Reads a TIFF's directories, wherever they lie, and checks that its strips or tiles lie inside the file. Never reads
pixel data, never follows sub-directories, and leaves it to the provider which compressions it decodes.

Section numbers are those of TIFF 6.0.
"""

from __future__ import annotations

from itertools import starmap

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import READ_AHEAD, RangedReader, check_dimensions, cut_short, damaged, displayed
from darkroom.images.tiff_directories import TYPE_SIZES, Directory, Entry, TaggedBlock, orientation_of
from darkroom.model import ImageFacts, ImageFormat

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")  # section 2; BigTIFF design
LEAST_DATA_OFFSET = 8  # section 2: the header

# Section 8, but for the tiles: section 15
NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT = 254, 255, 256, 257
STRIP_OFFSETS, SAMPLES_PER_PIXEL, ROWS_PER_STRIP, STRIP_COUNTS, PLANAR, EXTRA_SAMPLES = 273, 277, 278, 279, 284, 338
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325

REDUCED_OR_MASK = 0b101  # section 8, NewSubfileType: bit 0 a reduced image, bit 2 a transparency mask
OLD_REDUCED = 2  # section 8, SubfileType
SEPARATE_PLANES = 2  # section 8, PlanarConfiguration
ALPHA_SAMPLES = frozenset({1, 2})  # section 18: associated, unassociated
MAX_EXTRA_SAMPLES = 64  # ours
MAX_DIRECTORIES = 64  # ours; a pyramid with masks has some thirty


def inspect_tiff(reader: RangedReader) -> ImageFacts:
    """Facts of a whole single-page TIFF or BigTIFF. Reduced copies and masks may follow the page."""
    block = TaggedBlock.open(reader, 0, reader.size)
    page = block.directory(block.first)
    _check_single(block, page)
    if not all(map(block.holds, page.entries.values())):
        raise cut_short("metadata")
    width, height = _number(block, page, WIDTH), _number(block, page, HEIGHT)
    check_dimensions(width, height)
    _check_data(block, page, width, height)
    shown_width, shown_height = displayed(width, height, orientation_of(block, page))
    return ImageFacts(ImageFormat.TIFF, shown_width, shown_height, _has_alpha(block, page))


def _check_single(block: TaggedBlock, page: Directory) -> None:
    """Refuses a second full page, a first that is only a preview, and a chain of directories that is a loop."""
    if _is_secondary(block, page):
        raise UnsupportedFormat(
            "The TIFF begins with a preview or a mask, as camera raw files do. Save it as a plain, flat TIFF."
        )
    seen = {block.first}
    while offset := block.next_offset(page):
        if offset in seen:
            raise damaged("its directories form a loop")
        if len(seen) >= MAX_DIRECTORIES:
            raise damaged(f"it has more than {MAX_DIRECTORIES} directories")
        seen.add(offset)
        page = block.directory(offset)
        if not _is_secondary(block, page):
            raise UnsupportedFormat("The TIFF has more than one page. Upload each page as a file of its own.")


def _is_secondary(block: TaggedBlock, directory: Directory) -> bool:
    return (
        _number(block, directory, NEW_SUBFILE_TYPE, 0) & REDUCED_OR_MASK != 0
        or _number(block, directory, SUBFILE_TYPE, 1) == OLD_REDUCED
    )


def _number(block: TaggedBlock, directory: Directory, tag: int, default: int | None = None) -> int:
    """The tag's first value. Raises UnsupportedFormat when it is missing and has no default."""
    entry = directory.entries.get(tag)
    if entry is not None and entry.count:
        return block.integers(entry, 0, 1)[0]
    if default is None:
        raise damaged(f"TIFF tag {tag} is missing")
    return default


def _has_alpha(block: TaggedBlock, page: Directory) -> bool:
    entry = page.entries.get(EXTRA_SAMPLES)
    if entry is None:
        return False
    samples = block.integers(entry, 0, min(entry.count, MAX_EXTRA_SAMPLES))
    return not ALPHA_SAMPLES.isdisjoint(samples)


def _check_data(block: TaggedBlock, page: Directory, width: int, height: int) -> None:
    """Refuses a picture whose strips or tiles are too few, empty, or pass the end of the file.

    Where the two lists are larger than what is left of the byte budget, only as much of their beginnings and ends is
    checked as fits: a cut file still shows, since what is missing is the end of the data, which stands last or first.
    """
    tiled = TILE_WIDTH in page.entries or TILE_OFFSETS in page.entries
    offsets = page.entries.get(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    counts = page.entries.get(TILE_COUNTS if tiled else STRIP_COUNTS)
    if offsets is None or counts is None:
        raise damaged("the list of its strips or tiles is missing")
    expected = _tiles(block, page, width, height) if tiled else _strips(block, page, height)
    if _number(block, page, PLANAR, 1) == SEPARATE_PLANES:
        expected *= _number(block, page, SAMPLES_PER_PIXEL, 1)
    if expected < 1 or offsets.count < expected or counts.count < expected:
        raise damaged("it has fewer strips or tiles than its size needs")
    for first, number in _affordable(block.reader, offsets, counts, expected):
        starts = block.integers(offsets, first, number)
        lengths = block.integers(counts, first, number)
        if min(lengths) == 0 or min(starts) < LEAST_DATA_OFFSET:
            raise damaged("some of its strips or tiles were never written")
        if max(starmap(int.__add__, zip(starts, lengths, strict=True))) > block.end:
            raise cut_short("pixel data")


def _strips(block: TaggedBlock, page: Directory, height: int) -> int:
    rows = _number(block, page, ROWS_PER_STRIP, height)
    if rows == 0:
        raise damaged("its strips have no rows")
    return -(-height // rows)


def _tiles(block: TaggedBlock, page: Directory, width: int, height: int) -> int:
    tile_width, tile_height = _number(block, page, TILE_WIDTH), _number(block, page, TILE_HEIGHT)
    if tile_width == 0 or tile_height == 0:
        raise damaged("its tiles have no size")
    return -(-width // tile_width) * -(-height // tile_height)


def _affordable(reader: RangedReader, offsets: Entry, counts: Entry, number: int) -> list[tuple[int, int]]:
    """Which parts (first, number) of both lists fit into the byte budget: all, or a beginning and an end."""
    pair = TYPE_SIZES.get(offsets.type, 8) + TYPE_SIZES.get(counts.type, 8)
    half = max(1, (reader.bytes_left - 4 * READ_AHEAD) // pair // 2)
    return [(0, number)] if number <= 2 * half else [(0, half), (number - half, half)]
