"""Everything one running uwear.ai simulator shares: what any simulator does, its generations, its refusals.

It must not know routes.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from darkroom_local.simulators.framework import exchange, simulator_state
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import Found
from darkroom_local.simulators.uwear.errors import answer
from darkroom_local.simulators.uwear.generations import GenerationStore, Limits, Traits
from darkroom_local.simulators.uwear.published_facts import (
    DONE,
    ERROR,
    FETCH_LIMIT_BYTES,
    FETCH_LIMIT_SECONDS,
    OUTPUT_LIMIT_MP,
    RECRAFT_FACTOR,
    RESULT_LIFETIME_SECONDS,
    SEEN_FAILED,
)


@dataclass(frozen=True)
class Settings(simulator_state.Settings):
    """How a simulator is set up; whatever the page does not settle can be chosen."""

    result_lifetime_seconds: float = RESULT_LIFETIME_SECONDS  # divided by the speed, as all times
    recraft_factor: int = RECRAFT_FACTOR
    echo_input: bool = True  # whether the list says what a generation was given
    fetch_limit_seconds: float = FETCH_LIMIT_SECONDS
    fetch_limit_bytes: int = FETCH_LIMIT_BYTES
    output_limit_mp: float = OUTPUT_LIMIT_MP

    @property
    def limits(self) -> Limits:
        """Those that concern the generations."""
        return Limits(
            self.speed,
            self.result_lifetime_seconds,
            self.fetch_limit_seconds,
            self.fetch_limit_bytes,
            self.output_limit_mp,
        )


@dataclass
class World(simulator_state.World):
    """The parts that outlive a single request."""

    settings: Settings
    generations: GenerationStore

    def admit(self, entry: Entry) -> None:
        """A missing key is 403 and a wrong one 401 (assumed: the framework's usual answers)."""
        if entry["auth_header"] is None:
            raise Refusal(403)
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """With a `detail`."""
        return answer(refusal)

    def find_result(self, name: str, entry: Entry) -> Found:
        """The picture of that file name, for as long as it is kept."""
        generation = self.generations.of_file(name)
        if generation is None:
            return Found(None, None)
        entry["generation_id"] = generation.generation_id
        return Found(generation.file if generation.has_result() else None, generation.order.image_url)


Call = exchange.Call[World]


def traits_of(call: Call) -> Traits:
    """What a generation accepted by this call is to suffer."""
    return Traits(
        late_seconds=call.seconds("late_job"),
        fetch_late_seconds=call.seconds("fetch_late"),
        list_lag_seconds=call.seconds("list_lag"),
        ending=call.meant({"failed_job": ERROR, "failed_word": SEEN_FAILED}, DONE),
        wrong_size=call.has("wrong_size"),
        unknown_status=call.has("unknown_status"),
        result_second=call.has("result_second"),
    )
