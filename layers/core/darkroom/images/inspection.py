"""Inspects an image: reads its format, displayed size and transparency, and checks that it is complete.

The inspection reads an object's bytes through `read(offset, length)`, with at most 512 calls for at most 1 MiB. It never looks at
the object's name, never decodes pixels and never holds a whole image. It trusts no byte: for any bytes it returns facts or raises
UnsupportedFormat, whose message contains none of the bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from darkroom.errors import UnsupportedFormat
from darkroom.images import other_formats
from darkroom.images.gif import SIGNATURES as GIF_SIGNATURES
from darkroom.images.gif import inspect_gif
from darkroom.images.jpeg import inspect_jpeg
from darkroom.images.png import SIGNATURE as PNG_SIGNATURE
from darkroom.images.png import inspect_png
from darkroom.images.ranged_reader import EDGE_BYTES, RangedReader, ReadRange
from darkroom.images.tiff import SIGNATURES as TIFF_SIGNATURES
from darkroom.images.tiff import inspect_tiff
from darkroom.images.webp import RIFF, WEBP, inspect_webp
from darkroom.model import ImageFacts, ImageFormat

JPEG_SIGNATURE = b"\xff\xd8\xff"  # ITU T.81 B.1.1.3: SOI, then the first byte of the next marker
_INSPECTORS: dict[ImageFormat, Callable[[RangedReader], ImageFacts]] = {
    ImageFormat.JPEG: inspect_jpeg,
    ImageFormat.PNG: inspect_png,
    ImageFormat.TIFF: inspect_tiff,
    ImageFormat.WEBP: inspect_webp,
    ImageFormat.GIF: inspect_gif,
}


def inspect(read: ReadRange, size_bytes: int) -> ImageFacts:
    """Return the facts of the image whose bytes `read` returns. Raises UnsupportedFormat unless it is one complete image.

    `read(offset, length)` must return exactly `length` bytes. Fewer bytes mean that the image is cut short. Exceptions of `read`
    are not caught.
    """
    if size_bytes <= 0:
        raise UnsupportedFormat("The object is empty. Upload a whole JPEG, PNG or TIFF.")
    reader = RangedReader(read, size_bytes)
    head = reader.read(0, min(EDGE_BYTES, size_bytes), "beginning")
    image_format = sniff(head)
    if image_format is None:
        raise UnsupportedFormat(other_formats.refusal(head))
    reader.tail()
    return _INSPECTORS[image_format](reader)


def sniff(head: bytes) -> ImageFormat | None:
    """Return the format that an object's first bytes announce, or None for a format that no provider takes. `head` must have at
    least 12 bytes."""
    if head.startswith(JPEG_SIGNATURE):
        return ImageFormat.JPEG
    if head.startswith(PNG_SIGNATURE):
        return ImageFormat.PNG
    if head.startswith(TIFF_SIGNATURES):
        return ImageFormat.TIFF
    if head.startswith(RIFF) and head[8:12] == WEBP:
        return ImageFormat.WEBP
    if head.startswith(GIF_SIGNATURES):
        return ImageFormat.GIF
    return None
