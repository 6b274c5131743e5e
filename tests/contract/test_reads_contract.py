"""What every provider promises of the calls that spend nothing: an answer, or an error that says who can do something."""

from __future__ import annotations

import pytest
from tests.contract.error_checks import promised
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import NO_ANSWER, Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import InvalidSetting, OperatorFault, ProviderUnavailable, Throttled


def process_for(stage: Stage, read: str) -> str:
    """A process that the call has something to do with."""
    may_run = "queue" in stage.can and stage.asks[read][0] == "cancel"
    return stage.running() if may_run else stage.finished()


@per_stage("read", "asks")
@per_stage("fault", "operator_faults")
def test_an_account_in_need_is_the_operators_fault_on_every_call(stage: Stage, read: str, fault: str) -> None:
    process_id = process_for(stage, read)
    stage.fault(fault, on=read)
    with promised(OperatorFault, stage) as caught:
        stage.ask(read, process_id)
    assert caught.value.code is stage.operator_faults[fault]


@per_stage("read", "asks")
def test_every_call_may_be_throttled(stage: Stage, read: str) -> None:
    process_id = process_for(stage, read)
    stage.fault("throttle", on=read)
    with promised(Throttled, stage):
        stage.ask(read, process_id)


@pytest.mark.parametrize("fault", [*NO_ANSWER, "moved"])
@per_stage("read", "asks")
def test_a_read_without_a_usable_answer_is_unavailable(stage: Stage, read: str, fault: str) -> None:
    process_id = process_for(stage, read)
    stage.fault(fault, on=read)
    if fault == "garbage" and read in stage.unread:
        assert stage.ask(read, process_id) in (True, None)  # done, and seen by its status or by another read
        return
    with promised(ProviderUnavailable, stage):
        stage.ask(read, process_id)


@needs("faults")
@per_stage("read", "asks")
def test_a_read_whose_answer_comes_too_late_is_unavailable(stage: SimulatedStage, read: str) -> None:
    process_id = process_for(stage, read)
    stage.fault("delay", on=read, seconds=0.6)
    stage.provider = stage.impatient()
    with promised(ProviderUnavailable, stage):
        stage.ask(read, process_id)


def test_a_refused_connection_makes_a_read_unavailable(stage: Stage) -> None:
    provider = stage.unreachable()
    unknown = next(process_id for process_id in stage.strange_ids if process_id)
    with promised(ProviderUnavailable, stage):
        provider.progress(unknown)


def test_an_estimate_costs_nothing_and_names_credits(stage: Stage) -> None:
    assert stage.provider.estimate(stage.plan(), stage.side, stage.side).credits == stage.price
    assert stage.provider.estimate(stage.plan(), stage.side, stage.side).duration_seconds >= 0
    assert stage.paid() == 0


@needs("estimate", "faults")
def test_a_vendor_with_a_forecast_is_asked_for_it(stage: SimulatedStage) -> None:
    stage.provider.estimate(stage.plan(), stage.side, stage.side)
    assert [request["operation"] for request in stage.requests()] == [stage.asks["estimate"][1]]


@needs("silent")
def test_a_vendor_without_a_forecast_is_not_asked_for_one(stage: SimulatedStage) -> None:
    stage.provider.estimate(stage.plan(), stage.side, stage.side)
    assert stage.requests() == []


@needs("silent")
def test_where_nothing_can_be_forgotten_nobody_is_asked_to(stage: SimulatedStage) -> None:
    process_id = stage.finished()
    asked = len(stage.requests())
    stage.provider.forget(process_id)
    assert len(stage.requests()) == asked


@needs("price list")
def test_the_price_is_that_of_the_vendors_own_list(stage: SimulatedStage) -> None:
    dearer = stage.set_up(price_units=725)
    assert dearer.provider.estimate(dearer.plan(), dearer.side, dearer.side).credits == 725
    dearer.submit()
    assert [submit["credits"] for submit in dearer.simulator.submits] == [725]


@needs("price list")
def test_the_price_is_asked_for_once_for_many_estimates(stage: SimulatedStage) -> None:
    for factor in ("2x", "4x", "2x"):
        stage.provider.estimate(stage.plan(upscale_factor=factor), stage.side, stage.side)
    assert len(stage.requests("model")) == 1


@needs("price list")
@pytest.mark.parametrize("schema_field", ["request_schema", "json_request_schema"])
def test_what_the_vendor_has_taken_from_its_list_is_refused_before_anything_is_paid(
    stage: SimulatedStage, schema_field: str
) -> None:
    narrowed = stage.set_up(
        narrowed_choices={"enhance_model": ("Standard V2", "High Fidelity V2")}, schema_field=schema_field
    )
    with promised(InvalidSetting, narrowed) as caught:
        narrowed.provider.estimate(narrowed.plan(enhance_model="CGI"), narrowed.side, narrowed.side)
    assert "Standard V2, High Fidelity V2" in str(caught.value)
    assert narrowed.provider.estimate(narrowed.plan(), narrowed.side, narrowed.side).credits == narrowed.price
    assert narrowed.paid() == 0
