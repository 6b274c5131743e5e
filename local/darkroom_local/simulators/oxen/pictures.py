"""The four published input formats, made ready for the work every simulator does on pictures.

JPEG and PNG are taken as they are; GIF and WebP are turned into PNG first, an animation by its
first frame. Anything else, a TIFF as well, is not taken. This module must not know of jobs or HTTP.
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
    PictureFacts,
    Recipe,
    read_facts,
)
from darkroom_local.simulators.oxen.published_facts import INPUT_FORMATS
from darkroom_local.simulators.oxen.request_checks import Order, Unfit

_NOT_TAKEN = f"The image must be {', '.join(INPUT_FORMATS[:-1])}, or {INPUT_FORMATS[-1]}"


def recipe_for(order: Order, source: Path) -> Recipe:
    """What to make of a fetched picture; may rewrite it as PNG. Blocking; Unfit when it is not taken."""
    facts = _facts(source)
    return Recipe(
        width=facts.width * order.factor,
        height=facts.height * order.factor,
        format=order.format,
        crop_to_fill=True,
        sharpen=order.sharpening,
        denoise=0.0,
    )


def _facts(source: Path) -> PictureFacts:
    with source.open("rb") as file:
        head = file.read(16)
    try:
        if head.startswith((b"GIF87a", b"GIF89a")):
            _as_png(source, GifImageFile)
        elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            _as_png(source, WebPImageFile)
        facts = read_facts(source)
    except (NotAPicture, NoArea, *DECODE_ERRORS) as error:
        raise Unfit(_NOT_TAKEN) from error
    if facts.format not in INPUT_FORMATS:
        raise Unfit(_NOT_TAKEN)
    return facts


def _as_png(source: Path, opener: type[GifImageFile | WebPImageFile]) -> None:
    with source.open("rb") as file:
        image = ImageOps.exif_transpose(opener(file))
        plain = image.convert("RGBA" if "transparency" in image.info or image.mode == "RGBA" else "RGB")
    plain.save(source, "PNG", compress_level=1)
