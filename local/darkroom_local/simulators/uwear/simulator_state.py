"""The settings of a uwear.ai simulator, and the state that all requests to it share.

This module must not know routes.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from darkroom_local.simulators.framework import simulator_state
from darkroom_local.simulators.framework.exchange import Exchange
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import FoundResult
from darkroom_local.simulators.uwear.errors import error_response
from darkroom_local.simulators.uwear.generations import GenerationStore, Limits, Misbehaviour
from darkroom_local.simulators.uwear.published_facts import (
    DONE,
    ERROR,
    FETCH_LIMIT_BYTES,
    FETCH_LIMIT_SECONDS,
    OUTPUT_LIMIT_MP,
    PREFIXES,
    RECRAFT_FACTOR,
    RESULT_LIFETIME_SECONDS,
    SEEN_FAILED,
)


@dataclass(frozen=True)
class UwearSettings(simulator_state.SimulatorSettings):
    """The settings of one uwear.ai simulator. Behaviour that the vendor's page does not define can be chosen here."""

    result_lifetime_seconds: float = RESULT_LIFETIME_SECONDS  # divided by `speed`, like all times
    recraft_factor: int = RECRAFT_FACTOR
    prefixes: tuple[str, ...] = PREFIXES  # the prefixes with which paths exist
    apart: bool = False  # whether a generation can only be read under the prefix that its submit used
    echo_input: bool = True  # whether the list reports back what was submitted
    fetch_limit_seconds: float = FETCH_LIMIT_SECONDS
    fetch_limit_bytes: int = FETCH_LIMIT_BYTES
    output_limit_mp: float = OUTPUT_LIMIT_MP

    @property
    def limits(self) -> Limits:
        """Return the limits that apply to generations."""
        return Limits(
            self.speed,
            self.result_lifetime_seconds,
            self.fetch_limit_seconds,
            self.fetch_limit_bytes,
            self.output_limit_mp,
        )


@dataclass
class UwearState(simulator_state.SimulatorState):
    """Holds what all requests of one uwear.ai simulator share."""

    settings: UwearSettings
    generations: GenerationStore

    def admit(self, entry: Entry) -> None:
        """Raise Refusal 403 if the key is missing, and 401 if it is wrong. This is assumed, because FastAPI does so."""
        if entry["auth_header"] is None:
            raise Refusal(403)
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """Return the error answer for a refusal. Its body has the field `detail`."""
        return error_response(refusal)

    def find_result(self, name: str, entry: Entry) -> FoundResult:
        """Return the result called `name` and the URL of its input. The result's `file` is None if it has expired."""
        generation = self.generations.find_by_file(name)
        if generation is None:
            return FoundResult(None, None)
        entry["generation_id"] = generation.generation_id
        return FoundResult(generation.file if generation.has_result() else None, generation.request.image_url)


UwearExchange = Exchange[UwearState]


def take_misbehaviour(exchange: UwearExchange) -> Misbehaviour:
    """Take the fault rules that match this request, and return what they do to its generation."""
    return Misbehaviour(
        late_seconds=exchange.fault_seconds("late_job"),
        fetch_late_seconds=exchange.fault_seconds("fetch_late"),
        list_lag_seconds=exchange.fault_seconds("list_lag"),
        ending=exchange.choose_by_fault({"failed_job": ERROR, "failed_word": SEEN_FAILED}, DONE),
        wrong_size=exchange.has_fault("wrong_size"),
        turning=exchange.turning_by_fault(),
        unknown_status=exchange.has_fault("unknown_status"),
        result_second=exchange.has_fault("result_second"),
    )
