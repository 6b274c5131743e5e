"""Tests what every provider promises about calls that cost nothing. They return an answer, or an error that says who must act."""

from __future__ import annotations

from tests.contract.capability_marks import each_row, needs, per_provider, same_provider, small_pictures
from tests.contract.error_checks import raises_safely
from tests.contract.faulty_transports import OUTLASTING_SECONDS
from tests.contract.providers_under_test.base import NO_ANSWER, ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import InvalidSetting, OperatorFault, ProviderUnavailable, Throttled

pytestmark = small_pictures
ENDING = ("cancel", "delete")  # the calls that end a process or remove it


def process_for(under_test: ProviderUnderTest, read: str) -> str:
    """Return the id of a process for which the call can be made. Calls that do not end a process share one."""
    call = under_test.reads[read][0]
    if call not in ENDING:
        return under_test.finished_once()
    return under_test.running() if call == "cancel" and "queue" in under_test.capabilities else under_test.finished()


@per_provider("read", "reads", fresh=same_provider)
@per_provider("fault", "operator_faults", fresh=same_provider)
def test_an_account_problem_is_the_operators_fault_on_every_call(
    under_test: ProviderUnderTest, read: str, fault: str
) -> None:
    process_id = process_for(under_test, read)
    under_test.add_fault(fault, on=read)
    with raises_safely(OperatorFault, under_test) as caught:
        under_test.ask(read, process_id)
    assert caught.value.code is under_test.operator_faults[fault]


@per_provider("read", "reads", fresh=same_provider)
def test_every_call_may_be_throttled(under_test: ProviderUnderTest, read: str) -> None:
    process_id = process_for(under_test, read)
    under_test.add_fault("throttle", on=read)
    with raises_safely(Throttled, under_test):
        under_test.ask(read, process_id)


@each_row("fault", [*NO_ANSWER, "moved"], fresh=same_provider)
@per_provider("read", "reads", fresh=same_provider)
def test_a_read_without_a_usable_answer_is_unavailable(under_test: ProviderUnderTest, read: str, fault: str) -> None:
    process_id = process_for(under_test, read)
    under_test.add_fault(fault, on=read)
    if fault == "garbage" and read in under_test.status_only_reads:
        assert under_test.ask(read, process_id) in (
            True,
            None,
        )  # the adapter needs only the HTTP status, which says that the vendor did what was asked
        return
    with raises_safely(ProviderUnavailable, under_test):
        under_test.ask(read, process_id)


@needs("faults")
@per_provider("read", "reads")
def test_a_read_whose_answer_comes_too_late_is_unavailable(under_test: SimulatedProvider, read: str) -> None:
    process_id = process_for(under_test, read)
    under_test.add_fault("delay", on=read, seconds=OUTLASTING_SECONDS)
    under_test.provider = under_test.impatient()
    with raises_safely(ProviderUnavailable, under_test):
        under_test.ask(read, process_id)


def test_a_refused_connection_makes_a_read_unavailable(under_test: ProviderUnderTest) -> None:
    provider = under_test.unreachable()
    unknown = next(process_id for process_id in under_test.unknown_ids if process_id)
    with raises_safely(ProviderUnavailable, under_test):
        provider.progress(unknown)


def test_an_estimate_costs_nothing_and_names_credits(under_test: ProviderUnderTest) -> None:
    assert under_test.provider.estimate(under_test.plan(), under_test.side, under_test.side).credits == under_test.price
    assert under_test.provider.estimate(under_test.plan(), under_test.side, under_test.side).duration_seconds >= 0
    assert under_test.paid() == 0


@needs("estimate", "faults")
def test_a_vendor_with_a_forecast_is_asked_for_it(under_test: SimulatedProvider) -> None:
    under_test.provider.estimate(under_test.plan(), under_test.side, under_test.side)
    assert [request["operation"] for request in under_test.requests()] == [under_test.reads["estimate"][1]]


@needs("silent")
def test_a_vendor_without_a_forecast_is_not_asked_for_one(under_test: SimulatedProvider) -> None:
    under_test.provider.estimate(under_test.plan(), under_test.side, under_test.side)
    assert under_test.requests() == []


@needs("silent")
def test_where_nothing_can_be_forgotten_nobody_is_asked_to(under_test: SimulatedProvider) -> None:
    process_id = under_test.finished()
    asked = len(under_test.requests())
    under_test.provider.forget(process_id)
    assert len(under_test.requests()) == asked


@needs("price list")
def test_the_price_is_that_of_the_vendors_own_list(under_test: SimulatedProvider) -> None:
    dearer = under_test.set_up(price_units=725)
    assert dearer.provider.estimate(dearer.plan(), dearer.side, dearer.side).credits == 725
    dearer.submit()
    assert [submit["credits"] for submit in dearer.simulator.submits] == [725]


@needs("price list")
def test_the_price_is_asked_for_once_for_many_estimates(under_test: SimulatedProvider) -> None:
    for factor in ("2x", "4x", "2x"):
        under_test.provider.estimate(under_test.plan(upscale_factor=factor), under_test.side, under_test.side)
    assert len(under_test.requests("model")) == 1


@needs("price list")
@each_row("schema_field", ["request_schema", "json_request_schema"])
def test_what_the_vendor_has_taken_from_its_list_is_refused_before_anything_is_paid(
    under_test: SimulatedProvider, schema_field: str
) -> None:
    narrowed = under_test.set_up(
        narrowed_choices={"enhance_model": ("Standard V2", "High Fidelity V2")}, schema_field=schema_field
    )
    with raises_safely(InvalidSetting, narrowed) as caught:
        narrowed.provider.estimate(narrowed.plan(enhance_model="CGI"), narrowed.side, narrowed.side)
    assert "Standard V2, High Fidelity V2" in str(caught.value)
    assert narrowed.provider.estimate(narrowed.plan(), narrowed.side, narrowed.side).credits == narrowed.price
    assert narrowed.paid() == 0
