"""Helpers that make plans from tags and defaults, and lists of the catalog's parameters with their limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from tests.fakes.calendar import TODAY
from tests.rows import each_row

from darkroom import catalog
from darkroom.catalog import Kind, Model, Parameter
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan, Spelling
from darkroom.planning import plan
from darkroom.setting_layers import parse_defaults, resolve, tag_layer

TOPAZ = catalog.load("topaz")
# Plans give each parameter one name only. test_planning_spelling.py tests the other ways to write names.
SNAKE = {"topaz": Spelling.SNAKE}
NO_LIMITS = Limits({}, Decimal(0), {}, {})
PHOTO = ImageFacts(ImageFormat.JPEG, 1200, 800)
LOGO = ImageFacts(ImageFormat.PNG, 1200, 800, has_alpha=True)
MODELS = each_row("model", TOPAZ.models.values(), ids=lambda model: model.name)


def planned(
    tags: Mapping[str, str] | None = None,
    defaults: str = "",
    facts: ImageFacts = PHOTO,
    size_bytes: int = 1000,
    limits: Limits = NO_LIMITS,
    today: date = TODAY,
    spellings: Mapping[str, Spelling] = SNAKE,
) -> Plan:
    layers = [tag_layer(tags or {}), parse_defaults(defaults)]
    settings = resolve(layers, default_provider="topaz", allowed_providers=["topaz"])
    return plan(settings, facts, size_bytes, limits, today, spellings)


def each_parameter() -> Iterator[tuple[Model, Parameter]]:
    for model in TOPAZ.models.values():
        for parameter in model.parameters.values():
            yield model, parameter


def name_of(value: object) -> str:
    return str(getattr(value, "name", value))


NUMBERS = [pair for pair in each_parameter() if pair[1].kind in (Kind.INTEGER, Kind.DECIMAL)]
IN_BOUNDS = [(m, p, bound) for m, p in NUMBERS for bound in (p.minimum, p.maximum)]


def out_of_bounds(parameter: Parameter) -> tuple[str, str]:
    assert parameter.minimum is not None
    assert parameter.maximum is not None
    step = Decimal(1) if parameter.kind is Kind.INTEGER else Decimal("0.001")
    return str(parameter.minimum - step), str(parameter.maximum + step)


OUT_OF_BOUNDS = [(m, p, value) for m, p in NUMBERS for value in out_of_bounds(p)]
TINY = ImageFacts(ImageFormat.PNG, 1, 1)
# A side of 32,000 pixels is only allowed for a narrow picture, because the other side grows in proportion.
NARROW = {"output_width": ImageFacts(ImageFormat.PNG, 8000, 1), "output_height": ImageFacts(ImageFormat.PNG, 1, 8000)}
