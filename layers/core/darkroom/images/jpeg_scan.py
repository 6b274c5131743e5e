"""Finds the end of a JPEG's scan data without reading all of the data, even if other data follow the picture.

Phones append videos, gain maps and their makers' records to a JPEG. In scan data, only a few values may follow the byte FF (ITU-T
T.81 F.1.2.3, B.1.1.3); in other data, any value may. A window of 8 KiB holds about 32 FFs, so it shows whether it is scan data. A
binary search over such windows finds the end of the scan data, where an EOI (end of image) marker must stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from darkroom.errors import UnsupportedFormat
from darkroom.images.ranged_reader import EDGE_BYTES, MAX_BYTES, RangedReader

END_MARKER = b"\xff\xd9"
START = b"\xff\xd8\xff"  # how a JPEG begins: SOI and the next marker
VIDEO_TYPE = b"ftyp"  # of the first box of a video, after its length (ISO/IEC 14496-12)
BEGINNING_BYTES = 8
WINDOW = 8 * 1024
PLAIN_WINDOW = 16 * 1024  # so many bytes more are read if a window has too few FFs
RESERVED_BYTES = 4 * WINDOW  # the search stops when fewer bytes of the budget are left
MAX_STEPS = 2_000  # our limit on segments between scans, which cost time; a progressive picture has some dozens
MIN_PAIRS = 2  # a window with fewer FF 00 and RSTm pairs does not count as scan data
MAX_ZERO_SHARE = 4  # if more than a quarter are zeros, it may be a table of 32-bit numbers, which has many FF 00 too

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # any marker except stuffing (FF 00), RSTm and fill bytes
_PAIR = re.compile(rb"\xff[\x00\xd0-\xd7]")
# The segments that may be between the scans of a progressive JPEG, and their legal lengths: SOS (B.2.3), DHT (B.2.4.2),
# DQT (B.2.4.1), DRI (B.2.4.4), DNL (B.2.5).
_SEGMENT_LENGTHS: dict[int, range] = {
    0xDA: range(8, 15, 2),
    0xC4: range(19, 2 + 8 * (17 + 256) + 1),
    0xDB: range(67, 2 + 4 * 129 + 1),
    0xDD: range(4, 5),
    0xDC: range(4, 5),
}


class _Kind(Enum):
    END = "scan data up to an EOI"
    FOREIGN = "something that scan data never holds"
    SCAN = "scan data up to the last byte"
    UNCLEAR = "too few FFs to tell"


@dataclass(frozen=True)
class _Finding:
    """Says what a range of bytes is. `at` is the offset of the EOI or of the foreign bytes. For scan data and unclear bytes, it
    is the offset at which the next range must begin."""

    kind: _Kind
    at: int


def check_scan_end(reader: RangedReader, scan_at: int, appended: Sequence[int] = ()) -> None:
    """Raise UnsupportedFormat unless the scan data that begins at `scan_at` ends in an EOI. `appended` are the offsets at which
    the metadata say that something begins behind the picture.

    If a file of more than 1 MiB ends with the picture's EOI, only the first and the last 64 KiB are read. A smaller file is read
    as a whole. A cut picture with nothing behind it is always refused. If there are too few FFs to tell scan data from other
    data, any EOI in the last 64 KiB is accepted.
    """
    if reader.size < scan_at + 1 + len(END_MARKER) or not _is_whole(reader, scan_at, appended):
        raise UnsupportedFormat(
            "The JPEG is cut short: no EOI (end of image) marker ends its scan data. "
            "Upload it again, whole and as a plain still picture."
        )


def end_of_scan(data: bytes) -> int | None:
    """Return the offset behind the EOI that ends the scan data. `data` begins inside of scan data, or with a scan's marker.
    Return None if something else stands there first, or no EOI."""
    finding = _examine(RangedReader(lambda offset, length: data[offset : offset + length], len(data)), 0, len(data))
    return finding.at + len(END_MARKER) if finding.kind is _Kind.END else None


def _is_whole(reader: RangedReader, scan_at: int, appended: Sequence[int]) -> bool:
    for start in appended:
        stated = _ends_before(reader, scan_at, start)
        if stated is not None:
            return stated
    if not _has_end(reader, scan_at):
        return False
    # The end that was found may be a second picture's. A small file is looked at as a whole, because each byte is read once. Of a
    # larger one, the rest of the budget is spent only if the metadata speak of a second picture.
    if reader.size > MAX_BYTES and not appended:
        return True
    start = scan_at if reader.size <= MAX_BYTES else max(scan_at, reader.size - reader.bytes_left)
    first = _examine(reader, start, reader.size)
    return first.kind is not _Kind.FOREIGN or not _begins_jpeg(reader, first.at)


def _ends_before(reader: RangedReader, scan_at: int, start: int) -> bool | None:
    """Whether the scan data end in an EOI before what begins at `start`. Return None if nothing begins there, or if other bytes
    are between the two."""
    if not scan_at + 1 < start <= reader.size - BEGINNING_BYTES:
        return None
    window_at = max(scan_at, start - WINDOW)
    reader.read(window_at, start + BEGINNING_BYTES - window_at, "end")  # all that follows in one read
    if not (_begins_jpeg(reader, start) or reader.read(start + 4, 4, "end") == VIDEO_TYPE):
        return None
    finding = _confirm(reader, scan_at, _examine(reader, window_at, start))
    if finding.kind in (_Kind.END, _Kind.SCAN):
        return finding.kind is _Kind.END
    return None


def _begins_jpeg(reader: RangedReader, at: int) -> bool:
    return at + len(START) <= reader.size and reader.read(at, len(START), "end") == START


def _has_end(reader: RangedReader, scan_at: int) -> bool:
    if reader.tail_offset <= max(EDGE_BYTES, scan_at):
        return _examine(reader, scan_at + 1, reader.size).kind is _Kind.END
    tail = _confirm(reader, scan_at, _examine(reader, reader.tail_offset, reader.size))
    if tail.kind in (_Kind.END, _Kind.SCAN):
        return tail.kind is _Kind.END
    head = _examine(reader, scan_at, min(max(EDGE_BYTES, scan_at + WINDOW), reader.tail_offset))
    if head.kind in (_Kind.END, _Kind.FOREIGN):
        return head.kind is _Kind.END
    foreign_at = tail.at if tail.kind is _Kind.FOREIGN else reader.tail_offset
    for unclear_is_scan in (False, True):
        found = _search(reader, scan_at, head.at, foreign_at, unclear_is_scan)
        if found is not None:
            return found
    return END_MARKER in reader.tail()


def _search(reader: RangedReader, scan_at: int, low: int, high: int, unclear_is_scan: bool) -> bool | None:
    """Return whether the scan data ends in an EOI. Its end is searched between `low` and `high`. Return None if the answer
    depends on unclear windows."""
    is_certain = True
    while high - low > WINDOW:
        if reader.bytes_left < RESERVED_BYTES:
            return None
        finding = _window(reader, scan_at, (low + high - WINDOW) // 2, high)
        if finding.kind is _Kind.END:
            return True
        if finding.kind is _Kind.FOREIGN:
            high = finding.at
            continue
        is_certain = is_certain and finding.kind is _Kind.SCAN
        if finding.kind is _Kind.SCAN or unclear_is_scan:
            low = finding.at
        else:
            high = (low + high - WINDOW) // 2
    if high < low:  # an unclear window was classified wrongly
        return None
    last = _confirm(reader, scan_at, _examine(reader, low, min(high + len(END_MARKER), reader.size)))
    if last.kind is _Kind.END:
        return True
    return False if is_certain else None


def _window(reader: RangedReader, scan_at: int, at: int, limit: int) -> _Finding:
    """Return what the window at `at` is. If that is unclear, examine a larger window, up to `limit`."""
    finding = _examine(reader, at, at + WINDOW)
    if finding.kind is _Kind.UNCLEAR and reader.bytes_left > RESERVED_BYTES + PLAIN_WINDOW:
        finding = _examine(reader, at, min(at + WINDOW + PLAIN_WINDOW, limit))
    return _confirm(reader, scan_at, finding)


def _confirm(reader: RangedReader, scan_at: int, finding: _Finding) -> _Finding:
    """Return the finding. But if it is an EOI, and the window before it holds other data, return that window's finding, because
    two bytes of a video may look like an EOI."""
    if finding.kind is not _Kind.END:
        return finding
    before = _examine(reader, max(scan_at, finding.at - WINDOW), finding.at)
    return before if before.kind is _Kind.FOREIGN else finding


def _examine(reader: RangedReader, start: int, end: int) -> _Finding:
    """Return what the bytes from `start` to `end` are, if scan data precedes them. Segments between two scans are skipped."""
    data = reader.read(start, end - start, "end")
    at = steps = 0
    while match := _MARKER.search(data, at):
        at, steps = match.start(), steps + 1
        code = data[at + 1]
        if data[at : at + 2] == END_MARKER:
            return _Finding(_Kind.END, start + at)
        is_whole, length = at + 4 <= len(data), int.from_bytes(data[at + 2 : at + 4], "big")
        legal = _SEGMENT_LENGTHS.get(code)
        if legal is None or (is_whole and length not in legal) or steps > MAX_STEPS:
            return _Finding(_Kind.FOREIGN, start + at)
        if not is_whole or at + 2 + length >= len(data):
            return _Finding(_scan_or_unclear(data), start + at)
        at += 2 + length
    # The last byte may be the first of a marker.
    return _Finding(_scan_or_unclear(data), end - 1 if data.endswith(b"\xff") else end)


def _scan_or_unclear(data: bytes) -> _Kind:
    is_table = data.count(0) * MAX_ZERO_SHARE > len(data)
    return _Kind.UNCLEAR if is_table or len(_PAIR.findall(data)) < MIN_PAIRS else _Kind.SCAN
