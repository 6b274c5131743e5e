"""Tests TIFF and BigTIFF files built by hand: directories at any place, strips and tiles, pages, alpha, and what is refused."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image
from tests.rows import each_row

from darkroom.errors import UnsupportedFormat
from darkroom.images import MAX_BYTES, inspect
from darkroom.model import ImageFacts

SHORT, LONG, LONG8 = 3, 4, 16
CODES = {1: "B", SHORT: "H", LONG: "I", 12: "d", LONG8: "Q"}
Tags = dict[int, tuple[int, list[int]]]


class Builder:
    """Builds a TIFF file: first the pixels, then the directories and the data that they point to."""

    def __init__(self, order: str = "<", big: bool = False) -> None:
        self.order, self.big = order, big
        head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
        self.data = bytearray(head + (struct.pack(order + "HHQ", 8, 0, 0) if big else bytes(4)))
        self.link = 8 if big else 4

    def add(self, data: bytes) -> int:
        self.data += data
        return len(self.data) - len(data)

    def patch(self, at: int, code: str, value: int) -> None:
        struct.pack_into(self.order + code, self.data, at, value)

    def directory(self, tags: Tags) -> int:
        word, field = ("Q", 8) if self.big else ("I", 4)
        rows = b""
        for tag, (kind, values) in sorted(tags.items()):
            packed = struct.pack(f"{self.order}{len(values)}{CODES[kind]}", *values)
            if len(packed) > field:
                packed = struct.pack(self.order + word, self.add(packed))
            rows += struct.pack(self.order + "HH" + word, tag, kind, len(values)) + packed.ljust(field, b"\x00")
        at = self.add(struct.pack(self.order + ("Q" if self.big else "H"), len(tags)) + rows)
        self.patch(self.link, word, at)
        self.link = self.add(bytes(field))
        return at


def page(order: str = "<", big: bool = False, pixels: int = 48, **changes: tuple[int, list[int]] | None) -> Builder:
    """Return a 4 by 4 RGB picture in two strips of two rows. An argument `t279=None` removes tag 279."""
    built = Builder(order, big)
    at = built.add(bytes(pixels))
    tags: Tags = {
        256: (SHORT, [4]), 257: (SHORT, [4]), 258: (SHORT, [8, 8, 8]), 259: (SHORT, [1]), 262: (SHORT, [2]),
        273: (LONG, [at, at + 24]), 277: (SHORT, [3]), 278: (SHORT, [2]), 279: (LONG, [24, 24]),
    }  # fmt: skip
    for name, change in changes.items():
        tags.pop(int(name[1:]), None)
        if change is not None:
            tags[int(name[1:])] = change
    built.directory(tags)
    return built


def facts(data: bytes | bytearray) -> ImageFacts:
    return inspect(lambda offset, length: bytes(data[offset : offset + length]), len(data))


def refused(built: Builder, words: str) -> None:
    with pytest.raises(UnsupportedFormat, match=words):
        facts(built.data)


@each_row("order", ["<", ">"])
@each_row("big", [False, True], ids=["classic", "big"])
@each_row("orientation", range(1, 9))
def test_both_byte_orders_and_sizes_agree_with_pillow_in_every_orientation(
    order: str, big: bool, orientation: int
) -> None:
    built = page(order, big, t257=(SHORT, [3]), t274=(SHORT, [orientation]))
    found = facts(built.data)
    assert (found.width, found.height) == ((3, 4) if orientation >= 5 else (4, 3))
    if big and order == ">":
        return  # Pillow does not read a big-endian BigTIFF
    with Image.open(io.BytesIO(built.data)) as image:
        image.load()
        assert image.size == (found.width, found.height)


@each_row("order", ["<", ">"])
def test_tiles_are_counted_by_their_geometry(order: str) -> None:
    strips = {"t273": None, "t278": None, "t279": None}
    tiles = {"t256": (SHORT, [40]), "t257": (SHORT, [20]), "t322": (SHORT, [16]), "t323": (SHORT, [16])}
    arrays = {"t324": (LONG, [8 + 768 * i for i in range(6)]), "t325": (LONG, [768] * 6)}
    built = page(order, pixels=768 * 6, **strips, **tiles, **arrays)
    assert (facts(built.data).width, facts(built.data).height) == (40, 20)
    with Image.open(io.BytesIO(built.data)) as image:
        image.load()
        assert image.size == (40, 20)
    short = {"t324": (LONG, [8] * 5), "t325": (LONG, [8] * 5)}
    refused(page(order, pixels=768 * 6, **strips, **tiles, **short), "fewer strips or tiles")
    refused(page(order, pixels=768, **strips, **{**tiles, "t322": (SHORT, [0])}, **arrays), "no size")


def test_separate_planes_need_a_strip_of_each_plane() -> None:
    refused(page(t284=(SHORT, [2])), "fewer strips or tiles")
    six = {"t273": (LONG, [8 + 8 * i for i in range(6)]), "t279": (SHORT, [8] * 6)}
    assert facts(page(t284=(SHORT, [2]), **six).data)


@each_row(("samples", "alpha"), [([0], False), ([1], True), ([2], True), ([0, 0, 0, 2], True)])
def test_extra_samples_one_and_two_are_alpha(samples: list[int], alpha: bool) -> None:
    assert facts(page(t338=(SHORT, samples)).data).has_alpha is alpha


def test_a_second_page_is_refused_and_a_reduced_copy_or_mask_is_not() -> None:
    second: Tags = {256: (SHORT, [3]), 257: (SHORT, [3])}
    for extra in ({254: (LONG, [1])}, {254: (LONG, [4])}, {254: (LONG, [5])}, {255: (SHORT, [2])}):
        built = page()
        built.directory(second | extra)
        assert facts(built.data).width == 4
        built.directory(second)
        refused(built, "more than one page")
    for extra in ({}, {254: (LONG, [2])}, {255: (SHORT, [3])}):
        built = page()
        built.directory(second | extra)
        refused(built, "more than one page")


def test_pages_that_pillow_writes_are_refused() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green")]
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedFormat, match="more than one page"):
        facts(out.getvalue())


def test_a_preview_in_the_first_place_is_refused() -> None:
    refused(page(t254=(LONG, [1])), "begins with a preview")


def test_a_pyramid_whose_pages_no_flag_marks_is_one_picture() -> None:
    built = page(
        t256=(SHORT, [101]), t257=(SHORT, [67]), t278=None, t273=(LONG, [8]), t279=(LONG, [20301]), pixels=20301
    )
    for width, height in ((51, 34), (25, 17), (12, 8)):
        built.directory({256: (SHORT, [width]), 257: (SHORT, [height])})
        assert facts(built.data).width == 101
    built.directory({256: (SHORT, [6]), 257: (SHORT, [6])})
    refused(built, "more than one page")


def test_a_next_directory_that_is_missing_past_the_end_or_itself_is_none() -> None:
    for offset in (struct.unpack_from("<I", page().data, 4)[0], 2**31, 2**32 - 1):
        built = page()
        built.patch(built.link, "I", offset)
        assert facts(built.data).width == 4
    built = page()
    assert facts(built.data[: built.link]).width == 4


def test_directories_in_a_loop_are_refused() -> None:
    built = page()
    again = built.directory({254: (LONG, [1])})
    built.directory({254: (LONG, [1])})
    built.patch(built.link, "I", again)
    refused(built, "loop")


def test_a_long_chain_of_directories_is_refused() -> None:
    built = page()
    for _ in range(100):
        built.directory({254: (LONG, [1])})
    refused(built, "more than 64 directories")


@each_row("big", [False, True], ids=["classic", "big"])
def test_directories_outside_the_file_or_oversized_are_refused(big: bool) -> None:
    word = "Q" if big else "I"
    for offset in (2**31, 2**32 - 1, *((2**63, 2**64 - 1) if big else ())):
        built = page(big=big)
        built.patch(8 if big else 4, word, offset)
        refused(built, "past its end")
    for count in (0, 513, 65535, *((2**64 - 1,) if big else ())):
        built = page(big=big)
        built.add(bytes(20 * 70_000))
        (at,) = struct.unpack_from("<" + word, built.data, 8 if big else 4)
        built.patch(at, "Q" if big else "H", count)
        refused(built, "1 to 512 entries")


def test_strips_outside_the_file_are_a_truncation() -> None:
    for offset, length in ((2**32 - 1, 1), (8, 2**32 - 1), (300, 24)):
        refused(page(t273=(LONG, [8, offset]), t279=(LONG, [24, length])), "pixel data lies beyond")
    refused(page(big=True, t273=(LONG8, [16, 2**64 - 1]), t279=(LONG8, [8, 2**64 - 1])), "pixel data lies beyond")


def test_strips_never_written_are_refused() -> None:
    for offset, length in ((8, 0), (0, 8), (7, 8)):
        refused(page(t273=(LONG, [8, offset]), t279=(LONG, [24, length])), "never written")


@each_row("tag", [256, 257, 273, 279])
def test_tags_without_which_nothing_can_be_read_must_be_there(tag: int) -> None:
    refused(page(**{f"t{tag}": None}), "missing")


def test_values_of_wrong_type_or_size_are_refused() -> None:
    for tag in (256, 273, 278, 279, 338, 254):
        refused(page(**{f"t{tag}": (12, [1, 1])}), "whole numbers")
    refused(page(t256=(LONG, [0])), "zero")
    refused(page(t257=(LONG, [2**32 - 1])), "impossibly large")
    refused(page(t278=(LONG, [0])), "no rows")
    refused(page(t257=(LONG, [2**31 - 1])), "fewer strips")


def test_a_value_outside_the_file_is_a_truncation() -> None:
    built = page(t700=(1, [0] * 50))
    (at,) = struct.unpack_from("<I", built.data, 4)
    built.patch(at + 2 + 12 * 9 + 8, "I", len(built.data) - 49)
    refused(built, "metadata lies beyond")


def test_sub_directories_are_ignored() -> None:
    assert facts(page(t330=(LONG, [2**32 - 1])).data).width == 4


def many_strips(number: int, bad: int | None = None) -> Builder:
    starts = [8] * number
    if bad is not None:
        starts[bad] = 2**32 - 2
    return page(pixels=200_000, t257=(LONG, [number * 2]), t273=(LONG, starts), t279=(LONG, [24] * number))


def test_long_lists_of_strips_are_read_whole_within_the_budget() -> None:
    taken = 0
    data = many_strips(90_000).data

    def read(offset: int, length: int) -> bytes:
        nonlocal taken
        taken += length
        return bytes(data[offset : offset + length])

    assert inspect(read, len(data)).height == 180_000
    assert 700_000 < taken <= MAX_BYTES
    refused(many_strips(90_000, bad=45_000), "pixel data lies beyond")


def test_lists_beyond_the_budget_are_checked_at_both_ends() -> None:
    number = 400_000
    assert facts(many_strips(number).data).height == 2 * number
    refused(many_strips(number, bad=5), "pixel data lies beyond")
    refused(many_strips(number, bad=number - 5), "pixel data lies beyond")


def test_broken_headers_are_refused() -> None:
    for data in (
        b"II*\x00",
        b"II*\x00\x08\x00\x00",
        b"II+\x00\x08\x00\x00\x00\x10\x00",
        b"MM\x00+\x00\x04" + bytes(10),
    ):
        with pytest.raises(UnsupportedFormat):
            facts(data)


ONE_STRIP = {"t257": (SHORT, [4]), "t278": None, "t273": (LONG, [8])}


def test_one_strip_needs_no_length_if_a_truncation_would_show() -> None:
    for counts in (None, (LONG, [0])):
        assert facts(page(**ONE_STRIP, t279=counts).data).height == 4
        assert facts(page(**ONE_STRIP, t279=counts, t259=(SHORT, [5])).data).height == 4
    for start in (7, 2**32 - 50):
        with pytest.raises(UnsupportedFormat):
            facts(page(**ONE_STRIP | {"t273": (LONG, [start])}, t279=None).data)
    behind = page(**ONE_STRIP | {"t273": (LONG, [1000])}, t279=None, t259=(SHORT, [5]))
    behind.add(bytes(2000))
    refused(behind, "length of its only strip is missing")


def test_uncompressed_strips_shorter_than_their_rows_are_refused() -> None:
    refused(page(t279=(LONG, [23, 24])), "shorter than their rows")
    refused(page(t279=(LONG, [24, 23])), "shorter than their rows")
    assert facts(page(t257=(SHORT, [3]), t279=(LONG, [24, 12])).data).height == 3
    refused(page(t257=(SHORT, [3]), t279=(LONG, [12, 24])), "shorter than their rows")
    assert facts(page(t279=(LONG, [9, 9]), t259=(SHORT, [5])).data).height == 4


@each_row("change", [{"t262": (SHORT, [32803])}, {"t262": (SHORT, [34892])}, {"t50706": (1, [1, 4, 0, 0])}])
def test_camera_raw_is_refused_with_the_cure(change: dict[str, tuple[int, list[int]]]) -> None:
    refused(page(**change), "camera raw file. Develop it")


@each_row("mark", [b"IIIITwaR", b"CR\x02\x00"])
def test_camera_raw_is_known_by_its_mark(mark: bytes) -> None:
    built = page()
    built.data[8 : 8 + len(mark)] = mark
    refused(built, "camera raw file")


@each_row(("bits", "kind"), [(5, 1), (12, 1), (24, 1), (32, 1), (32, 2), (64, 3)])
def test_bit_depths_that_nobody_reads_are_refused(bits: int, kind: int) -> None:
    refused(page(t258=(SHORT, [bits] * 3), t339=(SHORT, [kind] * 3)), "bits per sample")


def test_32_bit_floats_are_accepted() -> None:
    changes = {"t258": (SHORT, [32]), "t277": (SHORT, [1]), "t339": (SHORT, [3]), "t279": (LONG, [32, 32])}
    assert facts(page(pixels=64, **changes).data).width == 4


@each_row("compression", [0, 9, 32895, 34661, 65000])
def test_compressions_that_nobody_reads_are_refused(compression: int) -> None:
    refused(page(t259=(SHORT, [compression])), f"compression {compression} is one that")


def test_the_fourth_of_four_unnamed_rgb_samples_is_alpha() -> None:
    four = {"t258": (SHORT, [8] * 4), "t277": (SHORT, [4]), "t279": (LONG, [32, 32])}
    assert facts(page(pixels=80, **four).data).has_alpha
    assert not facts(page(pixels=80, **four, t262=(SHORT, [5])).data).has_alpha
