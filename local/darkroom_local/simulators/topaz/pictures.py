"""Change a picture as each endpoint does, but in a simple way. The real models do something else.

The effects of the endpoints differ visibly. The same upload and settings always give the same bytes, with or without a
seed. The vendor does not publish how its values act on pixels or what their defaults are, so every number here is assumed.
The work blocks, so run it in a worker thread. This module must not know jobs or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageChops, ImageOps, ImageStat
from PIL.PngImagePlugin import PngImageFile

from darkroom_local.simulators.framework.imaging import Recipe, ResultFile, Turning, make_result
from darkroom_local.simulators.topaz.request_checks import CheckedFields, PricedRequest, Value

_SUPER_FOCUS = 0.5
_BOOST_SHARE = 0.5
_DENOISE_OF_MODEL: Mapping[str, float] = {"Normal": 0.4, "Strong": 0.7, "Extreme": 1.0}
_UNCHANGED = 1.0  # the value of exposure, highlight and shadow that changes nothing
# Of the temperature: the value that changes nothing, the default value, and the largest change of red and blue.
_NEUTRAL, _WARM, _TINT = 0.5, 0.6, 0.3
_LEVELS = range(256)

Retouch = Callable[[Image.Image, CheckedFields], Image.Image]


def strengths(checked_fields: CheckedFields) -> tuple[float, float]:
    """Return how strongly the model and its settings sharpen and denoise, each from 0 to 1."""
    amounts = checked_fields.amounts()
    match checked_fields.endpoint.name:
        case "sharpen-gen":
            boost = _BOOST_SHARE * amounts.get("focus_boost", 0.0)
            return min(1.0, amounts.get("strength", _SUPER_FOCUS) + boost), 0.0
        case "denoise":
            amount = amounts.get("strength", _DENOISE_OF_MODEL[checked_fields.model.name])
            return amounts.get("minor_deblur", 0.0), amount * (1 - amounts.get("original_detail", 0.0))
        case "restore-gen" | "denoise-gen":
            return 0.0, 1.0
    sharpen = max(amounts.get("sharpen", 0.0), amounts.get("strength", 0.0))
    return sharpen, max(amounts.get(name, 0.0) for name in ("denoise", "minor_denoise", "denoise_strength"))


def is_retouched(checked_fields: CheckedFields) -> bool:
    """Return whether the endpoint does more than resize, sharpen and denoise. Such a request takes longer."""
    return checked_fields.endpoint.name in _RETOUCHES


def make_picture(source: Path, target: Path, request: PricedRequest, turning: Turning = Turning.TURNED) -> ResultFile:
    """Make the picture that the request asks for, and write it to `target`. Retouched pictures are always turned."""
    recipe = _recipe_of(request)
    if not is_retouched(request.checked_fields):
        return make_result(source, target, replace(recipe, turning=turning))
    plain = target.with_suffix(".plain.png")
    try:
        make_result(source, plain, replace(recipe, format="png"))
        with plain.open("rb") as file:
            picture = PngImageFile(file)
            picture.load()
        retouched = _RETOUCHES[request.checked_fields.endpoint.name](picture, request.checked_fields)
        retouched.save(plain, "PNG", compress_level=1)
        return make_result(plain, target, recipe)
    finally:
        plain.unlink(missing_ok=True)


def _recipe_of(request: PricedRequest) -> Recipe:
    sharpen, denoise = strengths(request.checked_fields)
    return Recipe(
        width=request.output_width,
        height=request.output_height,
        format=request.output_format,
        crop_to_fill=request.switch("crop_to_fill", False),
        sharpen=sharpen,
        denoise=denoise,
    )


def _change_light(picture: Image.Image, checked_fields: CheckedFields) -> Image.Image:
    """Change the colours as the model of the endpoint `lighting` does. Transparency stays as it is."""
    lit = _LIGHT_MODELS[checked_fields.model.name](picture.convert("RGB"), checked_fields.settings)
    if picture.mode == "RGBA":
        lit.putalpha(picture.getchannel("A"))
    return lit


def _adjusted(colours: Image.Image, settings: Mapping[str, Value]) -> Image.Image:
    """Multiply every level by `exposure`. `highlight` changes bright levels most, and `shadow` changes dark levels most."""
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
    """Add red and remove blue if the temperature is warm. Do the opposite if it is cold."""
    change = _TINT * (float(settings.get("temperature", _WARM)) - _NEUTRAL) / _NEUTRAL
    red, green, blue = ([min(255, round(level * gain)) for level in _LEVELS] for gain in (1 + change, 1, 1 - change))
    return Image.blend(colours, colours.point(red + green + blue), float(settings.get("opacity", 1.0)))


def _colorized(colours: Image.Image, settings: Mapping[str, Value]) -> Image.Image:
    return ImageOps.colorize(colours.convert("L"), black="#10182c", mid="#a07858", white="#fff8e8")


def _cut_out(picture: Image.Image, checked_fields: CheckedFields) -> Image.Image:
    """Make the background transparent.

    If the border is brighter than the picture's mean, all pixels brighter than the mean are background. If the border is
    darker, all darker pixels are.
    """
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
    """Return a mask that selects the outermost row or column of pixels on each side."""
    width, height = size
    mask = Image.new("L", size, 255)
    if min(size) > 2:
        mask.paste(0, (1, 1, width - 1, height - 1))
    return mask


_LIGHT_MODELS: Mapping[str, Callable[[Image.Image, Mapping[str, Value]], Image.Image]] = {
    "Adjust": _adjusted,
    "Adjust V2": _adjusted,
    "White Balance": _balanced,
    "Colorize": _colorized,
}
_RETOUCHES: Mapping[str, Retouch] = {"lighting": _change_light, "matting": _cut_out}
