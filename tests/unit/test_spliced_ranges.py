"""Tests every range of a small result with a new head and a new end: its bytes, and what the vendor is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from tests.rows import each_row

from darkroom.pipeline.spliced_result import CHUNK_BYTES, SplicedResult
from darkroom.ports import Reader

VENDORS = b"0123456789ab"
# The head, the number of the first bytes that it replaces, the end, and the number of the last bytes that it replaces
SPLICES = [
    (b"", 0, b"", 0), (b"NEW", 2, b"", 0), (b"NEWER HEAD", 1, b"", 3), (b"", 4, b"", 2), (b"", 0, b"END", 2),
    (b"NEW", 5, b"THE END", 4), (b"NEW", 9, b"END", 3), (b"NEW", 11, b"E", 0),
]  # fmt: skip


@dataclass
class Link:
    """The vendor's result. It is an error to ask for a byte before `first` or from `last` on, or for none."""

    first: int
    last: int
    piece_bytes: int = 4
    has_parts: bool = True
    size_bytes: int = len(VENDORS)

    def read(self, offset: int, length: int) -> bytes:
        assert self.first <= offset < offset + length <= self.last
        return VENDORS[offset : offset + length]

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Reader]:
        yield BytesIO(self.read(offset, length))

    def stream(self) -> Iterator[bytes]:
        for at in range(0, len(VENDORS), self.piece_bytes):
            yield VENDORS[at : at + self.piece_bytes]


def spliced(head: bytes, cut: int, end: bytes, end_cut: int, piece_bytes: int = 4) -> tuple[SplicedResult, bytes]:
    """Return a result, and the bytes that it must have."""
    last = len(VENDORS) - end_cut
    return SplicedResult(Link(cut, last, piece_bytes), head, cut, end, end_cut), head + VENDORS[cut:last] + end


def ranges(size: int) -> Iterator[tuple[int, int]]:
    return ((offset, length) for offset in range(size) for length in range(1, size - offset + 1))


def all_of(reader: Reader, buffer_bytes: int) -> bytes:
    found, buffer = b"", bytearray(buffer_bytes)
    while count := reader.readinto(memoryview(buffer)):
        found += buffer[:count]
    return found


@each_row("splice", SPLICES)
def test_each_range_is_read_as_it_stands_in_the_new_file(splice: tuple[bytes, int, bytes, int]) -> None:
    result, expected = spliced(*splice)
    assert result.size_bytes == len(expected)
    for offset, length in ranges(len(expected)):
        assert result.read(offset, length) == expected[offset : offset + length]


@each_row("buffer_bytes", [1, 3, 64])
@each_row("splice", SPLICES)
def test_each_part_is_read_as_it_stands_in_the_new_file(
    splice: tuple[bytes, int, bytes, int], buffer_bytes: int
) -> None:
    result, expected = spliced(*splice)
    for offset, length in ranges(len(expected)):
        with result.part(offset, length) as reader:
            assert all_of(reader, buffer_bytes) == expected[offset : offset + length]


@each_row("piece_bytes", [1, 3, 4, 64])
@each_row("splice", SPLICES)
def test_the_stream_is_the_new_file_and_no_chunk_of_it_is_empty(
    splice: tuple[bytes, int, bytes, int], piece_bytes: int
) -> None:
    result, expected = spliced(*splice, piece_bytes)
    chunks = list(result.stream())
    assert (b"".join(chunks), b"" in chunks) == (expected, False)


def test_a_long_head_is_streamed_in_chunks() -> None:
    head = b"x" * (2 * CHUNK_BYTES + 1)
    chunks = list(spliced(head, 0, b"", 0)[0].stream())
    assert [len(chunk) for chunk in chunks[:3]] == [CHUNK_BYTES, CHUNK_BYTES, 1]
    assert b"".join(chunks) == head + VENDORS


def test_without_an_end_the_vendors_end_stays() -> None:
    assert SplicedResult(Link(3, len(VENDORS)), b"NEW", 3).read(0, 99) == b"NEW" + VENDORS[3:]


def test_its_text_form_shows_no_metadata() -> None:
    shown = repr(spliced(b"a place", 0, b"a name", 0)[0])
    assert "a place" not in shown
    assert "a name" not in shown
