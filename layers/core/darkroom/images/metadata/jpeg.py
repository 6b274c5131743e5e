"""Reads the segments of a JPEG's head, and writes segments of metadata. Section numbers are those of ITU-T T.81."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from darkroom.images.jpeg_appended import XMP_PREFIX
from darkroom.images.metadata import iptc
from darkroom.images.metadata.blocks import (
    CMYK,
    GRAY,
    RGB,
    Blocks,
    Head,
    OversizedMetadata,
    Piece,
    UnreadableMetadata,
)
from darkroom.images.tiff_directories import EXIF_PREFIX
from darkroom.model import ImageFormat

# Table B.1
SOI, SOS, EOI, COM = 0xD8, 0xDA, 0xD9, 0xFE
APP0, APP1, APP2, APP11, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
APPLICATION = range(0xE0, 0xF0)
MAX_PAYLOAD = 65533  # B.1.1.4: a length has two bytes and counts itself
EXTENDED_XMP_PREFIX = b"http://ns.adobe.com/xmp/extension/\x00"  # XMP specification part 3, 1.1.3.1
EXTENDED_HEADER_BYTES = len(EXTENDED_XMP_PREFIX) + 32 + 4 + 4  # and the GUID, the full length and the offset
ICC_PREFIX = b"ICC_PROFILE\x00"  # ICC.1:2022, B.4; then the number of this part, from 1, and the count of all parts
JFIF_PREFIX, JUMBF_PREFIX = b"JFIF\x00", b"JP"
C2PA = re.compile(rb"c2pa|jumb")  # ISO 19566-5: the labels of the boxes
COLOURS = {1: GRAY, 3: RGB, 4: CMYK}  # by the number of components


def read_head(data: bytes) -> Head:
    """Return the head of the JPEG that begins with `data`. Raises UnreadableMetadata if a segment does not begin with a
    marker."""
    pieces: list[Piece] = []
    end, is_complete = 2, False
    for piece in _pieces(data):
        if piece.kind[0] == SOS:
            is_complete = True
            break
        pieces.append(piece)
        end += len(piece.data)
    width = height = components = 0
    for piece in pieces:
        if piece.kind[0] in FRAMES and len(piece.payload) >= 6:
            height, width, components = (int.from_bytes(piece.payload[at:stop], "big") for at, stop in _FRAME_FIELDS)
    blocks = _blocks(pieces)
    colour = COLOURS.get(components, b"")
    return Head(ImageFormat.JPEG, blocks, width, height, colour, tuple(pieces), end, is_complete)


_FRAME_FIELDS = ((1, 3), (3, 5), (5, 6))  # B.2.2: height, width, number of components


def _pieces(data: bytes) -> Iterator[Piece]:
    """Yield the segments after SOI, as far as they are whole, and at last the marker of the scan."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise UnreadableMetadata("a JPEG segment does not begin with a marker")
        marker_at = at + 1
        while marker_at < len(data) and data[marker_at] == 0xFF:  # B.1.1.2: fill bytes
            marker_at += 1
        if marker_at + 3 > len(data):
            return
        marker = data[marker_at]
        end = marker_at + 1 + int.from_bytes(data[marker_at + 1 : marker_at + 3], "big")
        if marker == SOS:
            yield Piece(bytes([SOS]), data[at:marker_at], 0, 0)
            return
        if marker in (0x00, 0x01, SOI, EOI) or 0xD0 <= marker <= 0xD7 or end < marker_at + 3:
            raise UnreadableMetadata("a JPEG segment has no length")
        if end > len(data):
            return
        yield Piece(bytes([marker]), data[at:end], marker_at + 3 - at, end - at)
        at = end


