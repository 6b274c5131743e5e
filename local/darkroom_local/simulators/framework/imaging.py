"""Process real pictures with Pillow: read the header, then resize, sharpen, denoise and encode.

The simulator returns a picture of exactly the size that it announced, so that a client can really check the result.
This module uses Pillow's classes for JPEG, PNG and TIFF directly, so no other format is accepted, and Pillow's
process-wide pixel limit does not apply. That limit is not changed either, because the application under test may run in
the same process. Nothing here knows of jobs or HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFilter, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

_ORIENTATION_TAG = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_JPEG_QUALITY = 92
MEDIA_TYPES: Mapping[str, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "tiff": "image/tiff",
}
DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
)


class NotAPicture(Exception):
    """The bytes are in none of the supported formats."""


class NoArea(Exception):
    """The picture's header says that it is zero pixels wide or high."""


class Turning(StrEnum):
    """Says what becomes of a picture's EXIF orientation."""

    TURNED = "turned"  # the pixels are turned, and the result has no tag
    IGNORED = "ignored"  # the pixels stay as stored, and the result has no tag
    KEPT = "kept"  # the pixels stay as stored, and the result has the tag


@dataclass(frozen=True)
class PictureHeader:
    """The format and the size from a picture's header. Width and height are as displayed, with the EXIF orientation applied."""

    format: str
    width: int
    height: int


@dataclass(frozen=True)
class Recipe:
    """The picture that is to be made: its size and format, and how strongly it is sharpened and denoised (0 to 1)."""

    width: int
    height: int
    format: str
    crop_to_fill: bool
    sharpen: float
    denoise: float
    turning: Turning = Turning.TURNED

    @property
    def size_mp(self) -> float:
        """Return the megapixels of the result."""
        return self.width * self.height / 1e6


@dataclass(frozen=True)
class ResultFile:
    """A finished picture on disk."""

    path: Path
    size_bytes: int
    etag: str


def read_header(path: Path) -> PictureHeader:
    """Return the format and the displayed size of a picture.

    Raises NotAPicture if the format is not supported, and NoArea if a side has zero pixels.
    """
    with path.open("rb") as file:
        name = _format_of(file.read(64))
        file.seek(0)
        if _has_zero_side(file, name):
            raise NoArea
        file.seek(0)
        try:
            image = _open(file, name)
            sideways = image.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
        except DECODE_ERRORS as error:
            raise NotAPicture from error
        width, height = image.size
        return PictureHeader(name, *((height, width) if sideways else (width, height)))


def make_result(source: Path, target: Path, recipe: Recipe) -> ResultFile:
    """Make the picture that the recipe describes, and write it to `target`. The work blocks, so run it in a thread.

    The recipe's width and height are as displayed. They are swapped if the pixels stay stored with a quarter turn.
    """
    with source.open("rb") as file:
        image = _open(file, _format_of(file.read(64)))
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        is_turned = recipe.turning is Turning.TURNED
        picture = _plain_mode(ImageOps.exif_transpose(image) if is_turned else image)
    if not is_turned and orientation in _SIDEWAYS:
        recipe = replace(recipe, width=recipe.height, height=recipe.width)
    picture = _resized(picture, recipe)
    picture = _denoised(picture, recipe.denoise)
    if recipe.sharpen > 0:
        percent = round(200 * recipe.sharpen)
        picture = picture.filter(ImageFilter.UnsharpMask(radius=2, percent=percent, threshold=2))
    _save(picture, target, recipe.format, orientation if recipe.turning is Turning.KEPT else None)
    digest = hashlib.md5(usedforsecurity=False)
    with target.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return ResultFile(target, target.stat().st_size, f'"{digest.hexdigest()}"')


def _format_of(head: bytes) -> str:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    raise NotAPicture


def _open(file: IO[bytes], name: str) -> Image.Image:
    file.seek(0)
    if name == "png":
        return PngImageFile(file)
    if name == "jpeg":
        return JpegImageFile(file)
    return TiffImageFile(file)


def _has_zero_side(file: IO[bytes], name: str) -> bool:
    """Return whether a side has zero pixels by the header. The bytes are read here, because Pillow does not open such files."""
    if name == "png":
        head = file.read(24)
        return head[12:16] == b"IHDR" and (head[16:20] == bytes(4) or head[20:24] == bytes(4))
    if name == "jpeg":
        return _jpeg_has_zero_side(file)
    return False


def _jpeg_has_zero_side(file: IO[bytes]) -> bool:
    file.seek(2)
    while len(mark := file.read(4)) == 4 and mark[0] == 0xFF:
        if 0xC0 <= mark[1] <= 0xCF and mark[1] not in (0xC4, 0xC8, 0xCC):
            frame = file.read(5)
            return frame[1:3] == bytes(2) or frame[3:5] == bytes(2)
        file.seek(int.from_bytes(mark[2:], "big") - 2, 1)
    return False


def _plain_mode(image: Image.Image) -> Image.Image:
    """Convert the image to mode L, RGB or RGBA."""
    if image.mode in ("L", "RGB", "RGBA"):
        if "transparency" in image.info:
            return image.convert("RGBA")
        image.load()
        return image
    if image.mode.startswith(("I", "F")):
        return image.convert("F").point(lambda value: value * (1 / 256) + 0).convert("L")
    if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("L" if image.mode == "1" else "RGB")


def _resized(image: Image.Image, recipe: Recipe) -> Image.Image:
    size = (recipe.width, recipe.height)
    if image.size == size:
        return image
    if recipe.crop_to_fill:
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    inner = _fitting(image.size, size)
    resized = image.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if inner == size:
        return resized
    canvas = Image.new(image.mode, size)
    canvas.paste(resized, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


def _fitting(have: tuple[int, int], want: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size with the aspect ratio of `have` that fits inside `want`.

    If both sides differ from `want` by at most one pixel, return `want` itself.
    """
    scale = min(want[0] / have[0], want[1] / have[1])
    inner = (max(1, round(have[0] * scale)), max(1, round(have[1] * scale)))
    if abs(inner[0] - want[0]) <= 1 and abs(inner[1] - want[1]) <= 1:
        return want
    return inner


def _denoised(image: Image.Image, amount: float) -> Image.Image:
    if amount <= 0:
        return image
    return Image.blend(image, image.filter(ImageFilter.MedianFilter(3)), min(1.0, amount))


def _save(image: Image.Image, target: Path, name: str, orientation: int | None) -> None:
    """Write the picture. With `orientation`, its EXIF has this tag alone."""
    options: dict[str, Any] = {}
    if orientation is not None:
        options["exif"] = Image.Exif()
        options["exif"][_ORIENTATION_TAG] = orientation
    if name == "jpeg":
        if image.mode == "RGBA":
            flat = Image.new("RGB", image.size, "white")
            flat.paste(image, mask=image.getchannel("A"))
            image = flat
        image.save(target, "JPEG", quality=_JPEG_QUALITY, **options)
    elif name == "png":
        image.save(target, "PNG", compress_level=1, **options)
    else:
        image.save(target, "TIFF", compression="tiff_lzw", **options)
