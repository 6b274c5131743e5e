"""Every catalog against its vendor's simulator: both written from the vendor's pages, apart.

Every model, and every parameter at its bounds and beyond. Plans are made by the real planning from an upload's tags and
sent by the real adapter over sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.contract.input_pictures import drawn, opened
from tests.contract.shared_servers import Site
from tests.contract.stages import STAGES
from tests.contract.stages.simulated import SimulatedStage

from darkroom import catalog, planning
from darkroom.catalog import Kind, Model, Parameter
from darkroom.errors import ProviderRejected
from darkroom.model import ImageFacts, ImageFormat, Plan, ProcessState
from darkroom_local.simulators.topaz.published_facts import ENDPOINTS, SIDE_LIMIT_PIXELS

PLAIN = (24, 16)
STEP = Decimal("0.001")
BOOKS = {name: catalog.load(name) for name in catalog.providers()}
MODELS = [(name, model) for name, book in BOOKS.items() for model in book.models.values()]
PAIRS = [(name, model, parameter) for name, model in MODELS for parameter in model.parameters.values()]
MANNERS = [
    (name, model, tags)
    for name, model in MODELS
    for tags in (
        *([{"input_by": way} for way in model.inputs] if len(model.inputs) > 1 else [{}]),
        *([{"synchronous": "true"}] if model.synchronous_endpoint else []),
    )
]
each_model = pytest.mark.parametrize(
    ("stage", "model"), MODELS, ids=[f"{name}-{model.name}" for name, model in MODELS], indirect=["stage"]
)
each_parameter = pytest.mark.parametrize(
    ("stage", "model", "parameter"),
    PAIRS,
    indirect=["stage"],
    ids=[f"{name}-{model.name}-{parameter.name}" for name, model, parameter in PAIRS],
)


@pytest.fixture
def stage(request: pytest.FixtureRequest, site: Site) -> Iterator[SimulatedStage]:
    """The stage of the catalog's vendor."""
    chosen = STAGES[request.param]
    assert issubclass(chosen, SimulatedStage)
    made = chosen(site)
    yield made
    made.close()


def planned(stage: SimulatedStage, size: tuple[int, int], tags: dict[str, str]) -> Plan:
    """What an upload of that picture with these tags is to become."""
    return stage.plan_for(ImageFacts(ImageFormat.PNG, *size, has_alpha=True), **tags)


def sent(stage: SimulatedStage, plan: Plan, size: tuple[int, int] = PLAIN) -> str:
    """The process id of a picture that was sent so."""
    return stage.provider.submit(plan, stage.image(drawn(*size)), stage.handle(), stage.keep).process_id


def result(stage: SimulatedStage, plan: Plan, process_id: str) -> bytes:
    """What came of it, which must have come."""
    if plan.send_mode.is_synchronous:
        return stage.kept[process_id]
    stage.finish(process_id)
    assert stage.provider.progress(process_id).state is ProcessState.COMPLETED
    with stage.provider.result(process_id) as link:
        return b"".join(link.stream())


def is_taken(stage: SimulatedStage, plan: Plan, size: tuple[int, int] = PLAIN) -> bool:
    """Whether the vendor takes it, at once and, where it looks only then, when it runs."""
    try:
        process_id = sent(stage, plan, size)
    except ProviderRejected:
        return False
    if "late check" not in stage.can:
        return True
    stage.finish(process_id)
    return stage.provider.progress(process_id).state is ProcessState.COMPLETED


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
def test_every_model_gives_what_was_planned_for_the_price_planned(stage: SimulatedStage, model: Model) -> None:
    plan = planned(stage, PLAIN, {"model": model.name, **({"scale": "2"} if model.takes_size or model.factors else {})})
    process_id = sent(stage, plan)
    picture = opened(result(stage, plan, process_id))
    assert picture.size == (plan.output_width, plan.output_height)
    assert str(picture.format).lower() in (plan.output_format, *plan.other_formats)
    assert "A" in picture.getbands()
    (submit,) = stage.simulator.submits
    price = stage.provider.estimate(plan, *PLAIN).credits if plan.credits is None else plan.credits
    assert submit["credits"] == price
    assert submit["model"] == model.wire
    if "sides" in stage.can:
        progress = stage.provider.progress(process_id)
        assert (progress.output_width, progress.output_height) == picture.size
        assert (progress.output_format, progress.credits) == (plan.output_format, plan.credits)