def _blocks(pieces: Iterable[Piece]) -> Blocks:
    exif = xmp = photoshop = b""
    extended: list[bytes] = []
    profile: dict[int, bytes] = {}
    has_c2pa = False
    for piece in pieces:
        marker, payload = piece.kind[0], piece.payload
        if marker == APP1 and payload.startswith(EXIF_PREFIX):
            exif = exif or payload[len(EXIF_PREFIX) :]
        elif marker == APP1 and payload.startswith(XMP_PREFIX):
            xmp = xmp or payload[len(XMP_PREFIX) :]
        elif marker == APP1 and payload.startswith(EXTENDED_XMP_PREFIX):
            extended.append(payload)
        elif marker == APP2 and payload.startswith(ICC_PREFIX) and len(payload) > len(ICC_PREFIX) + 2:
            profile.setdefault(payload[len(ICC_PREFIX)], payload[len(ICC_PREFIX) + 2 :])
        elif marker == APP13 and payload.startswith(iptc.PHOTOSHOP_PREFIX):
            photoshop += payload[len(iptc.PHOTOSHOP_PREFIX) :]
        elif marker == APP11 and payload.startswith(JUMBF_PREFIX):
            has_c2pa = has_c2pa or C2PA.search(payload[:256]) is not None
    icc = b"".join(profile[number] for number in sorted(profile))
    whole = tuple(extended) if _is_whole(xmp, extended) else ()
    return Blocks(exif, xmp, whole, _records(photoshop), icc, bool(icc), has_c2pa)


def _records(photoshop: bytes) -> bytes:
    try:
        return iptc.records_of(photoshop)
    except UnreadableMetadata:
        return b""


def _is_whole(xmp: bytes, extended: Iterable[bytes]) -> bool:
    """Return whether the segments hold all bytes of the extension that the packet names, each byte once."""
    spans = []
    for payload in extended:
        header = payload[len(EXTENDED_XMP_PREFIX) : EXTENDED_HEADER_BYTES]
        if len(header) < 40 or header[:32] not in xmp:
            return False
        full, offset = int.from_bytes(header[32:36], "big"), int.from_bytes(header[36:40], "big")
        spans.append((offset, offset + len(payload) - EXTENDED_HEADER_BYTES, full))
    reached = 0
    for start, stop, full in sorted(spans):
        if start != reached or full != spans[0][2]:
            return False
        reached = stop
    return bool(spans) and reached == spans[0][2]


def is_picture(piece: Piece) -> bool:
    """Return whether a decoder needs the segment. All other segments are metadata."""
    marker, payload = piece.kind[0], piece.payload
    if marker == APP0:
        return payload.startswith(JFIF_PREFIX)
    if marker == APP2:
        return payload.startswith(ICC_PREFIX)
    return marker == APP14 or (marker not in APPLICATION and marker != COM)


def is_block(piece: Piece, name: str) -> bool:
    """Return whether the segment is (a part of) the block `exif`, `xmp`, `iptc` or `c2pa`."""
    marker, payload = piece.kind[0], piece.payload
    match name:
        case "exif":
            return marker == APP1 and payload.startswith(EXIF_PREFIX)
        case "xmp":
            return marker == APP1 and payload.startswith((XMP_PREFIX, EXTENDED_XMP_PREFIX))
        case "iptc":
            return marker == APP13
        case "c2pa":
            return marker == APP11
    return False


def is_first(piece: Piece) -> bool:
    """Return whether the segment must stay before the metadata (JFIF 1.02: right after SOI)."""
    return piece.kind[0] == APP0


def write_start() -> bytes:
    """Return the bytes before the first segment."""
    return b"\xff\xd8"


def write_exif(exif: bytes) -> bytes:
    """Return the segment for an EXIF block. Raises OversizedMetadata if it does not fit into one."""
    return _segment(APP1, EXIF_PREFIX + exif)


def write_xmp(xmp: bytes, extended: Iterable[bytes]) -> bytes:
    """Return the segments for an XMP packet and its extension. Raises OversizedMetadata if the packet does not fit into one."""
    return _segment(APP1, XMP_PREFIX + xmp) + b"".join(_segment(APP1, payload) for payload in extended)


def write_iptc(records: bytes) -> bytes:
    """Return the segment for IPTC records. Raises OversizedMetadata if they do not fit into one."""
    return _segment(APP13, iptc.PHOTOSHOP_PREFIX + iptc.resources_with(records))


def write_icc(profile: bytes) -> bytes:
    """Return the segments for a colour profile. Raises OversizedMetadata if it needs more than 255."""
    size = MAX_PAYLOAD - len(ICC_PREFIX) - 2
    parts = [profile[at : at + size] for at in range(0, len(profile), size)]
    if len(parts) > 255:
        raise OversizedMetadata("a colour profile needs more than 255 segments")
    numbered = enumerate(parts, start=1)
    return b"".join(_segment(APP2, ICC_PREFIX + bytes((number, len(parts))) + part) for number, part in numbered)


def _segment(marker: int, payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise OversizedMetadata("a block does not fit into one JPEG segment")
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
