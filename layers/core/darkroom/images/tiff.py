"""Reads the facts of TIFF files: reads the directories, wherever they lie, and checks that all pixel data lie inside the file.

It never reads pixel data and never follows sub-directories. The module `tiff_samples` knows which samples decoders can read.

Section numbers are those of TIFF 6.0.
"""

from __future__ import annotations

from itertools import starmap

from darkroom.errors import UnsupportedFormat
from darkroom.images.ranged_reader import (
    READ_AHEAD,
    RangedReader,
    apply_orientation,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.images.tiff_directories import TYPE_SIZES, Directory, Entry, TaggedBlock, orientation_of
from darkroom.images.tiff_samples import Samples, has_alpha, read_samples
from darkroom.model import ImageFacts, ImageFormat

SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")  # section 2; BigTIFF design
MIN_DATA_OFFSET = 8  # section 2: the header takes the first 8 bytes

# Tags: section 8; those of tiles: section 15
NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, HEIGHT = 254, 255, 256, 257
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_COUNTS = 273, 278, 279
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325

REDUCED_OR_MASK = 0b101  # section 8, NewSubfileType: bit 0 is a reduced image, bit 2 a transparency mask
OLD_REDUCED = 2  # section 8, SubfileType
MAX_DIRECTORIES = 64  # our limit; an image pyramid with masks has about thirty


def inspect_tiff(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete TIFF or BigTIFF of one page. Reduced copies and masks may follow the page. Raises
    UnsupportedFormat."""
    block = TaggedBlock.open(reader, 0, reader.size)
    page = block.read_directory(block.first)
    _check_single(block, page)
    if not all(map(block.contains, page.entries.values())):
        raise truncated_error("metadata")
    width, height = block.first_value(page, WIDTH), block.first_value(page, HEIGHT)
    check_dimensions(width, height)
    samples = read_samples(block, page)
    _check_data(block, page, samples, width, height)
    orientation = orientation_of(block, page)
    shown = apply_orientation(width, height, orientation)
    return ImageFacts(ImageFormat.TIFF, *shown, has_alpha(block, page, samples), orientation)


def _check_single(block: TaggedBlock, page: Directory) -> None:
    """Raise UnsupportedFormat if there is a second page, if the first page is only a preview, or if the directories form a loop.
    But a directory that names itself as the next one counts as the last."""
    if _is_secondary(block, page):
        raise UnsupportedFormat(
            "The TIFF begins with a preview or a mask, as camera raw files do. Save it as a plain, flat TIFF."
        )
    at, smallest, seen = block.first, page, {block.first}
    while (offset := block.next_offset(page)) not in (0, at):
        if offset in seen:
            raise damaged_error("its directories form a loop")
        if len(seen) >= MAX_DIRECTORIES:
            raise damaged_error(f"it has more than {MAX_DIRECTORIES} directories")
        seen.add(offset)
        at, page = offset, block.read_directory(offset)
        if _is_secondary(block, page):
            continue
        if not _is_reduced_copy(block, page, smallest):
            raise UnsupportedFormat("The TIFF has more than one page. Upload each page as a file of its own.")
        smallest = page


def _is_reduced_copy(block: TaggedBlock, page: Directory, larger: Directory) -> bool:
    """Return whether `page` has the proportions of `larger` and at most half its width and height. Image pyramids and unmarked
    previews are such copies."""
    width, height = block.first_value(page, WIDTH), block.first_value(page, HEIGHT)
    large_width, large_height = block.first_value(larger, WIDTH), block.first_value(larger, HEIGHT)
    is_small = 0 < 2 * width <= large_width + 1 and 0 < 2 * height <= large_height + 1
    # The width and the height of the copy are rounded, each by less than one pixel.
    return is_small and abs(width * large_height - height * large_width) <= large_width + large_height


def _is_secondary(block: TaggedBlock, read_directory: Directory) -> bool:
    return (
        block.first_value(read_directory, NEW_SUBFILE_TYPE, 0) & REDUCED_OR_MASK != 0
        or block.first_value(read_directory, SUBFILE_TYPE, 1) == OLD_REDUCED
    )


def _check_data(block: TaggedBlock, page: Directory, samples: Samples, width: int, height: int) -> None:
    """Raise UnsupportedFormat if strips or tiles are too few, empty, shorter than their rows, or pass the end of the file.

    If the lists of offsets and lengths do not fit into the rest of the byte budget, only their beginnings and ends are checked.
    That still finds a truncated file. It lacks the end of the data, to which the last or the first entries point.
    """
    tiled = TILE_WIDTH in page.entries or TILE_OFFSETS in page.entries
    offsets = page.entries.get(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    counts = page.entries.get(TILE_COUNTS if tiled else STRIP_COUNTS)
    rows = height if tiled else _rows_per_strip(block, page, height)
    each = _count_tiles(block, page, width, height) if tiled else -(-height // rows)
    expected = each * (samples.number if samples.is_separate else 1)
    row_bytes = None if tiled else samples.row_bytes(width)
    if offsets is not None and expected == 1 and not tiled and not block.first_value(page, STRIP_COUNTS, 0):
        _check_uncounted_strip(block, offsets, row_bytes and row_bytes * height)
        return
    if offsets is None or counts is None:
        raise damaged_error("the list of its strips or tiles is missing")
    if expected < 1 or offsets.count < expected or counts.count < expected:
        raise damaged_error("it has fewer strips or tiles than its size needs")
    for first, number in _checked_ranges(block.reader, offsets, counts, expected):
        starts = block.integers(offsets, first, number)
        lengths = block.integers(counts, first, number)
        if min(lengths) == 0 or min(starts) < MIN_DATA_OFFSET:
            raise damaged_error("some of its strips or tiles were never written")
        if max(starmap(int.__add__, zip(starts, lengths, strict=True))) > block.end:
            raise truncated_error("pixel data")
        if row_bytes is not None:
            _check_lengths(lengths, first, each, row_bytes * rows, row_bytes * (height - (each - 1) * rows))


def _check_lengths(lengths: tuple[int, ...], first: int, each: int, full: int, last: int) -> None:
    """Raise UnsupportedFormat if a strip has fewer than `full` bytes. The last strip of a plane needs only `last` bytes. A plane
    has `each` strips, and `first` is the index of the first strip in `lengths`."""
    for index, length in enumerate(lengths, first):
        if length < full and (length < last or (index + 1) % each != 0):
            raise damaged_error("its uncompressed strips are shorter than their rows")


def _check_uncounted_strip(block: TaggedBlock, offsets: Entry, length: int | None) -> None:
    """Raise UnsupportedFormat unless the only strip lies inside the file, which does not give the strip's length. The strip must
    have `length` bytes. If `length` is None, the directory must follow the strip, because otherwise nothing would show that the
    file is cut short."""
    (start,) = block.integers(offsets, 0, 1)
    if start < MIN_DATA_OFFSET:
        raise damaged_error("some of its strips or tiles were never written")
    if length is None and start >= block.first:
        raise damaged_error("the length of its only strip is missing")
    if start + (length or 1) > block.end:
        raise truncated_error("pixel data")


def _rows_per_strip(block: TaggedBlock, page: Directory, height: int) -> int:
    rows = block.first_value(page, ROWS_PER_STRIP, height)
    if rows == 0:
        raise damaged_error("its strips have no rows")
    return min(rows, height)


def _count_tiles(block: TaggedBlock, page: Directory, width: int, height: int) -> int:
    tile_width, tile_height = block.first_value(page, TILE_WIDTH), block.first_value(page, TILE_HEIGHT)
    if tile_width == 0 or tile_height == 0:
        raise damaged_error("its tiles have no size")
    return -(-width // tile_width) * -(-height // tile_height)


def _checked_ranges(reader: RangedReader, offsets: Entry, counts: Entry, number: int) -> list[tuple[int, int]]:
    """Return the parts of both lists that fit into the byte budget, each as (first index, number of entries). There is one part
    with all entries, or one part at the beginning and one at the end."""
    pair = TYPE_SIZES.get(offsets.type, 8) + TYPE_SIZES.get(counts.type, 8)
    half = max(1, (reader.bytes_left - 4 * READ_AHEAD) // pair // 2)
    return [(0, number)] if number <= 2 * half else [(0, half), (number - half, half)]
