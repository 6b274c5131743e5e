"""Reads the sizes of picture files from their headers, as displayed. It does not check the pictures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_ORIENTATION_TAG = 274  # EXIF 2.3, table 4
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})


@dataclass(frozen=True)
class Size:
    """The width and height of a picture in pixels as displayed, and the length of its file in bytes."""

    width: int
    height: int
    file_bytes: int

    @property
    def pixels(self) -> str:
        """Width and height alone."""
        return f"{self.width}×{self.height}"

    def __str__(self) -> str:
        return f"{self.pixels}, {_human(self.file_bytes)}"


def size_of(path: Path) -> Size | None:
    """Return the picture's size, or None if the file is no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures, but only the header is read
            return _header_size(path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _header_size(path: Path) -> Size:
    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION_TAG) in _ON_ITS_SIDE:
            width, height = height, width
    return Size(width, height, path.stat().st_size)


def _human(size_bytes: int) -> str:
    for unit, divisor in (("MB", 1_000_000), ("kB", 1_000)):
        if size_bytes >= divisor:
            return f"{size_bytes / divisor:.1f} {unit}"
    return f"{size_bytes} B"
