"""The settings of a Topaz simulator, and the state that all requests to it share.

This module must not know routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from darkroom_local.simulators.framework import simulator_state
from darkroom_local.simulators.framework.exchange import Exchange
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import FoundResult
from darkroom_local.simulators.topaz.errors import ErrorShapes
from darkroom_local.simulators.topaz.jobs import JobStore, Misbehaviour
from darkroom_local.simulators.topaz.published_facts import LINK_LIFETIME_SECONDS, REQUEST_LIMIT_BYTES, Endpoint
from darkroom_local.simulators.topaz.request_checks import BOTH
from darkroom_local.simulators.topaz.webhooks import CallbackFaults, Webhooks


@dataclass(frozen=True)
class TopazSettings(simulator_state.SimulatorSettings):
    """The settings of one Topaz simulator."""

    request_limit_bytes: int = REQUEST_LIMIT_BYTES
    link_lifetime_seconds: float = LINK_LIFETIME_SECONDS
    spelling: str = BOTH  # "snake", "camel" or "both": setting names in another form are ignored
    # The next three simulate changes that the vendor made after its pages were read.
    missing_models: tuple[str, ...] = ()  # retired models; requests for them fail
    mp_per_credit: Mapping[str, float] = field(default_factory=dict)  # model → megapixels that one credit buys
    output_limit_mp: Mapping[str, float] = field(default_factory=dict)  # model → megapixels of the largest result

    def endpoint(self, published: Endpoint) -> Endpoint:
        """Return the published endpoint with the changes that the settings make to its models."""
        models = tuple(
            replace(
                model,
                mp_per_credit=self.mp_per_credit.get(model.name, model.mp_per_credit),
                output_limit_mp=self.output_limit_mp.get(model.name, model.output_limit_mp),
            )
            for model in published.models
            if model.name not in self.missing_models
        )
        return replace(published, models=models)


@dataclass
class TopazState(simulator_state.SimulatorState):
    """Holds what all requests of one Topaz simulator share."""

    settings: TopazSettings
    jobs: JobStore
    webhooks: Webhooks
    shapes: ErrorShapes = field(default_factory=ErrorShapes)

    def render(self, refusal: Refusal) -> web.Response:
        """Return the error answer for a refusal, in one of the four shapes that clients have seen."""
        return self.shapes.error_response(refusal)

    def find_result(self, name: str, entry: Entry) -> FoundResult:
        """Return the result or the input called `name`, and the name of its upload. `file` is None if it has expired."""
        entry["process_id"] = process_id = name.partition(".")[0]
        job = self.jobs.find_result(process_id)
        if job is None:
            return FoundResult(None, None)
        if name == job.input_name:
            return FoundResult(self.jobs.kept_input(job), job.upload.filename)
        return FoundResult(job.result if self.jobs.has_result(job) else None, job.upload.filename)


TopazExchange = Exchange[TopazState]


def take_misbehaviour(exchange: TopazExchange) -> Misbehaviour:
    """Take the fault rules that match this request, and return what they do to its job."""
    late = exchange.take_fault("eta_early")
    return Misbehaviour(
        late_seconds=late.option("late_seconds") if late else None,
        early_seconds=exchange.fault_seconds("eta_late"),
        list_lag_seconds=exchange.fault_seconds("list_lag"),
        ending=exchange.choose_by_fault({"failed_job": "Failed", "cancelled_job": "Cancelled"}, "Completed"),
        wrong_size=exchange.has_fault("wrong_size"),
        turning=exchange.turning_by_fault(),
        unknown_status=exchange.has_fault("unknown_status"),
    )


def take_callback_faults(exchange: TopazExchange) -> CallbackFaults:
    """Take the fault rules that match this request, and return what they do to the callbacks of its job."""
    return CallbackFaults(
        are_lost=exchange.has_fault("callbacks_lost"),
        are_doubled=exchange.has_fault("callbacks_twice"),
        are_reversed=exchange.has_fault("callbacks_reversed"),
        are_early=exchange.has_fault("callbacks_early"),
        late_seconds=exchange.fault_seconds("callbacks_late"),
    )
