"""Read input pictures in the four published formats, so that the shared code can process them.

JPEG and PNG are used as they are. GIF and WebP are converted to PNG first, and only the first frame of an animation is
used. Any other format is refused, also TIFF. This module must not know of jobs or HTTP.
"""

from __future__ import annotations

from pathlib import Path

from PIL import ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from darkroom_local.simulators.framework.imaging import (
    DECODE_ERRORS,
    NoArea,
    NotAPicture,
    PictureHeader,
    Recipe,
    read_header,
)
from darkroom_local.simulators.oxen.published_facts import INPUT_FORMATS
from darkroom_local.simulators.oxen.request_checks import CheckedParameters, UnusableInput

_NOT_TAKEN = f"The image must be {', '.join(INPUT_FORMATS[:-1])}, or {INPUT_FORMATS[-1]}"


def recipe_for(parameters: CheckedParameters, source: Path) -> Recipe:
    """Return the recipe for a fetched picture. The file `source` may be rewritten as a PNG.

    The function blocks, so run it in a worker thread. Raises UnusableInput if the picture has no accepted format.
    """
    header = _header(source)
    return Recipe(
        width=header.width * parameters.factor,
        height=header.height * parameters.factor,
        format=parameters.format,
        crop_to_fill=True,
        sharpen=parameters.sharpening,
        denoise=0.0,
    )


def _header(source: Path) -> PictureHeader:
    with source.open("rb") as file:
        head = file.read(16)
    try:
        if head.startswith((b"GIF87a", b"GIF89a")):
            _as_png(source, GifImageFile)
        elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            _as_png(source, WebPImageFile)
        header = read_header(source)
    except (NotAPicture, NoArea, *DECODE_ERRORS) as error:
        raise UnusableInput(_NOT_TAKEN) from error
    if header.format not in INPUT_FORMATS:
        raise UnusableInput(_NOT_TAKEN)
    return header


def _as_png(source: Path, opener: type[GifImageFile | WebPImageFile]) -> None:
    with source.open("rb") as file:
        image = ImageOps.exif_transpose(opener(file))
        plain = image.convert("RGBA" if "transparency" in image.info or image.mode == "RGBA" else "RGB")
    plain.save(source, "PNG", compress_level=1)
