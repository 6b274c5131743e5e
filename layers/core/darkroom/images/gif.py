"""Reads the facts of GIF files: walks the blocks up to the trailer, and refuses animations. It never decodes pixels.

The data of a GIF are blocks of at most 255 bytes, each with its length. A file within the reader's budget is read as a whole.
Of a larger file, only the beginning, the end and samples in between are read. Section numbers are those of the GIF89a
specification.
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
SAMPLES = 64  # our choice
EQUAL_BLOCKS = 16  # in a row; other data look so with a chance of 256 to the power of -16
MIN_STEP = 128  # bytes from one length to the next; programs write blocks of 254 or 255 bytes
CODE_SIZES = range(1, 12)  # appendix F: the smallest size of a code is 2 to 8 bits; decoders accept a few more values


def inspect_gif(reader: RangedReader) -> ImageFacts:
    """Return the facts of a complete GIF with one image. Bytes after its end are ignored. Raises UnsupportedFormat."""
    is_large = reader.size > MAX_BYTES
    try:
        return _Walk(reader, reader.read(0, EDGE_BYTES if is_large else reader.size, "pixel data", EDGE_BYTES)).facts()
    except IndexError:
        raise _too_large() if is_large else truncated_error("pixel data") from None


@dataclass
class _Walk:
    """Walks over the blocks. `data` has all bytes of a small file. Of a large file it has the first bytes, and later those from
    `start` on. A position past their end raises IndexError."""

    reader: RangedReader
    data: bytes
    start: int = 0
    is_transparent: bool = False

    def facts(self) -> ImageFacts:
        width, height = self._number(6), self._number(8)
        check_dimensions(width, height)
        at, images = SCREEN_BYTES + _table_bytes(self._byte(10)), 0
        while (kind := self._byte(at)) != TRAILER:
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

    def _byte(self, at: int) -> int:
        return self.data[at - self.start]

    def _number(self, at: int) -> int:
        return self._byte(at) | self._byte(at + 1) << 8

    def _after_extension(self, at: int) -> int:
        if self._byte(at + 1) == GRAPHIC_CONTROL and self._byte(at + 2) > 0:
            self.is_transparent = bool(self._byte(at + 3) & TRANSPARENT)
        return self._after_blocks(at + 2)

    def _after_image(self, at: int, width: int, height: int) -> int:
        left, top, image_width, image_height = (self._number(at + start) for start in (1, 3, 5, 7))
        if not (0 < image_width <= width - left and 0 < image_height <= height - top):
            raise damaged_error("its GIF image does not lie inside its screen")
        data_at = at + DESCRIPTOR_BYTES + _table_bytes(self._byte(at + 9))
        if self._byte(data_at) not in CODE_SIZES or self._byte(data_at + 1) == 0:
            raise damaged_error("its GIF image has no pixels")
        if len(self.data) < self.reader.size:
            return self._after_blocks(self._skip_equal_blocks(data_at + 1))
        return self._after_blocks(data_at + 1)

    def _after_blocks(self, at: int) -> int:
        data, at = self.data, at - self.start
        while length := data[at]:
            at += 1 + length
        return at + 1 + self.start

    def _skip_equal_blocks(self, first_at: int) -> int:
        """Go on in the file's last 64 KiB, if all blocks from the one at `first_at` on are equally long. Return where a block
        begins there.

        Encoders write equal blocks up to the last one. So the lengths must stand at equal distances: at SAMPLES places in
        between, and of EQUAL_BLOCKS blocks in a row at the end. The blocks of a second image stand elsewhere.
        """
        step = 1 + self._byte(first_at)
        count = -(-(self.reader.tail_offset - first_at) // step)  # of the blocks that are skipped
        self.data, self.start = self.reader.tail(), self.reader.tail_offset
        between = (first_at + step * (count * number // SAMPLES) for number in range(SAMPLES))
        lengths = [self.reader.skim(at, 1, "pixel data")[0] for at in between]
        lengths += [self._byte(first_at + step * (count + number)) for number in range(EQUAL_BLOCKS)]
        if step < MIN_STEP or set(lengths) != {step - 1}:
            raise _too_large()
        return first_at + step * count


def _too_large() -> UnsupportedFormat:
    return UnsupportedFormat(
        f"The GIF has more than {MAX_BYTES // 1024} KiB, and it is animated, cut short, or its blocks are not equally long. "
        "Convert it, for instance with `magick in.gif out.png`, and upload the result."
    )


def _table_bytes(packed: int) -> int:
    """Return the number of bytes of the colour table that the packed field announces."""
    return 3 << (packed & TABLE_SIZE) + 1 if packed & HAS_TABLE else 0
