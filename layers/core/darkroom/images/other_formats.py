"""Names the formats that no provider takes by their first bytes, and says how to convert them. Only messages use this."""

from __future__ import annotations

# Offset, signature, name. The first match counts.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypcrx", "a camera raw file"),
    (4, b"ftypjxl", "a JPEG XL"),
    (4, b"ftyp", "a video"),
    (0, b"%PDF-", "a PDF"),
    (0, b"BM", "a BMP"),
    (0, b"PK\x03\x04", "a zip archive or office document"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"\x8aMNG", "an animated MNG"),
    (0, b"IIU\x00", "a camera raw file"),  # of Panasonic cameras
    (0, b"IIRO", "a camera raw file"),  # of Olympus cameras
    (0, b"FUJIFILM", "a camera raw file"),
)
# ISO/IEC 23008-12: major and compatible brands of the first box. AVIF comes first, because its files often name HEIC's too.
_BRANDS: tuple[tuple[str, frozenset[bytes]], ...] = (
    ("an AVIF", frozenset({b"avif", b"avis", b"avio"})),
    ("a HEIC", frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})),
)
_MAX_BRANDS_BYTES = 256
_COMMANDS = {
    "a HEIC": "heif-convert in.heic out.jpg",
    "an AVIF": "avifdec in.avif out.png",
    "a BMP": "magick in.bmp out.png",
    "a camera raw file": "darktable-cli in.raw out.tif",
    "a JPEG 2000": "magick in.jp2 out.png",
    "a JPEG XL": "djxl in.jxl out.png",
    "a Photoshop document": "magick 'in.psd[0]' out.tif",
}
_TEXT_PROBE_BYTES = 512
_TEXT_CONTROLS = frozenset("\t\n\r\f")


def refusal(head: bytes) -> str:
    """Return the message for an object with these first bytes. It names the format and, if known, a command that converts it."""
    name = _name(head)
    if name is None:
        return "The object is in no picture format that Darkroom knows. Upload a JPEG, PNG or TIFF instead."
    command = f" Convert it, for instance with `{_COMMANDS[name]}`." if name in _COMMANDS else ""
    return f"The object looks like {name}, which no provider takes.{command} Upload a JPEG, PNG or TIFF instead."


def _name(head: bytes) -> str | None:
    """Return what the object looks like, None if that is unknown."""
    if head[4:8] == b"ftyp":
        brands = head[8 : min(int.from_bytes(head[:4], "big"), _MAX_BRANDS_BYTES)]
        listed = {brands[at : at + 4] for at in range(0, len(brands), 4)}
        for name, known in _BRANDS:
            if listed & known and brands[:3] != b"crx":
                return name
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    if not any(head):
        return "nothing but zero bytes"
    # The probe may end inside a UTF-8 character, which is dropped.
    text = head[:_TEXT_PROBE_BYTES].decode("utf-8", errors="replace").rstrip("\ufffd").lstrip("\ufeff")
    if text and all(letter.isprintable() or letter in _TEXT_CONTROLS for letter in text) and "\ufffd" not in text:
        return "markup (SVG, XML or HTML)" if text.lstrip().startswith("<") else "text"
    return None
