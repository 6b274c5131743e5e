"""Tests that every catalog agrees with its vendor's simulator. Both were written from the vendor's pages, independently of
each other.

The tests cover every model, and every parameter at its bounds and beyond them. The real planning makes a plan from an
upload's tags, and the real adapter sends it over sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from tests.contract.capability_marks import needs, rows_of_provider
from tests.contract.input_pictures import drawn, opened
from tests.contract.providers_under_test import PROVIDERS_UNDER_TEST
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider
from tests.rows import each_row

from darkroom import catalog, planning
from darkroom.catalog import Kind, Model, Parameter
from darkroom.errors import ProviderRejected
from darkroom.model import ImageFacts, ImageFormat, Plan, ProcessState
from darkroom_local.simulators.topaz.published_facts import ENDPOINTS, SIDE_LIMIT_PIXELS

PLAIN = (24, 16)
STEP = Decimal("0.001")
pytestmark = needs("faults")  # every vendor, but not the provider in memory
BOOKS = {name: catalog.load(name) for name in catalog.providers()}


def simulated(name: str) -> type[SimulatedProvider]:
    """Return the provider under test that runs against the simulator of this vendor."""
    chosen = PROVIDERS_UNDER_TEST[name]
    assert issubclass(chosen, SimulatedProvider)
    return chosen


def models(under_test: ProviderUnderTest) -> Iterator[tuple[Model]]:
    yield from ((model,) for model in BOOKS[under_test.vendor].models.values())


def modes(under_test: ProviderUnderTest) -> Iterator[tuple[Model, dict[str, str]]]:
    """Yield each model with the tags that ask for each of its modes."""
    for (model,) in models(under_test):
        yield from ((model, {"input_by": way}) for way in model.inputs) if len(model.inputs) > 1 else [(model, {})]
        yield from [(model, {"synchronous": "true"})] if model.synchronous_endpoint else []


def parameters(under_test: ProviderUnderTest) -> Iterator[tuple[Model, Parameter]]:
    yield from ((model, parameter) for (model,) in models(under_test) for parameter in model.parameters.values())


def models_with_parameters(under_test: ProviderUnderTest) -> Iterator[tuple[Model]]:
    yield from ((model,) for (model,) in models(under_test) if model.parameters)


each_parameter = rows_of_provider(["model", "parameter"], parameters)


def planned(under_test: SimulatedProvider, size: tuple[int, int], tags: dict[str, str]) -> Plan:
    """Return the plan for a picture of this size, uploaded with these tags."""
    return under_test.plan_for(ImageFacts(ImageFormat.PNG, *size, has_alpha=True), **tags)


def sent(under_test: SimulatedProvider, plan: Plan, size: tuple[int, int] = PLAIN) -> str:
    """Send a picture with this plan, and return the process id."""
    return under_test.provider.submit(
        plan, under_test.image(drawn(*size)), under_test.handle(), under_test.keep
    ).process_id


def result(under_test: SimulatedProvider, plan: Plan, process_id: str) -> bytes:
    """Return the bytes of the process's result. The process must complete."""
    if plan.send_mode.is_synchronous:
        return under_test.kept[process_id]
    under_test.await_end(process_id)
    assert under_test.provider.progress(process_id).state is ProcessState.COMPLETED
    with under_test.provider.result(process_id) as link:
        return b"".join(link.stream())


def is_taken(under_test: SimulatedProvider, plan: Plan, size: tuple[int, int] = PLAIN) -> bool:
    """Say whether the vendor accepts the plan, both when it is sent and when the job runs."""
    try:
        process_id = sent(under_test, plan, size)
    except ProviderRejected:
        return False
    if "late check" not in under_test.capabilities:
        return True
    under_test.await_end(process_id)
    return under_test.provider.progress(process_id).state is ProcessState.COMPLETED


def bounds(model: Model, parameter: Parameter) -> list[str]:
    """Return the smallest and the largest value of the parameter. For a choice, return every value."""
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


