"""CRC-32 of parts put together to that of the whole, without reading a byte again. Pure arithmetic.

Method: appending a zero bit to a message is a linear map over GF(2) of its CRC; the map of `length` zero bytes is found by
squaring. (Mark Adler's construction in zlib's `crc32_combine`.)
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

POLYNOMIAL = 0xEDB88320  # reflected, as zlib computes it
BITS = 32

Matrix = tuple[int, ...]


def combined(parts: Iterable[tuple[int, int]]) -> int:
    """The CRC-32 of parts in their order, each given as (CRC-32, length in bytes)."""
    whole = 0
    for crc, length in parts:
        whole = _times(_zero_bytes(length), whole) ^ crc
    return whole


@lru_cache(maxsize=256)
def _zero_bytes(length: int) -> Matrix:
    """The map of so many zero bytes."""
    result: Matrix = tuple(1 << bit for bit in range(BITS))
    power = _zero_byte()
    while length:
        if length & 1:
            result = tuple(_times(power, column) for column in result)
        power, length = tuple(_times(power, column) for column in power), length >> 1
    return result


@lru_cache(maxsize=256)
def _zero_byte() -> Matrix:
    bit: Matrix = (POLYNOMIAL, *(1 << place for place in range(BITS - 1)))
    for _ in range(3):
        bit = tuple(_times(bit, column) for column in bit)
    return bit


def _times(matrix: Matrix, vector: int) -> int:
    product, place = 0, 0
    while vector:
        if vector & 1:
            product ^= matrix[place]
        vector, place = vector >> 1, place + 1
    return product
