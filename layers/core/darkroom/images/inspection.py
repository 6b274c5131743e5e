"""What an object's own bytes say of its picture: format, displayed size, alpha, and whether it is whole.

Pure and standard library only: bytes come through `read(offset, length)`, at most 64 calls and 1 MiB an object. Never
looks at a name, never decodes pixels, never holds a whole picture, and trusts nothing that it reads: whatever the bytes
are, it answers with facts or raises UnsupportedFormat in words that contain none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from darkroom.errors import UnsupportedFormat
from darkroom.images.byte_reader import EDGE_BYTES, RangedReader, ReadRange
from darkroom.images.jpeg import inspect_jpeg
from darkroom.images.png import SIGNATURE as PNG_SIGNATURE
from darkroom.images.png import inspect_png
from darkroom.images.tiff import SIGNATURES as TIFF_SIGNATURES
from darkroom.images.tiff import inspect_tiff
from darkroom.model import ImageFacts, ImageFormat

JPEG_SIGNATURE = b"\xff\xd8\xff"  # ITU T.81 B.1.1.3: SOI, then the first byte of the next marker
_INSPECTORS: dict[ImageFormat, Callable[[RangedReader], ImageFacts]] = {
    ImageFormat.JPEG: inspect_jpeg,
    ImageFormat.PNG: inspect_png,
    ImageFormat.TIFF: inspect_tiff,
}
# (offset, signature, what to call it), for messages only.
_STRANGERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftyphev", "a HEIC"),
    (4, b"ftypmif1", "a HEIC"),
    (4, b"ftypmsf1", "a HEIC"),
    (4, b"ftypavi", "an AVIF"),
    (4, b"ftypcrx", "a camera raw file"),
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
)
_TEXT_PROBE_BYTES = 512
_TEXT_CONTROLS = frozenset("\t\n\r\f")


def inspect(read: ReadRange, size_bytes: int) -> ImageFacts:
    """The facts of the object of `size_bytes` behind `read`. Raises UnsupportedFormat unless it is one whole picture.

    `read` must answer exactly the bytes asked for; fewer count as truncation. What it raises passes through.
    """
    if size_bytes <= 0:
        raise UnsupportedFormat("The object is empty. Upload a whole JPEG, PNG or TIFF.")
    reader = RangedReader(read, size_bytes)
    head = reader.take(0, min(EDGE_BYTES, size_bytes), "beginning")
    image_format = sniff(head)
    if image_format is None:
        raise UnsupportedFormat(f"The object looks like {_appearance(head)}. Upload a JPEG, PNG or TIFF instead.")
    reader.tail()
    return _INSPECTORS[image_format](reader)


def sniff(head: bytes) -> ImageFormat | None:
    """The format that an object's first bytes (8 suffice) announce, None for any that Darkroom does not take."""
    if head.startswith(JPEG_SIGNATURE):
        return ImageFormat.JPEG
    if head.startswith(PNG_SIGNATURE):
        return ImageFormat.PNG
    if head.startswith(TIFF_SIGNATURES):
        return ImageFormat.TIFF
    return None


def _appearance(head: bytes) -> str:
    for offset, signature, name in _STRANGERS:
        if head[offset : offset + len(signature)] == signature:
            return name
    if not any(head):
        return "nothing but zero bytes"
    # A probe may end inside a UTF-8 character, so what is cut there is dropped.
    text = head[:_TEXT_PROBE_BYTES].decode("utf-8", errors="replace").rstrip("\ufffd").lstrip("\ufeff")
    if text and all(letter.isprintable() or letter in _TEXT_CONTROLS for letter in text) and "\ufffd" not in text:
        return "markup (SVG, XML or HTML)" if text.lstrip().startswith("<") else "text"
    return "no known picture format"
