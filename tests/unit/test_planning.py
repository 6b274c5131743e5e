"""Tests which plans are allowed: models, parameters, formats, and the values that are sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.rows import each_row
from tests.unit.planning_support import IN_BOUNDS, LOGO, MODELS, NARROW, OUT_OF_BOUNDS, TINY, TOPAZ, name_of, planned

from darkroom.catalog import Model, Parameter
from darkroom.errors import InvalidSetting, UnknownModel
from darkroom.model import RESULT_FORMATS, ImageFacts, ImageFormat

# --- defaults and the wire --------------------------------------------------------------------------------------


def test_with_no_settings_the_default_model_keeps_size_and_format() -> None:
    result = planned()
    assert (result.provider, result.model, result.endpoint) == ("topaz", "Standard V2", "enhance/async")
    assert result.parameters == {"model": "Standard V2", "output_format": "jpeg", "output_width": "1200"}
    assert (result.output_width, result.output_height, result.output_format) == (1200, 800, ImageFormat.JPEG)
    assert result.credits == 1
    assert result.credit_price_usd == Decimal("0.12")
    assert result.settings == {"provider": "topaz", "model": "Standard V2"}
    assert result.layers == {"provider": "stack", "model": "default"}
    assert result.notes == ()


def test_values_reach_the_wire_in_the_vendors_spelling_and_the_plan_in_ours() -> None:
    tags = {
        "Model": "redefine", "Face-Enhancement": "YES", "subject_detection": "foreground", "creativity": "03",
        "output_format": "TIF", "prompt": "a cat", "label": "l", "max_credits": "9",
    }  # fmt: skip
    result = planned(tags, "texture=2")
    assert result.parameters == {
        "model": "Redefine",
        "face_enhancement": "true",
        "face_enhancement_strength": "0.8",
        "face_enhancement_creativity": "0",
        "subject_detection": "foreground",
        "creativity": "3",
        "texture": "2",
        "output_format": "tiff",
        "prompt": "a cat",
        "output_width": "1200",
    }
    # Nobody set output_width, so it is no setting.
    told = {name: value for name, value in result.parameters.items() if name != "output_width"}
    assert result.settings == {
        **told,
        "subject_detection": "Foreground",
        "provider": "topaz",
        "label": "l",
        "max_credits": "9",
    }
    assert result.layers["texture"] == "stack"
    assert set(result.layers) == set(result.settings)
    assert result.label == "l"


@MODELS
def test_every_model_can_be_planned_by_its_name(model: Model) -> None:
    result = planned({"model": model.name.lower().replace(" ", "-")})
    assert (result.model, result.endpoint, result.parameters["model"]) == (model.name, model.endpoint, model.wire)


# --- the model --------------------------------------------------------------------------------------------------


@each_row(
    ("asked", "nearest"),
    [("Standart V2", "Standard V2"), ("redefin", "Redefine"), ("standard-v3", "Standard V2"), ("CGl", "CGI")],
)
def test_an_unknown_model_is_refused_with_the_nearest_and_all_names_by_endpoint(asked: str, nearest: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        planned({"model": asked})
    message = str(caught.value)
    assert asked in message
    assert nearest in message.split("did you mean")[1].split("?")[0]
    assert all(name in message for name in TOPAZ.models)
    assert all(f"{endpoint}: " in message for endpoint in ("enhance", "enhance-gen", "sharpen"))


def test_an_unknown_model_in_the_stack_is_named_as_the_stacks() -> None:
    with pytest.raises(UnknownModel, match="stack"):
        planned({}, "model=nonsense")


# --- parameters -------------------------------------------------------------------------------------------------


@each_row(("model", "parameter", "bound"), IN_BOUNDS, ids=name_of)
def test_every_parameter_takes_both_its_bounds(model: Model, parameter: Parameter, bound: Decimal) -> None:
    square = ImageFacts(ImageFormat.PNG, 8, 8)
    facts = NARROW.get(parameter.name, square) if bound == 32_000 else square
    result = planned({"model": model.name, parameter.name: str(bound)}, facts=facts)
    assert result.parameters[parameter.wire] == str(bound)


@each_row(("model", "parameter", "value"), OUT_OF_BOUNDS, ids=name_of)
def test_no_parameter_takes_a_value_beyond_its_bounds(model: Model, parameter: Parameter, value: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        planned({"model": model.name, parameter.name: value}, facts=TINY)
    message = str(caught.value)
    assert all(word in message for word in (parameter.name, value, "tags", model.name))
    assert f"from {parameter.minimum} to {parameter.maximum}" in message


@each_row("value", ["NaN", "inf", "-inf", "1e999", "0x1", "1_0", "", "half"])
@each_row("key", ["denoise", "output_width", "scale", "face_enhancement_strength"])
def test_what_is_no_plain_number_is_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=key):
        planned({key: value})


def test_an_integer_written_as_a_decimal_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="an integer from 1 to 9"):
        planned({"model": "Redefine", "creativity": "3.0"})


def test_a_side_of_exactly_32000_pixels_is_taken() -> None:
    result = planned({"output_width": "32000"}, facts=ImageFacts(ImageFormat.PNG, 3200, 100))
    assert (result.output_width, result.output_height) == (32000, 1000)


@each_row(
    ("model", "key", "takers"),
    [
        (
            "CGI",
            "fix_compression",
            "Standard V2, Low Resolution V2, High Fidelity V2, Upscale High Fidelity V3, Text Refine",
        ),
        ("Standard V2", "creativity", "Redefine"),
        ("Wonder", "denoise", "Standard V2"),
        ("Lens Blur", "output_width", "Standard V2"),
        ("Standard", "scale", "Standard V2"),
        ("Standard V2", "minor_denoise", "Lens Blur V2"),
    ],
)
def test_a_parameter_the_model_does_not_take_is_refused_on_the_object(model: str, key: str, takers: str) -> None:
    with pytest.raises(InvalidSetting, match="does not take") as caught:
        planned({"model": model, key: "1"})
    assert takers in str(caught.value)


def test_a_parameter_the_model_does_not_take_is_dropped_and_noted_from_the_stack() -> None:
    result = planned({"model": "Lens Blur"}, "scale=2,creativity=99,denoise_strength=0.1")
    assert result.parameters == {"model": "Lens Blur", "output_format": "jpeg", "denoise_strength": "0.1"}
    assert {"scale", "creativity"}.isdisjoint(result.settings)
    assert len(result.notes) == 2
    assert all("Lens Blur does not take" in note and "stack" in note for note in result.notes)


def test_a_bad_value_from_the_stack_is_refused_when_the_model_takes_it() -> None:
    with pytest.raises(InvalidSetting, match="stack"):
        planned({}, "denoise=7")


# --- output format ----------------------------------------------------------------------------------------------


@each_row("image_format", RESULT_FORMATS)
def test_the_output_format_is_the_inputs_unless_asked(image_format: ImageFormat) -> None:
    result = planned(facts=ImageFacts(image_format, 10, 10))
    assert (result.source_format, result.output_format) == (image_format, image_format)
    assert result.parameters["output_format"] == image_format.value


@each_row(
    ("word", "meant"),
    [("jpg", "jpeg"), ("JPEG", "jpeg"), ("png", "png"), ("tif", "tiff"), ("Tiff", "tiff")],
)
def test_the_formats_have_their_synonyms(word: str, meant: str) -> None:
    result = planned({"output_format": word})
    assert result.parameters["output_format"] == result.settings["output_format"] == result.output_format == meant


@each_row("word", ["webp", "gif", "jp", "heic"])
def test_another_format_is_an_invalid_setting(word: str) -> None:
    with pytest.raises(InvalidSetting, match="output_format"):
        planned({"output_format": word})


def test_transparency_is_not_lost_to_a_stack_default() -> None:
    with pytest.raises(InvalidSetting, match="transparency"):
        planned({}, "output_format=jpg", facts=LOGO)


def test_transparency_is_given_up_when_the_object_asks_for_jpeg() -> None:
    result = planned({"output_format": "jpg"}, "output_format=png", facts=LOGO)
    assert result.output_format is ImageFormat.JPEG
    assert "transparency" in result.notes[0]


@each_row("word", ["png", "tiff"])
def test_transparency_stays_in_formats_that_have_it(word: str) -> None:
    assert planned({}, f"output_format={word}", facts=LOGO).notes == ()
