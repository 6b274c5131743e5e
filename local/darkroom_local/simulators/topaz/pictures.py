"""What each endpoint makes of a picture: plain stand-ins that can be told apart, not what the models do.

The same upload and settings give the same bytes, with a seed or without. How the vendor's values act on pixels, and
what it takes where nothing is asked for, is published nowhere: every number here is assumed. Blocking work, meant for
a worker thread; it must not know jobs or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageChops, ImageOps, ImageStat
from PIL.PngImagePlugin import PngImageFile

from darkroom_local.simulators.framework.imaging import Recipe, ResultFile, make_result
from darkroom_local.simulators.topaz.request_checks import Order, Value, Wishes

_SUPER_FOCUS = 0.5
_BOOST_SHARE = 0.5
_DENOISE_OF_MODEL: Mapping[str, float] = {"Normal": 0.4, "Strong": 0.7, "Extreme": 1.0}
_UNCHANGED = 1.0  # of exposure, highlight and shadow
_NEUTRAL, _WARM, _TINT = 0.5, 0.6, 0.3  # temperature: without effect, when unset; the most it changes red and blue
_LEVELS = range(256)

Retouch = Callable[[Image.Image, Wishes], Image.Image]


def strengths(wishes: Wishes) -> tuple[float, float]:
    """The sharpening and denoising amounts, 0 to 1, that a model and its settings amount to."""
    amounts = wishes.amounts()
    match wishes.endpoint.name:
        case "sharpen-gen":
            boost = _BOOST_SHARE * amounts.get("focus_boost", 0.0)
            return min(1.0, amounts.get("strength", _SUPER_FOCUS) + boost), 0.0
        case "denoise":
            amount = amounts.get("strength", _DENOISE_OF_MODEL[wishes.model.name])
            return amounts.get("minor_deblur", 0.0), amount * (1 - amounts.get("original_detail", 0.0))
        case "restore-gen":
            return 0.0, 1.0
    sharpen = max(amounts.get("sharpen", 0.0), amounts.get("strength", 0.0))
    return sharpen, max(amounts.get(name, 0.0) for name in ("denoise", "minor_denoise", "denoise_strength"))


def is_retouched(wishes: Wishes) -> bool:
    """Whether the endpoint does more than to resize, sharpen and denoise, which takes longer."""
    return wishes.endpoint.name in _RETOUCHES


def make_picture(source: Path, target: Path, order: Order) -> ResultFile:
    """Carry an order out."""
    recipe = _recipe_of(order)
    if not is_retouched(order.wishes):
        return make_result(source, target, recipe)
    plain = target.with_suffix(".plain.png")
    try:
        make_result(source, plain, replace(recipe, format="png"))
        with plain.open("rb") as file:
            picture = PngImageFile(file)
            picture.load()
        retouched = _RETOUCHES[order.wishes.endpoint.name](picture, order.wishes)
        retouched.save(plain, "PNG", compress_level=1)
        return make_result(plain, target, recipe)
    finally:
        plain.unlink(missing_ok=True)


def _recipe_of(order: Order) -> Recipe:
    sharpen, denoise = strengths(order.wishes)
    return Recipe(
        width=order.output_width,
        height=order.output_height,
        format=order.output_format,
        crop_to_fill=order.switch("crop_to_fill", False),
        sharpen=sharpen,
        denoise=denoise,
    )


def _lit(picture: Image.Image, wishes: Wishes) -> Image.Image:
    """Other light on the colours; transparency stays as it is."""
    lit = _LIGHTS[wishes.model.name](picture.convert("RGB"), wishes.settings)
    if picture.mode == "RGBA":
        lit.putalpha(picture.getchannel("A"))
    return lit


def _adjusted(colours: Image.Image, settings: Mapping[str, Value]) -> Image.Image:
    """Exposure times every level; highlight and shadow the more, the brighter or darker a level is."""
    exposure, highlight, shadow = (
        float(settings.get(name, _UNCHANGED)) for name in ("exposure", "highlight", "shadow")
    )
    table = []
    for level in _LEVELS:
        bright = level / 255
        factor = exposure * (1 + (highlight - 1) * bright) * (1 + (shadow - 1) * (1 - bright))
        table.append(min(255, round(level * factor)))
    adjusted = colours.point(table * 3)
    return ImageOps.autocontrast(adjusted) if settings.get("color_correction") else adjusted


def _balanced(colours: Image.Image, settings: Mapping[str, Value]) -> Image.Image:
    """Warmer with more red and less blue, colder the other way round."""
    change = _TINT * (float(settings.get("temperature", _WARM)) - _NEUTRAL) / _NEUTRAL
    red, green, blue = ([min(255, round(level * gain)) for level in _LEVELS] for gain in (1 + change, 1, 1 - change))
    return Image.blend(colours, colours.point(red + green + blue), float(settings.get("opacity", 1.0)))


def _colorized(colours: Image.Image, settings: Mapping[str, Value]) -> Image.Image:
    return ImageOps.colorize(colours.convert("L"), black="#10182c", mid="#a07858", white="#fff8e8")


def _cut_out(picture: Image.Image, wishes: Wishes) -> Image.Image:
    """Transparent wherever the picture lies on the same side of its mean brightness as its border does."""
    grey = picture.convert("L")
    mean = round(ImageStat.Stat(grey).mean[0])
    border_is_bright = ImageStat.Stat(grey, _border(grey.size)).mean[0] >= mean
    opaque = grey.point([255 if (level >= mean) != border_is_bright else 0 for level in _LEVELS])
    if picture.mode == "RGBA":
        opaque = ImageChops.darker(opaque, picture.getchannel("A"))
    cut = picture.convert("RGB")
    cut.putalpha(opaque)
    return cut


def _border(size: tuple[int, int]) -> Image.Image:
    """A mask of the outermost pixels."""
    width, height = size
    mask = Image.new("L", size, 255)
    if min(size) > 2:
        mask.paste(0, (1, 1, width - 1, height - 1))
    return mask


_LIGHTS: Mapping[str, Callable[[Image.Image, Mapping[str, Value]], Image.Image]] = {
    "Adjust": _adjusted,
    "Adjust V2": _adjusted,
    "White Balance": _balanced,
    "Colorize": _colorized,
}
_RETOUCHES: Mapping[str, Retouch] = {"lighting": _lit, "matting": _cut_out}
