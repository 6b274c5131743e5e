"""Reads a result with a new head in place of its first bytes, and without its last bytes. All other bytes are the provider's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.ports import Reader, ResultLink

CHUNK_BYTES = 256 * 1024


@dataclass
class SplicedResult:
    """A result whose first `cut` bytes are replaced by `head`, and whose last `end_cut` bytes by `end`; implements
    `ports.ResultLink`. Only the head and the end are in memory."""

    link: ResultLink
    head: bytes = field(repr=False)
    cut: int
    end: bytes = field(default=b"", repr=False)
    end_cut: int = 0
    size_bytes: int = field(init=False)
    has_parts: bool = field(init=False)

    def __post_init__(self) -> None:
        self.size_bytes = len(self.head) + self._kept_bytes + len(self.end)
        self.has_parts = self.link.has_parts

    @property
    def _kept_bytes(self) -> int:
        """The number of the provider's bytes that stay."""
        return self.link.size_bytes - self.cut - self.end_cut

    def _split(self, offset: int, length: int) -> tuple[bytes, int, int, bytes]:
        """Return the bytes of the head, the offset and the length of the provider's bytes, and the bytes of the end that lie in
        a range of the new file."""
        stop, end_at = offset + length, len(self.head) + self._kept_bytes
        first = min(max(offset - len(self.head), 0), self._kept_bytes)
        last = min(max(stop - len(self.head), 0), self._kept_bytes)
        behind = self.end[max(0, offset - end_at) : max(0, stop - end_at)]
        return self.head[offset:stop], self.cut + first, last - first, behind

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Reader]:
        """Open `length` bytes from `offset`. The provider is asked only for its own bytes. Raises ResultNotReady."""
        before, at, count, behind = self._split(offset, length)
        if not count:
            yield _Joined(before + behind, None, b"")
            return
        with self.link.part(at, count) as own:
            yield _Joined(before, own, behind) if before or behind else own

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. Raises ResultNotReady."""
        before, at, count, behind = self._split(offset, length)
        return before + (self.link.read(at, count) if count else b"") + behind

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in chunks of at most 256 KiB. Raises ResultNotReady unless all bytes of the provider came."""
        for at in range(0, len(self.head), CHUNK_BYTES):
            yield self.head[at : at + CHUNK_BYTES]
        skip, left = self.cut, self._kept_bytes
        for chunk in self.link.stream():
            own = chunk[skip : skip + left] if skip or len(chunk) > left else chunk
            skip, left = max(0, skip - len(chunk)), left - len(own)
            if own:
                yield own
        if self.end:
            yield self.end


@dataclass
class _Joined:
    """Reads the bytes `before`, then the provider's, then those of `behind`; implements `ports.Reader`."""

    before: bytes
    own: Reader | None
    behind: bytes

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into `buffer` and return their number, or 0 at the end. Raises ResultNotReady, OSError."""
        if not self.before and self.own is not None:
            count = self.own.readinto(buffer)
            if count:
                return count
            self.own = None
        if not self.before:
            self.before, self.behind = self.behind, b""
        count = min(len(self.before), len(buffer))
        buffer[:count] = self.before[:count]
        self.before = self.before[count:]
        return count
