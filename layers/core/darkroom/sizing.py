"""Computes how large a result becomes, and checks that the size is allowed. Pure functions; they must not know prices or
layers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from darkroom.catalog import Catalog, Model, load, providers
from darkroom.errors import ImageTooLarge, UnsupportedFormat
from darkroom.model import PIXELS_PER_MEGAPIXEL, ImageFacts

SIZE_KEYS = ("output_width", "output_height")


def factor_choice(model: Model, scale: Decimal) -> str | None:
    """Return the choice of the model's factor parameter that enlarges by `scale`, or None if there is no such choice."""
    return next((word for word, factor in model.factors.items() if factor == scale), None)


def size_parameters(model: Model, values: Mapping[str, str], facts: ImageFacts) -> dict[str, str]:
    """Return the parameters of size to send: the factor, or the given sides, or the longer side times `scale`.

    With `scale`, only one side is sent, so that the vendor does not letterbox the result. Without any setting of size, the
    image's own longer side is sent, because a vendor that gets no size chooses one and charges for it.
    """
    if model.factor_parameter:
        word = (
            factor_choice(model, Decimal(values["scale"])) if "scale" in values else values.get(model.factor_parameter)
        )
        return {model.factor_parameter: word} if word else {}
    given_sides = {side: values[side] for side in SIZE_KEYS if side in values}
    if "scale" in values or (model.takes_size and not given_sides):
        side = "output_width" if facts.width >= facts.height else "output_height"
        pixels = max(facts.width, facts.height) * Decimal(values.get("scale", 1))
        return {side: str(int(pixels.quantize(Decimal(1), ROUND_HALF_UP)))}
    return given_sides


def output_size(model: Model, sides: Mapping[str, str], facts: ImageFacts) -> tuple[int, int]:
    """Return the width and the height of the result in pixels. If one side is sent, the other is in proportion. If no side is
    sent, they are the image's sides times the factor."""
    width, height = (int(sides[side]) if side in sides else None for side in SIZE_KEYS)
    if width and height:
        return width, height
    if width:
        return width, _scale_side(facts.height, width, facts.width)
    if height:
        return _scale_side(facts.width, height, facts.height), height
    factor = model.factors.get(sides.get(model.factor_parameter or "", ""), model.factor)
    return int(facts.width * factor), int(facts.height * factor)


def sides_as_stored(provider_catalog: Catalog, values: Mapping[str, str], facts: ImageFacts) -> dict[str, str]:
    """Return the values to send. If the vendor ignores the EXIF orientation and the image is stored with a quarter turn, the
    width and the height are swapped, because the vendor sees the stored sides. Otherwise the result would be too large."""
    if provider_catalog.turns_pixels or not facts.is_sideways:
        return dict(values)
    swapped = dict(zip(SIZE_KEYS, reversed(SIZE_KEYS), strict=True))
    return {swapped.get(name, name): value for name, value in values.items()}


def _scale_side(side: int, numerator: int, denominator: int) -> int:
    """Return side * numerator / denominator, rounded half up, and at least 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _refused_format(model: Model, facts: ImageFacts) -> str:
    """Return the message for a format that the model does not take. It names the model's formats, the providers that take this
    format, and a command to convert it."""
    takers = [
        name for name in providers() if any(facts.format in other.input_formats for other in load(name).models.values())
    ]
    takes = f"the image is {facts.format}; {model.name} takes {' or '.join(model.input_formats)}"
    elsewhere = f"; provider={' or '.join(takers)} takes {facts.format}" if takers else ""
    word = facts.format.value
    return f"{takes}{elsewhere}; or convert it, for instance with `magick in.{word} out.png`"


def check_size(
    provider_catalog: Catalog, model: Model, sides: Mapping[str, str], facts: ImageFacts, size_bytes: int
) -> tuple[int, int]:
    """Return the width and the height of the result in pixels. Raises UnsupportedFormat if the model does not take the image's
    format, and ImageTooLarge if the image or the result exceeds a limit."""
    if facts.format not in model.input_formats:
        raise UnsupportedFormat(_refused_format(model, facts))
    width, height = output_size(model, sides, facts)
    if size_bytes > provider_catalog.max_upload_bytes:
        raise ImageTooLarge(
            f"the file has {size_bytes} bytes; {provider_catalog.provider} takes at most {provider_catalog.max_upload_bytes}"
        )
    for what, width_pixels, height_pixels, limit_mp in (
        ("the image", facts.width, facts.height, model.max_input_mp),
        ("the result", width, height, model.max_output_mp),
    ):
        size = f"{what} has {width_pixels} by {height_pixels} pixels"
        if max(width_pixels, height_pixels) > model.max_side_pixels:
            raise ImageTooLarge(f"{size}; {model.name} takes at most {model.max_side_pixels} a side")
        megapixels = Decimal(width_pixels * height_pixels) / PIXELS_PER_MEGAPIXEL
        if megapixels > limit_mp:
            raise ImageTooLarge(f"{size}, {megapixels.normalize():f} MP; the limit of {model.name} is {limit_mp} MP")
    if model.max_scale and (width > facts.width * model.max_scale or height > facts.height * model.max_scale):
        raise ImageTooLarge(
            f"the result has {width} by {height} pixels, the image {facts.width} by {facts.height}; {model.name} enlarges "
            f"at most {model.max_scale} times"
        )
    return width, height