def together(columns: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    """Yield as few settings as have every value of every parameter. Each setting has one value of each parameter."""
    for number in range(max((len(values) for values in columns.values()), default=0)):
        yield {name: values[min(number, len(values) - 1)] for name, values in columns.items()}


def beyond(model: Model, parameter: Parameter) -> Iterator[str]:
    """Yield values that are just outside the parameter's bounds."""
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


@rows_of_provider(["model"], models)
def test_every_model_gives_what_was_planned_for_the_price_planned(under_test: SimulatedProvider, model: Model) -> None:
    plan = planned(
        under_test, PLAIN, {"model": model.name, **({"scale": "2"} if model.takes_size or model.factors else {})}
    )
    process_id = sent(under_test, plan)
    picture = opened(result(under_test, plan, process_id))
    assert picture.size == (plan.output_width, plan.output_height)
    assert str(picture.format).lower() in (plan.output_format, *plan.other_formats)
    assert "A" in picture.getbands()
    (submit,) = under_test.simulator.submits
    price = under_test.provider.estimate(plan, *PLAIN).credits if plan.credits is None else plan.credits
    assert submit["credits"] == price
    assert submit["model"] == model.wire
    if "sides" in under_test.capabilities:
        progress = under_test.provider.progress(process_id)
        assert (progress.output_width, progress.output_height) == picture.size
        assert (progress.output_format, progress.credits) == (plan.output_format, plan.credits)


@rows_of_provider(["model", "tags"], modes)
def test_every_model_can_be_sent_in_every_mode_of_its_catalog(
    under_test: SimulatedProvider, model: Model, tags: dict[str, str]
) -> None:
    plan = planned(under_test, PLAIN, {"model": model.name, **tags})
    assert opened(result(under_test, plan, sent(under_test, plan))).size == (plan.output_width, plan.output_height)
    assert bool(under_test.links_created) == plan.send_mode.by_link
    assert under_test.fetched() == under_test.links_created


@each_row("name", BOOKS)
def test_the_catalog_leaves_no_model_out(name: str) -> None:
    under_test = simulated(name)
    assert {(model.endpoint, model.wire) for model in BOOKS[name].models.values()} == under_test.published


@each_row("model", BOOKS["topaz"].models.values(), ids=lambda model: model.name)
def test_rates_limits_formats_and_defaults_of_topaz_agree(model: Model) -> None:
    endpoint = ENDPOINTS[model.endpoint.removesuffix("/async")]
    theirs = endpoint.model(model.wire)
    assert theirs is not None
    assert model.is_default == (theirs is endpoint.models[0])
    assert model.mp_per_credit == (theirs.mp_per_credit or endpoint.mp_per_credit)
    assert model.max_input_mp == (theirs.input_limit_mp or endpoint.input_limit_mp)
    assert model.max_output_mp == (theirs.output_limit_mp or endpoint.output_limit_mp)
    assert model.max_side_pixels == SIDE_LIMIT_PIXELS
    assert model.max_scale == (theirs.longest_scale or endpoint.longest_scale)
    assert model.takes_size == endpoint.takes_size
    assert model.output_formats == endpoint.output_formats


@rows_of_provider(["model"], models_with_parameters)
def test_every_parameter_is_taken_at_its_bounds(under_test: SimulatedProvider, model: Model) -> None:
    """The first submit has the first value of every parameter, the second has the second one, and so on. The vendor checks
    each parameter by itself, so it refuses a submit if it would refuse one of the values alone.
    """
    columns = {name: bounds(model, parameter) for name, parameter in model.parameters.items()}
    assert all(len(values) > (0 if name == "output_format" else 1) for name, values in columns.items())
    settings = [*together({name: values for name, values in columns.items() if name not in under_test.shapes})]
    settings += [{name: value} for name in columns.keys() & under_test.shapes.keys() for value in columns[name]]
    for setting in settings:
        size = next((shape for name, shape in under_test.shapes.items() if name in setting), PLAIN)
        plan = planned(under_test, size, {"model": model.name, **setting})
        assert {model.parameters[name].wire for name in setting} <= plan.parameters.keys()
        assert is_taken(under_test, plan, size), setting
    assert under_test.paid() == len(settings)


@each_parameter
def test_the_vendor_refuses_what_lies_beyond_the_bounds(
    under_test: SimulatedProvider, model: Model, parameter: Parameter
) -> None:
    """A refusal shows that the vendor reads the parameter, and that the catalog refuses no value that the vendor accepts."""
    plan = planned(under_test, PLAIN, {"model": model.name})
    for value in beyond(model, parameter):
        wrong = replace(plan, parameters={**plan.parameters, parameter.wire: value})
        assert is_taken(under_test, wrong) == ((model.name, parameter.name) in under_test.accepted_beyond)


@each_row("name", BOOKS)
def test_what_the_vendor_takes_beyond_the_bounds_is_of_its_catalog(name: str) -> None:
    under_test = simulated(name)
    assert all(parameter in BOOKS[name].models[model].parameters for model, parameter in under_test.accepted_beyond)
    assert all(under_test.accepted_beyond.values())
