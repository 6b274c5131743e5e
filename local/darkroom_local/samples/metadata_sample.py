"""Draws the sample by which an account's treatment of metadata, orientation and colours can be seen.

The picture is a JPEG with a Display P3 profile and the EXIF orientation 6. EXIF, XMP and IPTC name a place and rights. Every call
makes the same file.
"""

from __future__ import annotations

import struct
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

NAME = "metadata-sample.jpg"
SIZE = (320, 480)  # as displayed; the stored pixels lie on their side
ORIENTATION, TURNED_BY_A_QUARTER = 0x0112, 6  # EXIF 2.32, 4.6.4 A: turn the stored pixels by 90 degrees clockwise
AUTHOR, RIGHTS = "Darkroom sample author", "Copyright Darkroom sample"
LATITUDE, LONGITUDE = ("N", (48.0, 51.0, 29.0)), ("E", (2.0, 17.0, 40.0))
_GREY, _INK = (128, 128, 128), (20, 20, 20)
_D50 = (0.9642, 1.0, 0.8249)
# The primaries of Display P3, adapted to D50 (SMPTE EG 432-1, with the Bradford matrix of ICC.1:2022, annex E).
_PRIMARIES = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
_ADAPTATION = (1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # IEC 61966-2-1; Display P3 uses the same curve


def write(folder: Path) -> Path:
    """Write the sample into `folder`, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    stored = _drawn().transpose(Image.Transpose.ROTATE_90)
    stored.save(
        path, "JPEG", quality=92, icc_profile=display_p3(), exif=_exif(), xmp=_xmp(), extra=_iptc_segment()
    )  # fmt: skip
    return path


def _drawn() -> Image.Image:
    """Draw an arrow that points up, over fields of full red, green and blue."""
    page = Image.new("RGB", SIZE, _GREY)
    pen = ImageDraw.Draw(page)
    for index, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        pen.rectangle((20 + index * 95, 340, 105 + index * 95, 450), fill=colour)
    pen.polygon([(160, 30), (240, 150), (190, 150), (190, 300), (130, 300), (130, 150), (80, 150)], fill=_INK)
    pen.text((136, 170), "UP", fill=_GREY, font=ImageFont.load_default(34))
    return page


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x013B], exif[0x8298] = TURNED_BY_A_QUARTER, AUTHOR, RIGHTS
    exif.get_ifd(0x8825).update({1: LATITUDE[0], 2: LATITUDE[1], 3: LONGITUDE[0], 4: LONGITUDE[1]})
    exif.get_ifd(0x8769).update({0x9003: "2026:11:21 14:00:00", 0xA431: "SAMPLE-SERIAL-1"})
    return exif


def _xmp() -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Sampletown">'
        f"<dc:creator><rdf:Seq><rdf:li>{AUTHOR}</rdf:li></rdf:Seq></dc:creator>"
        f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{RIGHTS}</rdf:li></rdf:Alt></dc:rights>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def _iptc_segment() -> bytes:
    """Return the segment APP13 with the city, the author and the rights as IPTC records."""
    texts = {80: AUTHOR, 90: "Sampletown", 116: RIGHTS}
    records = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text.encode() for number, text in texts.items()
    )
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + bytes(len(records) % 2)
    payload = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(payload) + 2) + payload


def display_p3() -> bytes:
    """Return an ICC profile of Display P3 (ICC.1:2022, 8.4: a display profile with three curves and a matrix)."""
    curve = b"para\0\0\0\0\0\x03\0\0" + _fixed(*_SRGB_CURVE)
    tags = {
        b"desc": _text("Display P3"), b"cprt": _text("No copyright, use freely"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50),
        **{name: b"XYZ \0\0\0\0" + _fixed(*values) for name, values in _PRIMARIES.items()},
        b"chad": b"sf32\0\0\0\0" + _fixed(*_ADAPTATION), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, data = struct.pack(">I", len(tags)), b""
    at = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", at + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = struct.pack(">I", at + len(data))
    created = struct.pack(">6H", 2026, 11, 1, 0, 0, 0)
    head = size + bytes(4) + b"\x04\x40\0\0mntrRGB XYZ " + created + b"acsp" + bytes(28) + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + data


def _text(text: str) -> bytes:
    words = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(words), 28) + words


def _fixed(*numbers: float) -> bytes:
    """Return the numbers as s15Fixed16 (ICC.1:2022, 4.6)."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)
