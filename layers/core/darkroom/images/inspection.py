"""The inspection of an image: reads its format, displayed size and transparency, and checks that it is complete.

It reads an object's bytes through `read(offset, length)`, with at most 512 calls for at most 1 MiB. It never looks at the
object's name, never decodes pixels and never holds a whole image. It trusts nothing that it reads: for any bytes it returns
facts or raises UnsupportedFormat, whose message contains none of the bytes.
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
# Formats that Darkroom does not take, for messages only: (offset, signature, name). The first match counts.
_OTHER_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
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
    """Return the facts of the image that `read` reads from. Raises UnsupportedFormat unless it is one complete image.

    `read(offset, length)` must return exactly `length` bytes; fewer count as truncation. Its errors pass through.
    """
    if size_bytes <= 0:
        raise UnsupportedFormat("The object is empty. Upload a whole JPEG, PNG or TIFF.")
    reader = RangedReader(read, size_bytes)
    head = reader.read(0, min(EDGE_BYTES, size_bytes), "beginning")
    image_format = sniff(head)
    if image_format is None:
        raise UnsupportedFormat(f"The object looks like {_describe(head)}. Upload a JPEG, PNG or TIFF instead.")
    reader.tail()
    return _INSPECTORS[image_format](reader)


def sniff(head: bytes) -> ImageFormat | None:
    """Return the format that an object's first bytes announce, None for any that Darkroom does not take. 8 bytes suffice."""
    if head.startswith(JPEG_SIGNATURE):
        return ImageFormat.JPEG
    if head.startswith(PNG_SIGNATURE):
        return ImageFormat.PNG
    if head.startswith(TIFF_SIGNATURES):
        return ImageFormat.TIFF
    return None


def _describe(head: bytes) -> str:
    for offset, signature, name in _OTHER_SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    if not any(head):
        return "nothing but zero bytes"
    # The probe may end inside a UTF-8 character, which is dropped.
    text = head[:_TEXT_PROBE_BYTES].decode("utf-8", errors="replace").rstrip("\ufffd").lstrip("\ufeff")
    if text and all(letter.isprintable() or letter in _TEXT_CONTROLS for letter in text) and "\ufffd" not in text:
        return "markup (SVG, XML or HTML)" if text.lstrip().startswith("<") else "text"
    return "no known picture format"
