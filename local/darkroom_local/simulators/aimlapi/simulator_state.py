"""Everything one running AI/ML API simulator shares: what any simulator does, its generations, its refusals.

It must not know routes.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from aiohttp import web

from darkroom_local.simulators.aimlapi.errors import DOCUMENTED, PROBLEM, answer
from darkroom_local.simulators.aimlapi.generations import GenerationStore, Limits, Problem, Traits, failure
from darkroom_local.simulators.aimlapi.published_facts import (
    AVAILABLE_CREDITS,
    EXAMPLE_CREDITS,
    FETCH_LIMIT_BYTES,
    FETCH_LIMIT_SECONDS,
    INPUT_LIMIT_MP,
    LOG_DELAY_SECONDS,
    RESULT_LIFETIME_SECONDS,
)
from darkroom_local.simulators.aimlapi.request_log import Pace, Refusals
from darkroom_local.simulators.aimlapi.responses import B64, CREDITS, NOWHERE, NULL, TEXTS, TOKENS, URL, USD, Shape
from darkroom_local.simulators.framework import exchange, simulator_state
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import Found


@dataclass(frozen=True)
class Settings(simulator_state.Settings):
    """How a simulator is set up; whatever the pages do not settle can be chosen."""

    available_credits: int = AVAILABLE_CREDITS
    price_credits: int = EXAMPLE_CREDITS  # of one picture
    answer_with: str = URL  # or b64_json
    errors_as: str = DOCUMENTED  # or problem
    refuse_unknown_query: bool = False  # whether the log refuses a parameter that is not published
    log_delay_seconds: float = LOG_DELAY_SECONDS  # divided by the speed, as all times
    result_lifetime_seconds: float = RESULT_LIFETIME_SECONDS
    fetch_limit_seconds: float = FETCH_LIMIT_SECONDS
    fetch_limit_bytes: int = FETCH_LIMIT_BYTES
    input_limit_mp: float = INPUT_LIMIT_MP

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.answer_with not in (URL, B64):
            raise ValueError(f"answer_with is {URL} or {B64}")
        if self.errors_as not in (DOCUMENTED, PROBLEM):
            raise ValueError(f"errors_as is {DOCUMENTED} or {PROBLEM}")

    @property
    def limits(self) -> Limits:
        """Those that concern the generations."""
        return Limits(
            self.speed,
            self.result_lifetime_seconds,
            self.log_delay_seconds,
            self.fetch_limit_seconds,
            self.fetch_limit_bytes,
            self.input_limit_mp,
        )


@dataclass
class World(simulator_state.World):
    """The parts that outlive a single request."""

    settings: Settings
    generations: GenerationStore
    pace: Pace
    refusals: Refusals

    def admit(self, entry: Entry) -> None:
        """Gives the request its id, and refuses a missing or wrong key."""
        entry["request_id"] = str(uuid.uuid4())
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """With the vendor's error body."""
        return answer(refusal, self.settings.errors_as)

    def find_result(self, name: str, entry: Entry) -> Found:
        """The picture of that file name, for as long as it is kept."""
        generation = self.generations.of_file(name)
        if generation is None:
            return Found(None, None)
        entry["inference_id"] = generation.inference_id
        return Found(generation.file if generation.has_result() else None, generation.order.image_url)


Call = exchange.Call[World]
_USAGES = {
    "usage_credits": CREDITS,
    "usage_headers_only": NULL,
    "usage_nowhere": NOWHERE,
    "usage_texts": TEXTS,
    "usage_usd_only": USD,
    "usage_usd_header": NULL,
}
_SILENT_HEADERS = ("usage_tokens_only", "usage_nowhere", "usage_texts", "usage_usd_only")


def traits_of(call: Call) -> Traits:
    """What a generation accepted by this call is to suffer."""
    return Traits(
        late_seconds=call.seconds("late_job"),
        fetch_late_seconds=call.seconds("fetch_late"),
        log_lag_seconds=call.seconds("list_lag"),
        problem=_problem_of(call),
        wrong_size=call.has("wrong_size"),
    )


def _problem_of(call: Call) -> Problem | None:
    fault = call.take("failed_job", "generation_timeout")
    if fault is None:
        return None
    return failure(int(fault.option("status")) if fault.kind == "failed_job" else 504)


def shape_of(call: Call) -> Shape:
    """What the answer to this call is to look like, should there be a picture."""
    usage = call.take("usage_tokens_only", *_USAGES)
    kind = usage.kind if usage else "as published"
    return Shape(
        answer_with=B64 if call.has("b64") else call.world.settings.answer_with,
        no_data=call.has("no_data"),
        status=201 if call.has("created") else 200,
        usage=_USAGES.get(kind, TOKENS),
        cost_headers=kind not in _SILENT_HEADERS,
        credits_header=kind != "usage_usd_header",
    )
