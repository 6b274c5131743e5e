"""Everything that the parts of one running uwear.ai simulator share.

It must not know routes.
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
    """How a simulator is set up. Whatever the page does not say can be chosen here."""

    result_lifetime_seconds: float = RESULT_LIFETIME_SECONDS  # divided by `speed`, like all times
    recraft_factor: int = RECRAFT_FACTOR
    prefixes: tuple[str, ...] = PREFIXES  # the forms of the paths that there are
    apart: bool = False  # whether a generation is shown only under the prefix that took it
    echo_input: bool = True  # whether the list repeats what was submitted
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
    """The parts that live longer than one request."""

    settings: UwearSettings
    generations: GenerationStore

    def admit(self, entry: Entry) -> None:
        """Refuse a missing key with 403 and a wrong one with 401. Assumed: these are FastAPI's usual answers."""
        if entry["auth_header"] is None:
            raise Refusal(403)
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """Return an answer with a `detail`."""
        return error_response(refusal)

    def find_result(self, name: str, entry: Entry) -> FoundResult:
        """Return the picture of that file name until it expires."""
        generation = self.generations.find_by_file(name)
        if generation is None:
            return FoundResult(None, None)
        entry["generation_id"] = generation.generation_id
        return FoundResult(generation.file if generation.has_result() else None, generation.request.image_url)


UwearExchange = Exchange[UwearState]


def take_misbehaviour(exchange: UwearExchange) -> Misbehaviour:
    """Use up the fault rules that match this request; return what they do to its generation."""
    return Misbehaviour(
        late_seconds=exchange.fault_seconds("late_job"),
        fetch_late_seconds=exchange.fault_seconds("fetch_late"),
        list_lag_seconds=exchange.fault_seconds("list_lag"),
        ending=exchange.choose_by_fault({"failed_job": ERROR, "failed_word": SEEN_FAILED}, DONE),
        wrong_size=exchange.has_fault("wrong_size"),
        unknown_status=exchange.has_fault("unknown_status"),
        result_second=exchange.has_fault("result_second"),
    )
