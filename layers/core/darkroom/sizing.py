"""How large a result becomes, and whether that is allowed. Pure; it must not know prices or layers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from darkroom import pricing
from darkroom.catalog import Catalog, Model
from darkroom.errors import ImageTooLarge, UnsupportedFormat
from darkroom.model import ImageFacts

SIZE_KEYS = ("output_width", "output_height")


def word_for(model: Model, scale: Decimal) -> str | None:
    """The choice of the model's factor parameter that enlarges so much."""
    return next((word for word, factor in model.factors.items() if factor == scale), None)


def sides_to_send(model: Model, values: Mapping[str, str], facts: ImageFacts) -> dict[str, str]:
    """What the vendor is told of the size: a factor, the sides that were set, or the larger displayed one times scale (so
    that nothing is letterboxed).

    A vendor that takes sides and is told none chooses a size by itself, and charges for it: it is told the picture's own.
    """
    if model.factor_parameter:
        word = word_for(model, Decimal(values["scale"])) if "scale" in values else values.get(model.factor_parameter)
        return {model.factor_parameter: word} if word else {}
    set_here = {side: values[side] for side in SIZE_KEYS if side in values}
    if "scale" in values or (model.takes_size and not set_here):
        side = "output_width" if facts.width >= facts.height else "output_height"
        pixels = max(facts.width, facts.height) * Decimal(values.get("scale", 1))
        return {side: str(int(pixels.quantize(Decimal(1), ROUND_HALF_UP)))}
    return set_here


def output_size(model: Model, sides: Mapping[str, str], facts: ImageFacts) -> tuple[int, int]:
    """Width and height of the result in pixels: enlarged by the factor, one side with the other in proportion, or both."""
    width, height = (int(sides[side]) if side in sides else None for side in SIZE_KEYS)
    if width and height:
        return width, height
    if width:
        return width, _in_proportion(facts.height, width, facts.width)
    if height:
        return _in_proportion(facts.width, height, facts.height), height
    factor = model.factors.get(sides.get(model.factor_parameter or "", ""), model.factor)
    return int(facts.width * factor), int(facts.height * factor)


def _in_proportion(side: int, numerator: int, denominator: int) -> int:
    """side * numerator / denominator, rounded half up, at least 1."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def checked_size(
    book: Catalog, model: Model, sides: Mapping[str, str], facts: ImageFacts, size_bytes: int
) -> tuple[int, int]:
    """Width and height of the result in pixels. Raises UnsupportedFormat, ImageTooLarge."""
    if facts.format not in model.input_formats:
        raise UnsupportedFormat(f"the image is {facts.format}; {model.name} takes {' or '.join(model.input_formats)}")
    width, height = output_size(model, sides, facts)
    if size_bytes > book.max_upload_bytes:
        raise ImageTooLarge(f"the file has {size_bytes} bytes; {book.provider} takes at most {book.max_upload_bytes}")
    for what, across, down, most in (
        ("the image", facts.width, facts.height, model.max_input_mp),
        ("the result", width, height, model.max_output_mp),
    ):
        size = f"{what} has {across} by {down} pixels"
        if max(across, down) > model.max_side_pixels:
            raise ImageTooLarge(f"{size}; {model.name} takes at most {model.max_side_pixels} a side")
        megapixels = Decimal(across * down) / pricing.PIXELS_PER_MEGAPIXEL
        if megapixels > most:
            raise ImageTooLarge(f"{size}, {megapixels.normalize():f} MP; the limit of {model.name} is {most} MP")
    if model.max_scale and (width > facts.width * model.max_scale or height > facts.height * model.max_scale):
        raise ImageTooLarge(
            f"the result has {width} by {height} pixels, the image {facts.width} by {facts.height}; {model.name} enlarges "
            f"at most {model.max_scale} times"
        )
    return width, height
