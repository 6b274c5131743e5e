"""The catalog against the simulator: both written from the vendor's pages, apart. Every model, and every parameter at its bounds.

Plans are made by the real planning from an upload's tags and sent by the real adapter over sockets.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest
from PIL import Image
from tests.contract.conftest import TopazStage, handle, image_of

from darkroom import catalog, planning, settings
from darkroom.catalog import Kind, Model, Parameter
from darkroom.errors import ProviderRejected
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan, ProcessState
from darkroom_local.simulators.topaz.models import ENDPOINTS, SIDE_LIMIT_PIXELS

BOOK = catalog.load("topaz")
PLAIN = (24, 16)
# The longest side may be reached only by a picture that is as long already, or the result would be too large.
SHAPES = {"output_width": (32_000, 1), "output_height": (1, 32_000)}
STEP = Decimal("0.001")
# Where the catalog narrows what the vendor leaves open: the simulator has no bounds for a seed, and does not know
# which models of enhance take a strength.
NARROWER = {("Super Focus", "seed"), ("Super Focus V2", "seed"), ("Text Refine", "strength")}

PAIRS = [(model, parameter) for model in BOOK.models.values() for parameter in model.parameters.values()]
each_model = pytest.mark.parametrize("model", BOOK.models.values(), ids=lambda model: model.name)
each_parameter = pytest.mark.parametrize(
    ("model", "parameter"), PAIRS, ids=[f"{model.name}-{parameter.name}" for model, parameter in PAIRS]
)


@cache
def drawn(width: int, height: int) -> bytes:
    """A PNG with an opaque and a transparent half."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGBA")
    image.paste((10, 20, 30, 0), (0, 0, width // 2, height))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def planned(size: tuple[int, int], tags: dict[str, str]) -> Plan:
    """What an upload of that picture with these tags is to become."""
    resolved = settings.resolve([settings.tag_layer(tags)], default_provider="topaz", allowed_providers=["topaz"])
    facts = ImageFacts(ImageFormat.PNG, *size, has_alpha=True)
    return planning.plan(resolved, facts, len(drawn(*size)), Limits({}, Decimal(0), {}, {}))


def bounds(model: Model, parameter: Parameter) -> list[str]:
    """The least and the greatest value, or each of few."""
    match parameter.kind:
        case Kind.BOOL:
            return ["false", "true"]
        case Kind.TEXT:
            return ["x", "x" * (parameter.max_length or 0)]
        case Kind.CHOICE if parameter.name == "output_format":
            formats = {*model.output_formats}
            return [word for word in parameter.choices if planning.FORMAT_SYNONYMS.get(word, word) in formats]
        case Kind.CHOICE:
            return list(parameter.choices)
    return [f"{bound:f}" for bound in (parameter.minimum, parameter.maximum) if bound is not None]


def beyond(model: Model, parameter: Parameter) -> Iterator[str]:
    """What lies just outside the bounds."""
    if parameter.kind is Kind.TEXT:
        yield "x" * ((parameter.max_length or 0) + 1)
    elif parameter.kind in (Kind.BOOL, Kind.CHOICE):
        yield "maybe"
        yield from (word for word in parameter.choices if word not in bounds(model, parameter))
    else:
        assert parameter.minimum is not None
        assert parameter.maximum is not None
        step = Decimal(1) if parameter.kind is Kind.INTEGER else STEP
        yield from (f"{parameter.minimum - step:f}", f"{parameter.maximum + step:f}")


@each_model
def test_every_model_gives_what_was_planned_for_the_price_planned(topaz: TopazStage, model: Model) -> None:
    plan = planned(PLAIN, {"model": model.name, **({"scale": "2"} if model.takes_size else {})})
    process_id = topaz.provider.submit(plan, image_of(drawn(*PLAIN)), handle()).process_id
    topaz.finish(process_id)
    progress = topaz.provider.progress(process_id)
    assert progress.state is ProcessState.COMPLETED
    assert (progress.output_width, progress.output_height) == (plan.output_width, plan.output_height)
    assert progress.output_format is plan.output_format
    with topaz.provider.result(process_id) as link, Image.open(io.BytesIO(b"".join(link.stream()))) as image:
        assert (str(image.format).lower(), image.size) == (plan.output_format, (plan.output_width, plan.output_height))
        assert "A" in image.getbands()
    (submit,) = topaz.simulator.submits
    assert (submit["endpoint"] + "/async", submit["model"]) == (model.endpoint, model.wire)
    assert submit["credits"] == progress.credits == plan.credits


@each_model
def test_rates_limits_formats_and_defaults_agree(model: Model) -> None:
    endpoint = ENDPOINTS[model.endpoint.removesuffix("/async")]
    theirs = endpoint.model(model.wire)
    assert theirs is not None
    assert model.is_default == (theirs is endpoint.models[0])
    assert model.mp_per_credit == endpoint.mp_per_credit
    assert model.max_input_mp == (theirs.input_limit_mp or endpoint.input_limit_mp)
    assert (model.max_output_mp, model.max_side_pixels) == (endpoint.output_limit_mp, SIDE_LIMIT_PIXELS)
    assert (model.max_scale, model.takes_size) == (endpoint.longest_scale, endpoint.takes_size)
    assert model.output_formats == endpoint.output_formats


def test_the_catalog_leaves_no_model_out() -> None:
    theirs = {(f"{name}/async", model.name) for name, endpoint in ENDPOINTS.items() for model in endpoint.models}
    assert {(model.endpoint, model.wire) for model in BOOK.models.values()} == theirs


@each_parameter
def test_every_parameter_is_accepted_at_its_bounds(topaz: TopazStage, model: Model, parameter: Parameter) -> None:
    size = SHAPES.get(parameter.name, PLAIN)
    values = bounds(model, parameter)
    for value in values:
        plan = planned(size, {"model": model.name, parameter.name: value})
        assert parameter.wire in plan.parameters
        topaz.provider.submit(plan, image_of(drawn(*size)), handle())
    assert len(values) > (0 if parameter.name == "output_format" else 1)
    assert topaz.paid() == len(values)


@each_parameter
def test_the_vendor_refuses_what_lies_beyond_the_bounds(topaz: TopazStage, model: Model, parameter: Parameter) -> None:
    """So it listens to the parameter at all, and the catalog refuses nothing that the vendor would take."""
    plan = planned(PLAIN, {"model": model.name})
    for value in beyond(model, parameter):
        wrong = replace(plan, parameters={**plan.parameters, parameter.wire: value})
        if (model.name, parameter.name) in NARROWER:
            topaz.provider.submit(wrong, image_of(drawn(*PLAIN)), handle())
        else:
            with pytest.raises(ProviderRejected):
                topaz.provider.submit(wrong, image_of(drawn(*PLAIN)), handle())
