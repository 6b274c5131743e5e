"""Reads and writes IPTC records (IPTC IIM 4.2) in Photoshop's image resources.

Source: Adobe Photoshop File Formats Specification, "Image Resource Blocks".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from darkroom.images.metadata.blocks import UnreadableMetadata

PHOTOSHOP_PREFIX = b"Photoshop 3.0\x00"
RESOURCE, IPTC_RESOURCE = b"8BIM", 0x0404
RECORD = 0x1C  # IIM 1.5 b
CHARACTER_SET = (1, 90)
# By-line, its title, credit, source, copyright notice, and the dates and times of creation and of digitization (IIM, 2.2).
RIGHTS = frozenset({CHARACTER_SET, *((2, number) for number in (80, 85, 110, 115, 116, 55, 60, 62, 63))})
MAX_RECORDS = 4096  # our limit


def records_of(resources: bytes) -> bytes:
    """Return the IPTC records of a list of Photoshop's resources; no bytes if it has none. Raises UnreadableMetadata."""
    at = 0
    while at + 12 <= len(resources):
        if resources[at : at + 4] != RESOURCE:
            raise UnreadableMetadata("a Photoshop resource does not begin with its signature")
        (number,) = struct.unpack_from(">H", resources, at + 4)
        name_bytes = 1 + resources[at + 6]
        at += 6 + name_bytes + name_bytes % 2
        if at + 4 > len(resources):
            break
        (length,) = struct.unpack_from(">I", resources, at)
        at += 4
        if at + length > len(resources):
            break
        if number == IPTC_RESOURCE:
            return resources[at : at + length]
        at += length + length % 2
    return b""


def resources_with(records: bytes) -> bytes:
    """Return a list of Photoshop's resources that has the records alone."""
    return RESOURCE + struct.pack(">HHI", IPTC_RESOURCE, 0, len(records)) + records + bytes(len(records) % 2)


def carried(records: bytes) -> bytes:
    """Return all records, without bytes behind the last one. Raises UnreadableMetadata if they do not parse."""
    return b"".join(data for _, data in _records(records))


def rights_only(records: bytes) -> bytes:
    """Return the records about authors, rights, credits and dates. Records that do not parse give no bytes."""
    try:
        kept = [(dataset, data) for dataset, data in _records(records) if dataset in RIGHTS]
    except UnreadableMetadata:
        return b""
    return b"".join(data for _, data in kept) if any(dataset != CHARACTER_SET for dataset, _ in kept) else b""


def _records(records: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield (record, dataset) and the bytes of each record. Bytes of zero behind the last record are padding."""
    at, count = 0, 0
    while at < len(records) and records[at] != 0:
        count += 1
        if records[at] != RECORD or at + 5 > len(records) or count > MAX_RECORDS:
            raise UnreadableMetadata("an IPTC record does not begin with its marker")
        record, dataset, length = struct.unpack_from(">BBH", records, at + 1)
        end = at + 5 + length
        if length & 0x8000 or end > len(records):  # the long form (IIM 1.5 d) holds whole pictures
            raise UnreadableMetadata("an IPTC record is longer than its block")
        yield (record, dataset), records[at:end]
        at = end
