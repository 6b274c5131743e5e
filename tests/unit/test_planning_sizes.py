"""Tests which sizes a result may have, their limits, and the prices."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.fakes.calendar import TODAY
from tests.rows import each_row
from tests.unit.planning_support import MODELS, NO_LIMITS, PHOTO, TINY, TOPAZ, name_of, planned

from darkroom import catalog
from darkroom.catalog import Model
from darkroom.errors import ImageTooLarge, InvalidSetting, PriceAboveLimit, UnknownModel
from darkroom.model import ImageFacts, ImageFormat, Limits
from darkroom.output_keys import output_key
from darkroom.planning import plan
from darkroom.setting_layers import METADATA, Layer, resolve, tag_layer

# --- output size ------------------------------------------------------------------------------------------------


@each_row(
    ("size", "scale", "sent", "result"),
    [
        ((1200, 800), "2", {"output_width": "2400"}, (2400, 1600)),
        ((800, 1200), "2", {"output_height": "2400"}, (1600, 2400)),
        ((500, 500), "4", {"output_width": "2000"}, (2000, 2000)),
        ((1200, 800), "1", {"output_width": "1200"}, (1200, 800)),
        ((101, 50), "1.5", {"output_width": "152"}, (152, 75)),  # 151.5 rounds up, 75.25 rounds down
        ((1000, 1), "1.2", {"output_width": "1200"}, (1200, 1)),
        ((100, 10), "16", {"output_width": "1600"}, (1600, 160)),
    ],
)
def test_scale_sends_the_larger_displayed_side_only(
    size: tuple[int, int], scale: str, sent: dict[str, str], result: tuple[int, int]
) -> None:
    outcome = planned({"scale": scale}, facts=ImageFacts(ImageFormat.JPEG, *size))
    assert outcome.parameters == {"model": "Standard V2", "output_format": "jpeg", **sent}
    assert (outcome.output_width, outcome.output_height) == result
    assert outcome.settings["scale"] == scale


@each_row(
    ("size", "sent"),
    [
        ((1200, 800), {"output_width": "1200"}), ((800, 1200), {"output_height": "1200"}),
        ((500, 500), {"output_width": "500"}), ((32_000, 10), {"output_width": "32000"}), ((1, 1), {"output_width": "1"}),
    ],
)  # fmt: skip
def test_with_no_size_set_the_vendor_is_told_the_pictures_own(size: tuple[int, int], sent: dict[str, str]) -> None:
    """No page says which size the vendor would choose by itself, and the price is for this size."""
    for tags in ({}, {"crop_to_fill": "true"}):
        outcome = planned(tags, facts=ImageFacts(ImageFormat.JPEG, *size))
        assert outcome.parameters == {"model": "Standard V2", "output_format": "jpeg", **tags, **sent}
        assert (outcome.output_width, outcome.output_height) == size
        assert outcome.settings == {"provider": "topaz", "model": "Standard V2", **tags}


@each_row("model", TOPAZ.models.values(), ids=name_of)
def test_every_model_that_takes_a_size_is_told_one_and_no_other_is(model: Model) -> None:
    sent = {"output_width", "output_height"} & set(planned({"model": model.name}, facts=PHOTO).parameters)
    assert sent == ({"output_width"} if model.takes_size else set())


@each_row("scale", ["0.99", "16.01", "0", "-2", "2x"])
def test_scale_outside_1_to_16_is_refused(scale: str) -> None:
    with pytest.raises(InvalidSetting, match="from 1 to 16"):
        planned({"scale": scale})


@each_row(
    ("tags", "size"),
    [
        ({"output_width": "600"}, (600, 400)),
        ({"output_height": "400"}, (600, 400)),
        ({"output_width": "601"}, (601, 401)),  # 400.67 rounds up
        ({"output_height": "1"}, (2, 1)),  # 1.5 rounds up
        ({"output_width": "1"}, (1, 1)),  # 0.67 rounds up
        ({"output_width": "100", "output_height": "900"}, (100, 900)),
        ({"output_width": "100", "output_height": "900", "crop_to_fill": "true"}, (100, 900)),
    ],
)
def test_one_side_brings_the_other_in_proportion_and_both_are_exact(
    tags: dict[str, str], size: tuple[int, int]
) -> None:
    outcome = planned(tags)
    assert (outcome.output_width, outcome.output_height) == size
    assert {key: value for key, value in outcome.parameters.items() if key in tags} == tags


def test_a_derived_side_is_at_least_one_pixel() -> None:
    outcome = planned({"output_width": "10"}, facts=ImageFacts(ImageFormat.PNG, 10_000, 3))
    assert (outcome.output_width, outcome.output_height) == (10, 1)


@each_row("side", ["output_width", "output_height"])
def test_scale_and_a_side_on_the_same_object_are_refused(side: str) -> None:
    with pytest.raises(InvalidSetting, match="exclude each other"):
        planned({"scale": "2", side: "100"})


def test_scale_and_a_side_in_two_layers_of_the_object_are_refused() -> None:
    layers = [tag_layer({"scale": "2"}), Layer(METADATA, {"output_width": "100"}, carried_by_object=True)]
    with pytest.raises(InvalidSetting, match="exclude each other"):
        plan(resolve(layers, default_provider="topaz", allowed_providers=["topaz"]), PHOTO, 1, NO_LIMITS, TODAY)


def test_scale_and_a_side_both_in_the_stack_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="exclude each other"):
        planned({}, "scale=2,output_width=100")


def test_the_objects_scale_beats_the_stacks_sides() -> None:
    outcome = planned({"scale": "2"}, "output_width=100,output_height=100")
    assert (outcome.output_width, outcome.output_height) == (2400, 1600)
    assert len(outcome.notes) == 2
    assert {"output_width", "output_height"}.isdisjoint(outcome.settings)


def test_the_objects_side_beats_the_stacks_scale() -> None:
    outcome = planned({"output_height": "400"}, "scale=2")
    assert outcome.parameters == {"model": "Standard V2", "output_format": "jpeg", "output_height": "400"}
    assert "gives way" in outcome.notes[0]


# --- limits of size ---------------------------------------------------------------------------------------------


def a_picture_of(megapixels: Decimal, extra_pixels: int = 0) -> ImageFacts:
    """Return a picture of that many megapixels, 20,000 pixels wide. Extra pixels add one row."""
    rows, rest = divmod(int(megapixels * 1_000_000), 20_000)
    assert rest == 0
    return ImageFacts(ImageFormat.JPEG, 20_000, rows + (1 if extra_pixels else 0))


@MODELS
def test_every_model_takes_an_image_of_exactly_its_limit_at_its_price(model: Model) -> None:
    most = min(model.max_input_mp, model.max_output_mp)
    outcome = planned({"model": model.name}, facts=a_picture_of(most))
    expected = {
        (24, 512): 22, (4, 256): 64, (4, 128): 32, (4, 24): 6, (4, 16): 4, (20, 256): 13, (24, 256): 11, (8, 256): 32,
        (2, 256): 128,
    }[int(model.mp_per_credit), int(most)]  # fmt: skip
    assert outcome.credits == expected
    assert outcome.cost_usd == expected * Decimal("0.12")


@MODELS
def test_no_model_takes_an_image_above_its_limit(model: Model) -> None:
    with pytest.raises(ImageTooLarge) as caught:
        planned({"model": model.name}, facts=a_picture_of(model.max_input_mp, extra_pixels=1))
    assert f"{model.max_input_mp} MP" in str(caught.value)
    assert f"{int(model.max_input_mp)}.02 MP" in str(caught.value)


@each_row("model", [model for model in TOPAZ.models.values() if model.takes_size], ids=name_of)
def test_no_model_gives_an_image_above_its_output_limit(model: Model) -> None:
    facts = ImageFacts(ImageFormat.PNG, 8000 if model.max_scale else 4000, 4000)
    at_limit = int(model.max_output_mp * 1_000_000) // 32_000
    tags = {"model": model.name, "output_width": "32000", "output_height": str(at_limit)}
    assert planned(tags, facts=facts).output_height == at_limit
    # A result with two sides of 32,000, the longest that a side may be, has 1,024 MP.
    error, words = (InvalidSetting, "output_height") if at_limit == 32_000 else (ImageTooLarge, "the result")
    with pytest.raises(error, match=words):
        planned({**tags, "output_height": str(at_limit + 1)}, facts=facts)


@each_row(
    "tags",
    [
        {"scale": "4.1"},
        {"output_width": "401"},
        {"output_height": "401"},
        {"output_width": "8", "output_height": "500"},
    ],
)
def test_a_model_that_enlarges_at_most_four_times_is_asked_for_no_more(tags: dict[str, str]) -> None:
    facts = ImageFacts(ImageFormat.PNG, 100, 100, has_alpha=True)
    named = {"model": "Transparency Upscale"}
    assert planned({**named, "scale": "4"}, facts=facts).output_width == 400
    with pytest.raises(ImageTooLarge, match="enlarges at most 4 times"):
        planned({**named, **tags}, facts=facts)


@each_row("name", ["Object", "Transparency Upscale"])
def test_a_model_that_gives_png_only_does_so_whatever_comes_in(name: str) -> None:
    result = planned({"model": name}, facts=ImageFacts(ImageFormat.JPEG, 100, 100))
    assert (result.output_format, result.parameters["output_format"]) == (ImageFormat.PNG, "png")
    with pytest.raises(InvalidSetting, match="gives png only"):
        planned({"model": name, "output_format": "jpeg"}, facts=ImageFacts(ImageFormat.PNG, 100, 100))


@each_row("name", ["Denoise Strong", "denoise-strong", "Strong"])
def test_a_name_that_two_endpoints_share_is_sent_as_the_vendor_spells_it(name: str) -> None:
    result = planned({"model": name}, facts=TINY)
    assert result.parameters["model"] == "Strong"
    assert result.endpoint == ("sharpen/async" if name == "Strong" else "denoise/async")


@each_row(("tags", "width"), [({"scale": "16"}, 2001), ({"output_height": "100"}, 641)])
def test_a_derived_side_over_32000_pixels_is_too_large(tags: dict[str, str], width: int) -> None:
    with pytest.raises(ImageTooLarge, match="32000 a side"):
        planned(tags, facts=ImageFacts(ImageFormat.PNG, width, 2))


def test_an_image_with_a_side_over_the_limit_is_too_large_as_it_is() -> None:
    assert planned(facts=ImageFacts(ImageFormat.PNG, 32_000, 10)).output_width == 32_000
    with pytest.raises(ImageTooLarge, match="the image has 32001 by 10"):
        planned(facts=ImageFacts(ImageFormat.PNG, 32_001, 10))


def test_a_file_over_the_request_limit_is_too_large() -> None:
    assert planned(size_bytes=TOPAZ.max_upload_bytes).credits == 1
    with pytest.raises(ImageTooLarge, match=f"{TOPAZ.max_upload_bytes + 1} bytes"):
        planned(size_bytes=TOPAZ.max_upload_bytes + 1)


@each_row(
    ("tags", "error"),
    [({"denoise": "9"}, InvalidSetting), ({"output_format": "gif"}, InvalidSetting), ({"model": "x"}, UnknownModel)],
)
def test_settings_are_checked_before_sizes_and_price(tags: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        planned({**tags, "max_credits": "0"}, facts=ImageFacts(ImageFormat.JPEG, 40_000, 40_000), size_bytes=10**12)


# --- price ------------------------------------------------------------------------------------------------------


def per_job(credits: str, provider: str = "topaz") -> Limits:
    return Limits({}, Decimal(0), {provider: Decimal(credits)}, {})


FIVE_CREDITS = ImageFacts(ImageFormat.JPEG, 10_000, 10_000)


@each_row(
    ("tags", "limits"),
    [
        ({"max_credits": "5"}, NO_LIMITS), ({}, per_job("5")), ({}, per_job("0")), ({}, per_job("1", "oxen")),
        ({"max_credits": "5"}, per_job("6")), ({"max_credits": "9"}, per_job("5")),
    ],
)  # fmt: skip
def test_a_job_that_costs_exactly_its_limit_is_planned(tags: dict[str, str], limits: Limits) -> None:
    assert planned(tags, facts=FIVE_CREDITS, limits=limits).credits == 5


@each_row(
    ("tags", "limits", "name", "bound"),
    [
        ({"max_credits": "4"}, NO_LIMITS, "max_credits", "4"),
        ({"max_credits": "4.9"}, per_job("9"), "max_credits", "4.9"),
        ({}, per_job("4"), "MaxCreditsPerJob", "4"), ({"max_credits": "100"}, per_job("4"), "MaxCreditsPerJob", "4"),
        ({"max_credits": "0"}, NO_LIMITS, "max_credits", "0"),
    ],
)  # fmt: skip
def test_a_dearer_job_is_refused_with_both_numbers(tags: dict[str, str], limits: Limits, name: str, bound: str) -> None:
    with pytest.raises(PriceAboveLimit) as caught:
        planned(tags, facts=FIVE_CREDITS, limits=limits)
    assert "costs 5 credits" in str(caught.value)
    assert f"{name} allows {bound}" in str(caught.value)


def test_the_price_follows_the_output_not_the_input() -> None:
    assert planned({"scale": "8"}).credits == 3  # 61.44 megapixels, and one credit pays for 24
    assert planned({"scale": "8", "model": "Redefine"}).credits == 16


@each_row(("prices", "price"), [({"topaz": "0.08"}, "0.08"), ({"oxen": "1"}, "0.12"), ({"topaz": "0"}, "0")])
def test_the_stacks_credit_price_overrides_the_catalogs(prices: dict[str, str], price: str) -> None:
    limits = Limits({}, Decimal(0), {}, {name: Decimal(value) for name, value in prices.items()})
    assert planned(limits=limits).credit_price_usd == Decimal(price)


@each_row("form", [ImageFormat.WEBP, ImageFormat.GIF])
def test_oxen_takes_webp_and_gif_and_gives_a_png(form: ImageFormat) -> None:
    settings = resolve([tag_layer({"provider": "oxen"})], default_provider="oxen", allowed_providers=["oxen"])
    made = plan(settings, ImageFacts(form, 300, 200, has_alpha=True), 1000, NO_LIMITS, TODAY, {})
    assert (made.source_format, made.output_format) == (form, ImageFormat.PNG)
    assert output_key(f"a.{form}", made.source_format, made.output_format) == "a.png"


LYING = ImageFacts(ImageFormat.JPEG, 3000, 4000, orientation=6)  # stored as 4000 by 3000 pixels


@pytest.mark.parametrize(
    ("turns", "tags", "sent"),
    [
        (True, {"scale": "2"}, {"output_height": "8000"}),
        (False, {"scale": "2"}, {"output_width": "8000"}),
        (True, {"output_width": "1500"}, {"output_width": "1500"}),
        (False, {"output_width": "1500"}, {"output_height": "1500"}),
    ],
)
def test_the_sides_are_sent_as_the_vendor_sees_them(
    monkeypatch: pytest.MonkeyPatch, turns: bool, tags: dict[str, str], sent: dict[str, str]
) -> None:
    book = replace(catalog.load("topaz"), turns_pixels=turns)
    monkeypatch.setattr(catalog, "load", lambda provider: book)
    outcome = planned(tags, facts=LYING)
    sides = {
        name: value for name, value in outcome.parameters.items() if name.startswith("output_") and "format" not in name
    }
    assert sides == sent
    assert (outcome.output_width, outcome.output_height) == ((6000, 8000) if "scale" in tags else (1500, 2000))
    assert any("assumed: topaz" in note for note in outcome.notes)
