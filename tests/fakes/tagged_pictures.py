"""Pictures with metadata: EXIF with a place, a serial number and a thumbnail, XMP, IPTC and a colour profile."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms

PLACE, SERIAL, PERSON = "48 deg 12 north", "SN-4711-0815", "Grace Portrayed"
AUTHOR, RIGHTS, CREDIT, DATE = "Ada Author", "(c) Ada Author", "Photo Agency", "2026:11:21 14:00:00"
CITY = "Secretville"
SECRETS = (PLACE, SERIAL, PERSON, CITY, "60123456")
ORIENTATION = 274
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Toolkit of {PERSON}">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="{PERSON}" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{"A" * 32}"
 tiff:Orientation="6" exif:GPSLatitude="{PLACE}" aux:SerialNumber="{SERIAL}" photoshop:Credit="{CREDIT}" photoshop:City="{CITY}">
<dc:creator><rdf:Seq><rdf:li>{AUTHOR}</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{RIGHTS}</rdf:li></rdf:Alt></dc:rights>
<dc:subject><rdf:Bag><rdf:li>tree &amp; sea</rdf:li></rdf:Bag></dc:subject>
<exif:PixelXDimension>9999</exif:PixelXDimension>
<ext:PersonInImage><rdf:Bag><rdf:li>{PERSON}</rdf:li></rdf:Bag></ext:PersonInImage>
</rdf:Description></rdf:RDF></x:xmpmeta>{" " * 200}<?xpacket end="w"?>""".encode()


def exif(orientation: int = 6, order: str = "<") -> bytes:
    """Return an EXIF block (a TIFF structure) with a place, a serial number, a maker note and a thumbnail."""
    thumbnail = small_jpeg((16, 12))
    gps = [(1, 2, b"N\0\0\0"), (2, 5, struct.pack(f"{order}6I", 60123456, 1, 12, 1, 34, 1))]
    details = [
        (0x9003, 2, DATE.encode() + b"\0"), (0x927C, 7, b"maker note of " + PERSON.encode()),
        (0xA002, 3, struct.pack(f"{order}HH", 9999, 0)), (0xA003, 3, struct.pack(f"{order}HH", 8888, 0)),
        (0xA431, 2, SERIAL.encode() + b"\0"),
    ]  # fmt: skip
    first = [
        (0x010F, 2, b"Maker\0"), (ORIENTATION, 3, struct.pack(f"{order}HH", orientation, 0)),
        (0x013B, 2, AUTHOR.encode() + b"\0"), (0x8298, 2, RIGHTS.encode() + b"\0"),
        (0x8769, 4, bytes(4)), (0x8825, 4, bytes(4)),
    ]  # fmt: skip
    size = len(directory(first, 8, order))
    details_at, gps_at = 8 + size, 8 + size + len(directory(details, 8 + size, order))
    thumbnail_at = gps_at + len(directory(gps, gps_at, order))
    first[4], first[5] = (
        (0x8769, 4, struct.pack(f"{order}I", details_at)),
        (0x8825, 4, struct.pack(f"{order}I", gps_at)),
    )
    second = [(0x0201, 4, bytes(4)), (0x0202, 4, struct.pack(f"{order}I", len(thumbnail)))]
    second[0] = (0x0201, 4, struct.pack(f"{order}I", thumbnail_at + len(directory(second, thumbnail_at, order))))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return (
        head + directory(first, 8, order, thumbnail_at) + directory(details, details_at, order)
        + directory(gps, gps_at, order) + directory(second, thumbnail_at, order) + thumbnail
    )  # fmt: skip


def directory(tags: list[tuple[int, int, bytes]], at: int, order: str, following: int = 0) -> bytes:
    """Return a TIFF directory that begins at `at`, with its values behind it."""
    table, behind = struct.pack(f"{order}H", len(tags)), b""
    values_at = at + 2 + 12 * len(tags) + 4
    sizes = {2: 1, 7: 1, 3: 2, 4: 4, 5: 8}
    for tag, kind, data in tags:
        count = 1 if kind in (3, 4) else len(data) // sizes[kind]
        count = 2 if (tag, kind) == (1, 2) else count
        place = data if len(data) <= 4 else struct.pack(f"{order}I", values_at + len(behind))
        behind += data + bytes(len(data) % 2) if len(data) > 4 else b""
        table += struct.pack(f"{order}HHI", tag, kind, count) + place.ljust(4, b"\0")
    return table + struct.pack(f"{order}I", following) + behind


def iptc_record(number: int, text: str, record: int = 2) -> bytes:
    """Return one IPTC record."""
    return struct.pack(">BBBH", 0x1C, record, number, len(text.encode())) + text.encode()


IPTC = b"".join(
    [
        iptc_record(25, f"keyword {PERSON}"),
        iptc_record(80, AUTHOR),
        iptc_record(90, CITY),
        iptc_record(110, CREDIT),
        iptc_record(116, RIGHTS),
    ]
)


def resources(records: bytes = IPTC) -> bytes:
    """Return Photoshop's resources with a thumbnail before the IPTC records."""
    thumbnail = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 5) + b"thumb\0"
    return thumbnail + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + bytes(len(records) % 2)


def small_jpeg(size: tuple[int, int], **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, "JPEG", **options)
    return out.getvalue()


def plain(form: str = "JPEG", size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    """Return a picture without metadata, as a vendor returns it."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, form, **options)
    return out.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def wide_gamut() -> bytes:
    """Return a profile that is not sRGB: the grey-free XYZ profile's RGB sibling with another description. Each call gives the
    same bytes, because the second in which the profile was made (ICC.1, header bytes 24 to 35) is replaced.
    """
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    return bytes(profile).replace(b"sRGB", b"wide").replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))


def tagged_jpeg(
    orientation: int = 6, size: tuple[int, int] = (60, 40), profile: bytes = b"", order: str = "<", more: bytes = b""
) -> bytes:
    """Return a JPEG with stored pixels of that size and all blocks."""
    plain_file = small_jpeg(size, **({"icc_profile": profile} if profile else {}))
    blocks = (
        segment(0xE1, b"Exif\0\0" + exif(orientation, order)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
        + segment(0xED, b"Photoshop 3.0\0" + resources()) + more
    )  # fmt: skip
    return plain_file[:2] + blocks + plain_file[2:]


def tagged_png(orientation: int = 6, size: tuple[int, int] = (60, 40)) -> bytes:
    """Return a PNG with stored pixels of that size and all blocks."""
    plain_file = plain("PNG", size)
    raw = resources()
    lines = f"\niptc\n{len(raw):8}\n{raw.hex()}\n".encode()
    blocks = (
        chunk(b"eXIf", exif(orientation)) + chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP)
        + chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(lines)) + chunk(b"tEXt", b"Author\0" + PERSON.encode())
    )  # fmt: skip
    return plain_file[:33] + blocks + plain_file[33:]
