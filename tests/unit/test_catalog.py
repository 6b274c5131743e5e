"""Tests that the catalog is valid, that its lookups work, and that the page of models names every model and parameter."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
from tests.rows import each_row

from darkroom import catalog
from darkroom.catalog import Kind, Model, Parameter
from darkroom.catalog.parameter_values import describe_allowed, to_wire_value
from darkroom.model import RESULT_FORMATS, ImageFormat

TOPAZ = catalog.load("topaz")
PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
MODELS = each_row("model", TOPAZ.models.values(), ids=lambda model: model.name)

MINIMAL = """
provider = "other"
unit = "credits"
default_model = "One"
[sources]
page = "a page"
[price]
credit_price_usd = 0.15
[limits]
max_request_bytes = 1000
multipart_allowance_bytes = 100
result_retention_hours = 4
visibility_grace_seconds = 1
list_reach_hours = 168
[endpoints.up]
path = "up"
default_model = "One"
mp_per_credit = 0.5
max_input_mp = 10
max_output_mp = 20
max_side_pixels = 100
output_formats = ["png"]
parameters = ["creativity"]
source = "page"
[[models]]
name = "One"
endpoint = "up"
source = "page"
[[models]]
name = "Two"
wire_name = "two.2"
endpoint = "up"
max_input_mp = 5
overrides = { creativity = { maximum = 9 } }
source = "page"
[parameters.creativity]
kind = "integer"
wire = "creativityLevel"
minimum = 1
maximum = 6
source = "page"
"""


def parameters() -> list[tuple[str, Parameter]]:
    return [(model.name, parameter) for model in TOPAZ.models.values() for parameter in model.parameters.values()]


def test_the_providers_are_those_with_a_file() -> None:
    assert "topaz" in catalog.providers()
    assert all(catalog.load(provider).provider == provider for provider in catalog.providers())


@each_row("name", ["nobody", "", "../catalog/topaz", "TOPAZ"])
def test_a_provider_without_a_file_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        catalog.load(name)


def test_the_facts_of_the_topaz_account() -> None:
    assert (TOPAZ.unit, TOPAZ.credit_price_usd, TOPAZ.default_model) == ("credits", Decimal("0.12"), "Standard V2")
    assert (TOPAZ.result_retention_hours, TOPAZ.visibility_grace_seconds) == (168, 60)
    assert TOPAZ.max_upload_bytes == 500_000_000 - 16_384


def test_each_endpoint_has_exactly_one_default_model() -> None:
    defaults = [(model.endpoint, model.name) for model in TOPAZ.models.values() if model.is_default]
    assert defaults == [
        ("enhance/async", "Standard V2"),
        ("enhance-gen/async", "Redefine"),
        ("sharpen/async", "Standard"),
        ("sharpen-gen/async", "Super Focus"),
        ("denoise/async", "Denoise Normal"),
        ("denoise-gen/async", "Denoise Max"),
        ("restore-gen/async", "Dust-Scratch"),
        ("lighting/async", "Adjust"),
        ("matting/async", "Object"),
        ("tool/async", "Transparency Upscale"),
    ]


# The models whose facts differ from those of their endpoint: credit rate, largest input, largest result, largest factor.
OWN_FACTS = {
    "Recovery": (4, 16, 256, None),
    "Recover 3": (4, 24, 384, None),
    "Standard MAX": (4, 24, 384, None),
    "Wonder": (4, 128, 128, None),
    "Wonder 3": (4, 256, 256, 6),
    "Wonder 3.5": (8, 256, 256, 6),
    "Wonder 4": (8, 256, 256, 6),
    "Bloom 2": (2, 256, 256, None),
    "Bloom Realism": (2, 256, 256, None),
    "Transparency Upscale": (24, 512, 512, 4),
}
WIRE_NAMES = {"Super Focus 3": "Super Focus V3"} | {f"Denoise {name}": name for name in ("Normal", "Strong", "Extreme")}


@MODELS
def test_every_model_has_the_limits_of_its_endpoint_or_its_own(model: Model) -> None:
    usual = {
        "enhance/async": (24, 512, 1024),
        "enhance-gen/async": (4, 256, 256),
        "sharpen/async": (24, 512, 512),
        "sharpen-gen/async": (20, 256, 256),
        "denoise/async": (24, 512, 512),
        "denoise-gen/async": (20, 256, 256),
        "restore-gen/async": (24, 256, 256),
        "lighting/async": (24, 512, 512),
        "matting/async": (24, 512, 512),
        "tool/async": (24, 512, 512),
    }[model.endpoint]
    facts = (model.mp_per_credit, model.max_input_mp, model.max_output_mp, model.max_scale)
    assert facts == OWN_FACTS.get(model.name, (*usual, None))
    assert model.takes_size == (model.endpoint in ("enhance/async", "enhance-gen/async", "tool/async"))
    only_png = model.endpoint in ("matting/async", "tool/async")
    assert model.output_formats == ((ImageFormat.PNG,) if only_png else RESULT_FORMATS)
    assert model.wire == WIRE_NAMES.get(model.name, model.name)
    assert "2026-11" in model.source


@each_row(
    ("name", "own"),
    [
        ("Standard V2", {"denoise", "sharpen", "fix_compression"}),
        ("CGI", {"denoise", "sharpen"}),
        ("Text Refine", {"denoise", "sharpen", "fix_compression", "strength"}),
        ("Redefine", {"prompt", "autoprompt", "creativity", "texture", "denoise", "sharpen"}),
        ("Recovery", set()),
        ("Wonder", set()),
        ("Lens Blur V2", {"strength", "minor_denoise", "denoise_strength"}),
        ("Super Focus V2", {"strength", "focus_boost", "seed"}),
        ("Super Focus 3", set()),
        ("Denoise Strong", {"strength", "minor_deblur", "original_detail"}),
        (
            "Denoise Extreme",
            {"strength", "minor_deblur", "original_detail", "denoise_strength", "sharpen_strength", "opacity"},
        ),
        ("Wonder 3.5", {"enhancement_strength"}),
        ("Bloom 2", {"prompt", "autoprompt", "creativity", "color_preservation"}),
        ("Bloom Realism", {"creativity", "seed"}),
        ("Noise-Aware Sharpen", {"denoise_strength"}),
        ("Dust-Scratch", set()),
        ("Adjust V2", {"exposure", "highlight", "shadow", "color_correction"}),
        ("White Balance", {"temperature", "opacity"}),
        ("Colorize", set()),
        ("Object", set()),
        ("Transparency Upscale", set()),
    ],
)
def test_each_model_adds_its_own_parameters_to_the_common_ones(name: str, own: set[str]) -> None:
    faces = {"face_enhancement", "face_enhancement_creativity", "face_enhancement_strength"}
    common = {"output_format", "subject_detection"} | faces
    model = TOPAZ.models[name]
    sizes = {"output_width", "output_height", "crop_to_fill"} if model.takes_size else set()
    assert set(model.parameters) == common | sizes | own


def test_what_is_not_published_is_marked_assumed() -> None:
    assert TOPAZ.models["Text Refine"].parameters["strength"].source.startswith("assumed")
    assert not TOPAZ.models["Lens Blur V2"].parameters["strength"].source.startswith("assumed")


@each_row(
    "written",
    ["Standard V2", "standard v2", "STANDARD V2", "standard-v2", "standard_v2", " Standard  V2 ", "Standard_-V2"],
)
def test_a_model_is_found_whatever_its_case_and_separators(written: str) -> None:
    found = TOPAZ.find_model(written)
    assert found is not None
    assert found.name == "Standard V2"


@each_row("written", ["", "Standard V3", "standardv2x", "Redefined"])
def test_a_name_that_is_not_a_models_finds_nothing(written: str) -> None:
    assert TOPAZ.find_model(written) is None


@each_row(("model_name", "parameter"), parameters(), ids=lambda value: getattr(value, "name", value))
def test_every_parameter_states_its_source_and_takes_its_own_default(model_name: str, parameter: Parameter) -> None:
    assert "2026-11" in parameter.source
    assert parameter.default is None or to_wire_value(parameter, parameter.default) is not None
    assert (parameter.minimum is not None) == (parameter.kind in (Kind.INTEGER, Kind.DECIMAL))
    assert bool(parameter.choices) == (parameter.kind is Kind.CHOICE)
    assert describe_allowed(parameter)


def test_a_model_may_restate_a_limit_a_range_and_its_wire_name() -> None:
    book = catalog.parse(MINIMAL)
    one, two = book.models.values()
    assert (one.wire, two.wire) == ("One", "two.2")
    assert [model.max_input_mp for model in (one, two)] == [Decimal(10), Decimal(5)]
    assert [model.parameters["creativity"].maximum for model in (one, two)] == [Decimal(6), Decimal(9)]
    assert two.parameters["creativity"].wire == "creativityLevel"
    assert (one.mp_per_credit, book.credit_price_usd) == (Decimal("0.5"), Decimal("0.15"))
    assert book.max_upload_bytes == 900


@each_row(
    ("old", "new", "error"),
    [
        ('name = "Two"', 'name = "ONE"', ValueError),
        ('default_model = "One"\n[sources]', 'default_model = "Three"\n[sources]', ValueError),
        ('endpoint = "up"', 'endpoint = "down"', KeyError),
        ('kind = "integer"', 'kind = "whole"', ValueError),
        ('parameters = ["creativity"]', 'parameters = ["texture"]', KeyError),
        ('source = "page"\n[parameters', 'source = "nowhere"\n[parameters', KeyError),
    ],
)
def test_a_catalog_that_contradicts_itself_is_refused(old: str, new: str, error: type[Exception]) -> None:
    assert old in MINIMAL
    with pytest.raises(error):
        catalog.parse(MINIMAL.replace(old, new))


@each_row("provider", catalog.providers())
def test_every_source_cited_in_a_catalog_is_listed_and_used(provider: str) -> None:
    text = resources.files("darkroom.catalog").joinpath(f"{provider}.toml").read_text(encoding="utf-8")
    cited = set(re.findall(r'source = "(\w+)"', text))
    listed = set(re.findall(r"^(\w+) = ", text.split("\n[sources]")[1].split("\n[")[0], re.MULTILINE))
    assert cited == listed


STRENGTHS = ("official", "several clients", "one client", "assumed", "ours")


@each_row("provider", catalog.providers())
def test_every_source_says_its_date_and_how_strong_it_is(provider: str) -> None:
    text = resources.files("darkroom.catalog").joinpath(f"{provider}.toml").read_text(encoding="utf-8")
    for citation in tomllib.loads(text)["sources"].values():
        assert re.search(r"as of 2026-\d\d\b", citation)
        assert citation.endswith(tuple(f"({strength})" for strength in STRENGTHS))


def of(provider: str) -> str:
    """Return the part of the page that is about one provider."""
    return PAGE.split(f"\n## {provider}\n")[1].split("\n## ")[0]


@each_row("provider", catalog.providers())
def test_the_models_page_names_every_model_and_parameter(provider: str) -> None:
    book = catalog.load(provider)
    assert not [name for name in (*book.models, *book.parameter_names) if f"`{name}`" not in of(provider)]


@each_row("provider", catalog.providers())
def test_the_models_page_states_every_range(provider: str) -> None:
    rows = [row.split("|") for row in of(provider).splitlines() if row.startswith("| `")]
    for model in catalog.load(provider).models.values():
        for parameter in model.parameters.values():
            values = [row[2] for row in rows if f"`{parameter.name}`" in row[1]]
            words = [f"`{choice}`" for choice in parameter.choices]
            if parameter.minimum is not None:
                words.append(f"{parameter.kind} {parameter.minimum}–{parameter.maximum}")
            assert any(all(word in value for word in words) for value in values), (model.name, parameter.name)


def test_the_models_page_states_the_largest_file() -> None:
    assert f"{TOPAZ.max_upload_bytes:,} bytes" in of("topaz")


# --- values -----------------------------------------------------------------------------------------------------


def a(kind: Kind, **facts: object) -> Parameter:
    return Parameter(name="it", wire="it", kind=kind, **facts)  # type: ignore[arg-type]


UNIT = a(Kind.DECIMAL, minimum=Decimal(0), maximum=Decimal(1))
LEVEL = a(Kind.INTEGER, minimum=Decimal(1), maximum=Decimal(6))


@each_row(
    ("text", "wire"),
    [("0", "0"), ("1", "1"), ("0.5", "0.5"), (" 0.50 ", "0.50"), ("-0", "0"), ("-0.0", "0"), ("00.5", "0.5")],
)
def test_a_plain_decimal_is_sent_as_it_is(text: str, wire: str) -> None:
    assert to_wire_value(UNIT, text) == wire


NOT_NUMBERS = [
    "NaN", "nan", "sNaN", "inf", "-inf", "Infinity", "1e999", "1e-1", "0x1", "1_0", "0,5", "0.5f", "50%", ".5", "1.",
    "+1", "--1", "true", "0.5.5", "", "1 0", "1\n2", "\N{VULGAR FRACTION ONE HALF}", "\N{ARABIC-INDIC DIGIT ONE}",
]  # fmt: skip


@each_row("text", [*NOT_NUMBERS, "-0.01", "1.01", "1.0000000000000000000000000000000000001"])
def test_anything_but_a_plain_decimal_in_range_is_refused(text: str) -> None:
    assert to_wire_value(UNIT, text) is None


@each_row("text", [*NOT_NUMBERS, "0", "7", "3.0", "-1", "9" * 250])
def test_anything_but_a_plain_integer_in_range_is_refused(text: str) -> None:
    assert to_wire_value(LEVEL, text) is None


@each_row(("text", "wire"), [("1", "1"), ("6", "6"), ("003", "3")])
def test_a_plain_integer_is_sent_without_leading_zeros(text: str, wire: str) -> None:
    assert to_wire_value(LEVEL, text) == wire


@each_row("text", ["true", "TRUE", "yes", "Yes", "1", "on", " On "])
def test_eight_words_are_booleans_and_four_are_true(text: str) -> None:
    assert to_wire_value(a(Kind.BOOL), text) == "true"


@each_row("text", ["false", "False", "no", "0", "off"])
def test_four_words_are_false(text: str) -> None:
    assert to_wire_value(a(Kind.BOOL), text) == "false"


@each_row("text", ["", "maybe", "2", "t", "y", "None"])
def test_any_other_word_is_no_boolean(text: str) -> None:
    assert to_wire_value(a(Kind.BOOL), text) is None


def test_a_choice_is_sent_in_the_vendors_spelling() -> None:
    choice = a(Kind.CHOICE, choices=("All", "Foreground"))
    assert to_wire_value(choice, "all") == "All"
    assert to_wire_value(choice, "FOREGROUND") == "Foreground"
    assert to_wire_value(choice, "none") is None


def test_a_text_has_at_least_one_and_at_most_its_length_of_characters() -> None:
    text = a(Kind.TEXT, max_length=3)
    assert to_wire_value(text, "äöü") == "äöü"
    assert to_wire_value(text, "abcd") is None
    assert to_wire_value(text, "  ") is None
