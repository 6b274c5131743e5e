"""Reads parts of an object within a fixed budget, each byte once. Knows offsets and bytes, no picture format."""

from __future__ import annotations

from collections.abc import Callable

from darkroom.errors import UnsupportedFormat

ReadRange = Callable[[int, int], bytes]  # (offset, length) → exactly that many bytes

MAX_READS = 64
MAX_BYTES = 1024 * 1024
EDGE_BYTES = 64 * 1024  # the first and the last read; where a trailer must lie
READ_AHEAD = 8 * 1024  # the least that a read in between fetches: a full directory of 512 classic entries fits

MAX_DIMENSION = 2**31 - 1  # PNG spec 11.2.2; no JPEG and no real TIFF comes near


class RangedReader:
    """An object's bytes, fetched on demand and kept, at most MAX_READS calls and MAX_BYTES bytes."""

    def __init__(self, read: ReadRange, size: int) -> None:
        self.size = size
        self._read = read
        self._spans: list[tuple[int, bytes]] = []  # disjoint; at most MAX_READS of them
        self._bytes_left = MAX_BYTES

    @property
    def bytes_left(self) -> int:
        """How many bytes may still be fetched."""
        return self._bytes_left

    @property
    def tail_offset(self) -> int:
        """Where the last EDGE_BYTES begin."""
        return max(0, self.size - EDGE_BYTES)

    def tail(self) -> bytes:
        """The last EDGE_BYTES, or all of a smaller object."""
        return self.take(self.tail_offset, self.size - self.tail_offset, "end")

    def take(self, offset: int, length: int, what: str) -> bytes:
        """Exactly `length` bytes; raises UnsupportedFormat when they pass the end or the budget. `what` names them."""
        end = offset + length
        if offset < 0 or length < 0 or end > self.size:
            raise cut_short(what)
        parts: list[bytes] = []
        while offset < end:
            start, data = self._span_at(offset) or self._fetch(offset, end, what)
            part = data[offset - start : end - start]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _span_at(self, offset: int) -> tuple[int, bytes] | None:
        for span in self._spans:
            if span[0] <= offset < span[0] + len(span[1]):
                return span
        return None

    def _fetch(self, offset: int, end: int, what: str) -> tuple[int, bytes]:
        """Reads from `offset` up to `end` or a little further, never into what is already here."""
        known = min((start for start, _ in self._spans if start > offset), default=self.size)
        needed = min(end, known) - offset
        length = max(needed, min(READ_AHEAD, known - offset, self._bytes_left))
        if len(self._spans) >= MAX_READS or length > self._bytes_left:
            raise UnsupportedFormat(
                f"The picture needs more than {MAX_READS} reads or {MAX_BYTES // 1024} KiB to read its header. "
                "Save it again without its metadata and upload that."
            )
        self._bytes_left -= length
        data = self._read(offset, length)
        if len(data) < length:
            raise cut_short(what)
        span = (offset, bytes(data[:length]))
        self._spans.append(span)
        return span


def cut_short(what: str) -> UnsupportedFormat:
    """The refusal of a truncated object; `what` is the part that is missing."""
    return UnsupportedFormat(f"The file is cut short: its {what} lies beyond its end. Upload it again, whole.")


def damaged(what: str) -> UnsupportedFormat:
    """The refusal of an object that breaks its format's rules; `what` is a clause without a full stop."""
    return UnsupportedFormat(f"The file is damaged: {what}. Open it in an image editor, save it anew and upload that.")


def check_dimensions(width: int, height: int) -> None:
    """Raises UnsupportedFormat for a side that is zero or that no format allows."""
    if not (0 < width <= MAX_DIMENSION and 0 < height <= MAX_DIMENSION):
        raise damaged("its width or height is zero or impossibly large")


def displayed(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height after orientation: 5 to 8 turn the picture by a quarter (EXIF 2.32, 4.6.4 A, tag 274)."""
    return (height, width) if 5 <= orientation <= 8 else (width, height)
