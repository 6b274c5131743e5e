"""Reads parts of an object within a fixed budget of reads and bytes. This module knows no image format."""

from __future__ import annotations

from collections.abc import Callable

from darkroom.errors import UnsupportedFormat

ReadRange = Callable[[int, int], bytes]  # (offset, length) → exactly that many bytes

MAX_READS = 512
MAX_BYTES = 1024 * 1024
EDGE_BYTES = 64 * 1024  # the size of the first and of the last read
READ_AHEAD = 8 * 1024  # other reads fetch at least so many bytes; a TIFF directory of 512 entries fits into them
SKIM_AHEAD = 512  # after the first LARGE_SKIMS reads, `skim` fetches at least so many bytes
LARGE_SKIMS = 16  # at first, a large read often saves others; a long row of metadata then needs many small reads

MAX_PARTS = 10_000  # our limit on segments or chunks; even empty ones cost time
MAX_DIMENSION = 2**31 - 1  # PNG specification 11.2.2; JPEG allows less, and no real TIFF has more


class RangedReader:
    """Reads an object's bytes on demand. It fetches each byte once, with at most MAX_READS calls for at most MAX_BYTES in all."""

    def __init__(self, read: ReadRange, size: int) -> None:
        self.size = size
        self._read_range = read
        self._spans: list[tuple[int, bytes]] = []  # disjoint; at most MAX_READS of them
        self._last_span = (0, b"")  # the span of the last read
        self._bytes_left = MAX_BYTES

    @property
    def bytes_left(self) -> int:
        """The number of bytes that may still be fetched."""
        return self._bytes_left

    @property
    def tail_offset(self) -> int:
        """The offset at which the last EDGE_BYTES of the object begin."""
        return max(0, self.size - EDGE_BYTES)

    def tail(self) -> bytes:
        """Return the last EDGE_BYTES of the object, or all bytes of a smaller object."""
        return self.read(self.tail_offset, self.size - self.tail_offset, "end")

    def skim(self, offset: int, length: int, what: str) -> bytes:
        """Read like `read`, but fetch fewer bytes ahead once many reads were made. It is meant for the header of a segment or
        chunk whose data is skipped."""
        return self.read(offset, length, what, READ_AHEAD if len(self._spans) < LARGE_SKIMS else SKIM_AHEAD)

    def read(self, offset: int, length: int, what: str, ahead: int = READ_AHEAD) -> bytes:
        """Return exactly `length` bytes from `offset`. Each fetch of missing bytes gets at least `ahead` bytes. Raises
        UnsupportedFormat if the bytes pass the object's end or the budget. The error's message names the bytes by `what`."""
        end = offset + length
        if offset < 0 or length < 0 or end > self.size:
            raise truncated_error(what)
        start, data = self._last_span
        if start <= offset and end <= start + len(data):  # most reads go on where the last one ended
            return data[offset - start : end - start]
        parts: list[bytes] = []
        while offset < end:
            start, data = self._last_span = self._find_span(offset) or self._fetch(offset, end, what, ahead)
            part = data[offset - start : end - start]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _find_span(self, offset: int) -> tuple[int, bytes] | None:
        for span in reversed(self._spans):
            if span[0] <= offset < span[0] + len(span[1]):
                return span
        return None

    def _fetch(self, offset: int, end: int, what: str, ahead: int) -> tuple[int, bytes]:
        """Fetch the bytes from `offset` to `end` or a little further. Stop before bytes that were fetched earlier."""
        known = min((start for start, _ in self._spans if start > offset), default=self.size)
        needed = min(end, known) - offset
        length = max(needed, min(ahead, known - offset, self._bytes_left))
        if len(self._spans) >= MAX_READS or length > self._bytes_left:
            raise UnsupportedFormat(
                f"Reading the header of the image takes more than {MAX_READS} reads or {MAX_BYTES // 1024} KiB. "
                "Save the image again without its metadata and upload that."
            )
        self._bytes_left -= length
        data = self._read_range(offset, length)
        if len(data) < length:
            raise truncated_error(what)
        span = (offset, bytes(data[:length]))
        self._spans.append(span)
        return span


def truncated_error(what: str) -> UnsupportedFormat:
    """Return the error for a truncated object; `what` is the missing part."""
    return UnsupportedFormat(f"The file is cut short: its {what} lies beyond its end. Upload it again, whole.")


def damaged_error(what: str) -> UnsupportedFormat:
    """Return the error for an object that breaks its format's rules; `what` is a clause without a full stop."""
    return UnsupportedFormat(f"The file is damaged: {what}. Open it in an image editor, save it again and upload that.")


def check_dimensions(width: int, height: int) -> None:
    """Raise UnsupportedFormat if the width or the height is zero or larger than any format allows."""
    if not (0 < width <= MAX_DIMENSION and 0 < height <= MAX_DIMENSION):
        raise damaged_error("its width or height is zero or impossibly large")


def apply_orientation(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return the width and the height as displayed. The orientations 5 to 8 swap them (EXIF 2.32, 4.6.4 A, tag 274)."""
    return (height, width) if 5 <= orientation <= 8 else (width, height)
