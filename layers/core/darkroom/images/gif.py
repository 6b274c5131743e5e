"""Reads the facts of GIF files: walks the blocks up to the trailer, and refuses animations. It never decodes pixels.

The data of a GIF are blocks of at most 255 bytes, each with its length, so the whole file must be read. A file larger than the
reader's budget is refused. Section numbers are those of the GIF89a specification.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.ranged_reader import (
    EDGE_BYTES,
    MAX_BYTES,
    RangedReader,
    check_dimensions,
    damaged_error,
    truncated_error,
)
from darkroom.model import ImageFacts, ImageFormat

SIGNATURES = (b"GIF87a", b"GIF89a")  # section 17
SCREEN_BYTES = 13  # sections 17 and 18: signature and logical screen descriptor
DESCRIPTOR_BYTES = 10  # section 20
IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B  # sections 20, 23, 27
GRAPHIC_CONTROL = 0xF9  # section 23
HAS_TABLE, TABLE_SIZE = 0x80, 0x07  # sections 18 and 20
TRANSPARENT = 0x01  # section 23
CODE_SIZES = range(1, 12)  # appendix F: the smallest size of a code is 2 to 8 bits; decoders accept a few more values


def inspect_gif(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete GIF with one image. Bytes after its end are ignored. Raises UnsupportedFormat."""
    if reader.size > MAX_BYTES:
        raise UnsupportedFormat(
            f"The GIF has more than {MAX_BYTES // 1024} KiB, too many to check. "
            "Convert it, for instance with `magick in.gif out.png`, and upload the result."
        )
    data = reader.read(0, reader.size, "pixel data", EDGE_BYTES)
    try:
        return _Walk(data).facts()
    except IndexError:
        raise truncated_error("pixel data") from None


@dataclass
class _Walk:
    """Walks over the blocks of `data`. A position past the end raises IndexError."""

    data: bytes
    is_transparent: bool = False

    def facts(self) -> ImageFacts:
        width, height = self._number(6), self._number(8)
        check_dimensions(width, height)
        at, images = SCREEN_BYTES + _table_bytes(self.data[10]), 0
        while (kind := self.data[at]) != TRAILER:
            if kind == EXTENSION:
                at = self._after_extension(at)
            elif kind == IMAGE and images == 0:
                at, images = self._after_image(at, width, height), 1
            elif kind == IMAGE:
                raise UnsupportedFormat("The GIF is animated. Upload a single still picture.")
            else:
                raise damaged_error("a GIF block is of no known kind")
        if images == 0:
            raise damaged_error("it has no GIF image")
        return ImageFacts(ImageFormat.GIF, width, height, self.is_transparent)

    def _number(self, at: int) -> int:
        return self.data[at] | self.data[at + 1] << 8

    def _after_extension(self, at: int) -> int:
        if self.data[at + 1] == GRAPHIC_CONTROL and self.data[at + 2] > 0:
            self.is_transparent = bool(self.data[at + 3] & TRANSPARENT)
        return self._after_blocks(at + 2)

    def _after_image(self, at: int, width: int, height: int) -> int:
        left, top, image_width, image_height = (self._number(at + start) for start in (1, 3, 5, 7))
        if not (0 < image_width <= width - left and 0 < image_height <= height - top):
            raise damaged_error("its GIF image does not lie inside its screen")
        data_at = at + DESCRIPTOR_BYTES + _table_bytes(self.data[at + 9])
        if self.data[data_at] not in CODE_SIZES or self.data[data_at + 1] == 0:
            raise damaged_error("its GIF image has no pixels")
        return self._after_blocks(data_at + 1)

    def _after_blocks(self, at: int) -> int:
        while length := self.data[at]:
            at += 1 + length
        return at + 1


def _table_bytes(packed: int) -> int:
    """Return the number of bytes of the colour table that the packed field announces."""
    return 3 << (packed & TABLE_SIZE) + 1 if packed & HAS_TABLE else 0
