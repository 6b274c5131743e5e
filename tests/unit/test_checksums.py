"""CRCs of parts put together, against zlib's of the whole."""

from __future__ import annotations

import random
import zlib
from itertools import pairwise

import pytest

from darkroom.aws.checksums import combined

BODY = random.Random(7).randbytes(200_003)


def cut_at(*places: int) -> list[tuple[int, int]]:
    """The parts between those places, each as (CRC-32, length)."""
    ends = [0, *sorted(places), len(BODY)]
    return [(zlib.crc32(BODY[begin:end]), end - begin) for begin, end in pairwise(ends)]


@pytest.mark.parametrize("seed", range(40))
def test_parts_cut_anywhere_combine_to_the_checksum_of_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    places = [chance.randrange(len(BODY) + 1) for _ in range(chance.randrange(12))]
    assert combined(cut_at(*places)) == zlib.crc32(BODY)


@pytest.mark.parametrize("length", [0, 1, 2, 255, 256, 65_535, 65_536, 8 * 1024 * 1024])
def test_any_length_of_the_second_part_is_right(length: int) -> None:
    second = bytes(length)
    parts = [(zlib.crc32(BODY), len(BODY)), (zlib.crc32(second), length)]
    assert combined(parts) == zlib.crc32(BODY + second)


def test_the_order_of_the_parts_matters() -> None:
    assert combined(reversed(cut_at(1_000))) != zlib.crc32(BODY)


def test_a_length_that_is_wrong_by_one_shows() -> None:
    (first, second) = cut_at(1_000)
    assert combined([first, (second[0], second[1] + 1)]) != zlib.crc32(BODY)


def test_one_part_is_the_whole_and_no_part_is_nothing() -> None:
    assert combined(cut_at()) == zlib.crc32(BODY)
    assert combined([]) == 0 == zlib.crc32(b"")


def test_a_terabyte_of_parts_is_put_together_without_their_bytes() -> None:
    whole = combined([(0x12345678, 64 * 2**20)] * 16_384)
    assert 0 <= whole < 2**32
    assert whole != 0x12345678