@pytest.mark.parametrize(
    ("stage", "model", "tags"), MANNERS, indirect=["stage"],
    ids=[f"{name}-{model.name}-{''.join(tags) or model.inputs[0]}-{''.join(tags.values())}" for name, model, tags in MANNERS],
)  # fmt: skip
def test_every_model_can_be_sent_in_every_manner_of_its_catalog(
    stage: SimulatedStage, model: Model, tags: dict[str, str]
) -> None:
    plan = planned(stage, PLAIN, {"model": model.name, **tags})
    assert opened(result(stage, plan, sent(stage, plan))).size == (plan.output_width, plan.output_height)
    assert bool(stage.minted) == plan.send_mode.by_link
    assert stage.fetched() == stage.minted


@pytest.mark.parametrize("name", BOOKS)
def test_the_catalog_leaves_no_model_out(name: str) -> None:
    stage = STAGES[name]
    assert issubclass(stage, SimulatedStage)
    assert {(model.endpoint, model.wire) for model in BOOKS[name].models.values()} == stage.published


@pytest.mark.parametrize("model", BOOKS["topaz"].models.values(), ids=lambda model: model.name)
def test_rates_limits_formats_and_defaults_of_topaz_agree(model: Model) -> None:
    endpoint = ENDPOINTS[model.endpoint.removesuffix("/async")]
    theirs = endpoint.model(model.wire)
    assert theirs is not None
    assert model.is_default == (theirs is endpoint.models[0])
    assert model.mp_per_credit == endpoint.mp_per_credit
    assert model.max_input_mp == (theirs.input_limit_mp or endpoint.input_limit_mp)
    assert (model.max_output_mp, model.max_side_pixels) == (endpoint.output_limit_mp, SIDE_LIMIT_PIXELS)
    assert (model.max_scale, model.takes_size) == (endpoint.longest_scale, endpoint.takes_size)
    assert model.output_formats == endpoint.output_formats


@each_parameter
def test_every_parameter_is_taken_at_its_bounds(stage: SimulatedStage, model: Model, parameter: Parameter) -> None:
    size = stage.shapes.get(parameter.name, PLAIN)
    values = bounds(model, parameter)
    for value in values:
        plan = planned(stage, size, {"model": model.name, parameter.name: value})
        assert parameter.wire in plan.parameters
        assert is_taken(stage, plan, size)
    assert len(values) > (0 if parameter.name == "output_format" else 1)
    assert stage.paid() == len(values)


@each_parameter
def test_the_vendor_refuses_what_lies_beyond_the_bounds(
    stage: SimulatedStage, model: Model, parameter: Parameter
) -> None:
    """So it listens to the parameter at all, and the catalog refuses nothing that the vendor would take."""
    plan = planned(stage, PLAIN, {"model": model.name})
    for value in beyond(model, parameter):
        wrong = replace(plan, parameters={**plan.parameters, parameter.wire: value})
        assert is_taken(stage, wrong) == ((model.name, parameter.name) in stage.taken_beyond)


@pytest.mark.parametrize("name", BOOKS)
def test_what_the_vendor_takes_beyond_the_bounds_is_of_its_catalog(name: str) -> None:
    stage = STAGES[name]
    assert issubclass(stage, SimulatedStage)
    assert all(parameter in BOOKS[name].models[model].parameters for model, parameter in stage.taken_beyond)
    assert all(stage.taken_beyond.values())
