"""Reads how a TIFF page stores its samples: whether decoders can read them, the bytes of a row, and whether there is alpha.

Section numbers are those of TIFF 6.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.errors import UnsupportedFormat
from darkroom.images.tiff_directories import Directory, TaggedBlock

BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC = 258, 259, 262  # section 8
SAMPLES_PER_PIXEL, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = 277, 284, 338, 339  # sections 8, 18, 19
DNG_VERSION = 50706  # DNG 1.6, chapter 4

UNCOMPRESSED = 1
# Section 8 and libtiff's tiff.h: the compressions that libtiff decodes in its usual builds
COMPRESSIONS = frozenset({UNCOMPRESSED, *range(2, 9), 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000, 50001})
DEPTHS = frozenset({1, 2, 4, 8, 16})
FLOAT, FLOAT_DEPTH = 3, 32  # section 19, and the only depth of floats that all decoders support
RGB, YCBCR = 2, 6  # section 8, section 21
RAW_PHOTOMETRICS = frozenset({32803, 34892})  # DNG 1.6, chapter 4: colour filter array, linear raw
RAW_MARKS = (b"IIIITwaR", b"MMMMRawT", b"CR\x02\x00")  # at offset 8: Phase One, Canon
SEPARATE_PLANES = 2  # section 8, PlanarConfiguration
ALPHA_SAMPLES = frozenset({1, 2})  # section 18: associated, unassociated
MAX_SAMPLES = 64  # our limit on the samples of a pixel


@dataclass(frozen=True)
class Samples:
    """The samples of a page: the bits of each sample, the number of samples of a pixel, and how they are stored."""

    depths: tuple[int, ...]
    number: int
    compression: int
    photometric: int | None
    is_separate: bool  # true if each sample has a separate plane

    def row_bytes(self, width: int) -> int | None:
        """Return the number of bytes of a row in a strip, or None if the samples are compressed or subsampled."""
        if self.compression != UNCOMPRESSED or self.photometric == YCBCR:
            return None
        whole = sum(self.depths) if len(self.depths) == self.number else self.depths[0] * self.number
        return (width * (self.depths[0] if self.is_separate else whole) + 7) // 8


def read_samples(block: TaggedBlock, page: Directory) -> Samples:
    """Return the page's samples. Raises UnsupportedFormat if they are raw data of a camera or if hardly any decoder reads
    them."""
    _check_not_raw(block, page)
    depths = block.values(page, BITS_PER_SAMPLE, MAX_SAMPLES) or (1,)
    compression = block.first_value(page, COMPRESSION, UNCOMPRESSED)
    sample_format = block.first_value(page, SAMPLE_FORMAT, 1)
    if compression not in COMPRESSIONS:
        raise UnsupportedFormat(
            f"The TIFF's compression {compression} is one that hardly any program decodes. "
            "Save it with LZW or Deflate, or without compression, and upload that."
        )
    allowed = DEPTHS | {FLOAT_DEPTH} if sample_format == FLOAT else DEPTHS
    if not allowed.issuperset(depths):
        raise UnsupportedFormat(
            "The TIFF's bits per sample are not 1, 2, 4, 8, 16 or 32-bit floating point. "
            "Save it with 8 or 16 bits per channel and upload that."
        )
    photometric = block.first_value(page, PHOTOMETRIC, -1)
    return Samples(
        depths,
        block.first_value(page, SAMPLES_PER_PIXEL, 1),
        compression,
        photometric if photometric >= 0 else None,
        block.first_value(page, PLANAR, 1) == SEPARATE_PLANES,
    )


def has_alpha(block: TaggedBlock, page: Directory, samples: Samples) -> bool:
    """Return whether one sample is alpha. Without the tag ExtraSamples, the last of four RGB samples is alpha, as decoders
    assume too."""
    if EXTRA_SAMPLES not in page.entries:
        return samples.photometric == RGB and samples.number == 4
    return not ALPHA_SAMPLES.isdisjoint(block.values(page, EXTRA_SAMPLES, MAX_SAMPLES))


def _check_not_raw(block: TaggedBlock, page: Directory) -> None:
    mark = block.reader.read(8, min(8, block.reader.size - 8), "header")
    is_raw = block.first_value(page, PHOTOMETRIC, 0) in RAW_PHOTOMETRICS or DNG_VERSION in page.entries
    if is_raw or mark.startswith(RAW_MARKS):
        raise UnsupportedFormat(
            "The TIFF is a camera raw file. Develop it with a raw converter (for instance `darktable-cli in.dng out.tif`) "
            "and upload the result."
        )
