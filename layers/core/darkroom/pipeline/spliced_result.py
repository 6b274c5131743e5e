"""Reads a result with a new head in place of its first bytes. All other bytes are the provider's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.ports import Reader, ResultLink

CHUNK_BYTES = 256 * 1024


@dataclass
class SplicedResult:
    """A result whose first `cut` bytes are replaced by `head`; implements `ports.ResultLink`. Only the head is in memory."""

    link: ResultLink
    head: bytes = field(repr=False)
    cut: int
    size_bytes: int = field(init=False)
    has_parts: bool = field(init=False)

    def __post_init__(self) -> None:
        self.size_bytes = len(self.head) + self.link.size_bytes - self.cut
        self.has_parts = self.link.has_parts

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Reader]:
        """Open `length` bytes from `offset`. The provider is asked for the bytes behind the head only. Raises ResultNotReady."""
        begin = self.head[offset : offset + length]
        remaining = length - len(begin)
        if not remaining:
            yield _HeadReader(begin, None)
            return
        at = max(offset, len(self.head)) - len(self.head) + self.cut
        with self.link.part(at, remaining) as rest:
            yield _HeadReader(begin, rest) if begin else rest

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. Raises ResultNotReady."""
        begin = self.head[offset : offset + length]
        if len(begin) == length:
            return begin
        at = max(offset, len(self.head)) - len(self.head) + self.cut
        return begin + self.link.read(at, length - len(begin))

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in chunks of at most 256 KiB. Raises ResultNotReady."""
        for at in range(0, len(self.head), CHUNK_BYTES):
            yield self.head[at : at + CHUNK_BYTES]
        skip = self.cut
        for chunk in self.link.stream():
            if skip < len(chunk):
                yield chunk[skip:] if skip else chunk
            skip = max(0, skip - len(chunk))


@dataclass
class _HeadReader:
    """Reads the given bytes, and then the reader behind them; implements `ports.Reader`."""

    head: bytes
    rest: Reader | None

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into `buffer` and return their number, or 0 at the end."""
        if not self.head:
            return self.rest.readinto(buffer) if self.rest else 0
        count = min(len(self.head), len(buffer))
        buffer[:count] = self.head[:count]
        self.head = self.head[count:]
        return count
