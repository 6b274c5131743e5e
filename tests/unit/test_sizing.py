"""Tests the size of a result: by a factor, by one side, by both sides, and what is too large. The code under test is
pure arithmetic.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.fakes.small_catalogs import book
from tests.rows import each_row

from darkroom import sizing
from darkroom.catalog import Catalog
from darkroom.errors import ImageTooLarge, UnsupportedFormat
from darkroom.model import ImageFacts, ImageFormat

FACTORS = 'kind = "choice"\nchoices = ["2x", "4x"]\ndefault = "2x"'
SIDE = 'kind = "integer"\nminimum = 1\nmaximum = 8000'
BY_FACTOR = book('factor_parameter = "upscale_factor"\ncredits = 1', upscale_factor=FACTORS)
BY_SIDES = book("credits = 1", output_width=SIDE, output_height=SIDE)
FIXED = book("factor = 4\ncredits = 1")
AS_IT_IS = book("credits = 1")
PHOTO = ImageFacts(ImageFormat.JPEG, 300, 200)


@each_row(("scale", "word"), [("2", "2x"), ("2.0", "2x"), ("4", "4x"), ("3", None), ("1", None)])
def test_a_scale_is_the_choice_that_enlarges_so_much(scale: str, word: str | None) -> None:
    assert sizing.factor_choice(BY_FACTOR.models["One"], Decimal(scale)) == word


@each_row(
    ("values", "sent"),
    [
        ({"scale": "4"}, {"upscale_factor": "4x"}),
        ({"upscale_factor": "2x"}, {"upscale_factor": "2x"}),
        ({}, {}),
    ],
)
def test_a_vendor_with_factors_is_told_a_factor(values: dict[str, str], sent: dict[str, str]) -> None:
    assert sizing.size_parameters(BY_FACTOR.models["One"], values, PHOTO) == sent


@each_row(
    ("facts", "sent"),
    [
        (PHOTO, {"output_width": "450"}),
        (ImageFacts(ImageFormat.JPEG, 200, 300), {"output_height": "450"}),
        (ImageFacts(ImageFormat.JPEG, 333, 1), {"output_width": "500"}),
    ],
)
def test_a_vendor_with_sides_is_told_the_larger_one(facts: ImageFacts, sent: dict[str, str]) -> None:
    assert sizing.size_parameters(BY_SIDES.models["One"], {"scale": "1.5"}, facts) == sent


@each_row(
    ("values", "sent"),
    [
        ({}, {"output_width": "300"}),
        ({"denoise": "1"}, {"output_width": "300"}),
        ({"output_height": "7"}, {"output_height": "7"}),
        ({"output_width": "9", "output_height": "7"}, {"output_width": "9", "output_height": "7"}),
    ],
)
def test_a_vendor_with_sides_is_always_told_one(values: dict[str, str], sent: dict[str, str]) -> None:
    assert sizing.size_parameters(BY_SIDES.models["One"], values, PHOTO) == sent


@each_row("known", [AS_IT_IS, FIXED], ids=["as it is", "fixed"])
def test_a_vendor_that_takes_no_size_is_told_none(known: Catalog) -> None:
    assert sizing.size_parameters(known.models["One"], {}, PHOTO) == {}


@each_row(
    ("sides", "size"),
    [({}, (600, 400)), ({"upscale_factor": "2x"}, (600, 400)), ({"upscale_factor": "4x"}, (1200, 800))],
)
def test_a_factor_enlarges_both_sides_and_the_vendors_own_counts_when_none_is_sent(
    sides: dict[str, str], size: tuple[int, int]
) -> None:
    assert sizing.output_size(BY_FACTOR.models["One"], sides, PHOTO) == size


def test_a_model_may_enlarge_always_so_much() -> None:
    assert sizing.output_size(FIXED.models["One"], {}, PHOTO) == (1200, 800)


def test_a_model_that_enlarges_nothing_keeps_the_size() -> None:
    assert sizing.output_size(AS_IT_IS.models["One"], {}, PHOTO) == (300, 200)


@each_row(
    ("sides", "size"),
    [
        ({"output_width": "600"}, (600, 400)),
        ({"output_height": "100"}, (150, 100)),
        ({"output_width": "500"}, (500, 333)),
        ({"output_width": "1"}, (1, 1)),
        ({"output_width": "7", "output_height": "9"}, (7, 9)),
    ],
)
def test_one_side_takes_the_other_along(sides: dict[str, str], size: tuple[int, int]) -> None:
    assert sizing.output_size(BY_SIDES.models["One"], sides, PHOTO) == size


# --- what is allowed


@each_row(("width", "height"), [(2500, 2000), (1250, 4000)])
def test_exactly_the_limit_is_allowed(width: int, height: int) -> None:
    twice = book("factor = 2\ncredits = 1", own="max_input_mp = 5")
    facts = ImageFacts(ImageFormat.JPEG, width, height)
    assert sizing.check_size(twice, twice.models["One"], {}, facts, 10_000_000) == (2 * width, 2 * height)


@each_row(
    ("width", "height", "says"),
    [
        (2501, 2000, "the image has 2501 by 2000"),
        (4001, 10, "the result has 8002 by 20"),
        (8001, 1, "the image has 8001"),
    ],
)
def test_a_pixel_more_is_too_large(width: int, height: int, says: str) -> None:
    twice = book("factor = 2\ncredits = 1", own="max_input_mp = 5")
    with pytest.raises(ImageTooLarge, match=says):
        sizing.check_size(twice, twice.models["One"], {}, ImageFacts(ImageFormat.JPEG, width, height), 1)


def test_a_result_is_measured_by_the_models_own_factor() -> None:
    facts = ImageFacts(ImageFormat.JPEG, 1600, 1000)
    assert sizing.check_size(AS_IT_IS, AS_IT_IS.models["One"], {}, facts, 1) == (1600, 1000)
    with pytest.raises(ImageTooLarge, match=r"the result has 6400 by 4000 pixels, 25\.6 MP"):
        sizing.check_size(FIXED, FIXED.models["One"], {}, facts, 1)


def test_a_file_of_a_byte_too_many_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="10000001 bytes; topaz takes at most 10000000"):
        sizing.check_size(AS_IT_IS, AS_IT_IS.models["One"], {}, PHOTO, 10_000_001)


@each_row(("form", "taken"), [("jpeg", True), ("png", True), ("tiff", False)])
def test_only_formats_that_the_model_reads_are_sent(form: str, taken: bool) -> None:
    some = book('input_formats = ["jpeg", "png"]\ncredits = 1')
    facts = ImageFacts(ImageFormat(form), 300, 200)
    if taken:
        assert sizing.check_size(some, some.models["One"], {}, facts, 1) == (300, 200)
        return
    with pytest.raises(UnsupportedFormat, match="the image is tiff; One takes jpeg or png"):
        sizing.check_size(some, some.models["One"], {}, facts, 1)


@each_row("form", ["webp", "gif"])
def test_the_refusal_of_a_format_names_the_provider_that_takes_it_and_a_command(form: str) -> None:
    some = book("credits = 1")
    with pytest.raises(
        UnsupportedFormat, match=f"provider=oxen takes {form}; or convert it.*`magick in.{form} out.png`"
    ):
        sizing.check_size(some, some.models["One"], {}, ImageFacts(ImageFormat(form), 300, 200), 1)
