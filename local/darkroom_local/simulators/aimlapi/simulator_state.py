"""The settings of an AI/ML API simulator, and the state that all requests to it share.

This module must not know routes.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from aiohttp import web

from darkroom_local.simulators.aimlapi.errors import DOCUMENTED, PROBLEM, error_response
from darkroom_local.simulators.aimlapi.generations import (
    GenerationStore,
    Limits,
    Misbehaviour,
    Problem,
    problem_for_status,
)
from darkroom_local.simulators.aimlapi.published_facts import (
    AVAILABLE_CREDITS,
    EXAMPLE_CREDITS,
    FETCH_LIMIT_BYTES,
    FETCH_LIMIT_SECONDS,
    INPUT_LIMIT_MP,
    LOG_DELAY_SECONDS,
    RESULT_LIFETIME_SECONDS,
)
from darkroom_local.simulators.aimlapi.responses import (
    B64,
    CREDITS,
    NOWHERE,
    NULL,
    TEXTS,
    TOKENS,
    URL,
    USD,
    AnswerShape,
)
from darkroom_local.simulators.aimlapi.usage_log import RateLimit, RefusedRequests
from darkroom_local.simulators.framework import simulator_state
from darkroom_local.simulators.framework.exchange import Exchange
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry
from darkroom_local.simulators.framework.simulator_state import FoundResult


@dataclass(frozen=True)
class AimlapiSettings(simulator_state.SimulatorSettings):
    """The settings of one AI/ML API simulator. Behaviour that the vendor's pages do not define can be chosen here."""

    available_credits: int = AVAILABLE_CREDITS
    price_credits: int = EXAMPLE_CREDITS  # the price of one picture
    missing_models: tuple[str, ...] = ()  # models that the vendor has removed since its pages were read
    more_models: tuple[str, ...] = ()  # models that the vendor has added since then
    answer_with: str = URL  # how an answer has the picture: "url" or "b64_json"
    errors_as: str = DOCUMENTED  # the shape of error bodies: "documented" or "problem"
    refuse_unknown_query: bool = False  # whether the usage log refuses unknown parameters
    log_delay_seconds: float = LOG_DELAY_SECONDS  # divided by `speed`, like all times
    result_lifetime_seconds: float = RESULT_LIFETIME_SECONDS
    fetch_limit_seconds: float = FETCH_LIMIT_SECONDS
    fetch_limit_bytes: int = FETCH_LIMIT_BYTES
    input_limit_mp: float = INPUT_LIMIT_MP

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.answer_with not in (URL, B64):
            raise ValueError(f"answer_with must be {URL} or {B64}")
        if self.errors_as not in (DOCUMENTED, PROBLEM):
            raise ValueError(f"errors_as must be {DOCUMENTED} or {PROBLEM}")

    @property
    def limits(self) -> Limits:
        """Return the limits that apply to generations."""
        return Limits(
            self.speed,
            self.result_lifetime_seconds,
            self.log_delay_seconds,
            self.fetch_limit_seconds,
            self.fetch_limit_bytes,
            self.input_limit_mp,
        )


@dataclass
class AimlapiState(simulator_state.SimulatorState):
    """Holds what all requests of one AI/ML API simulator share."""

    settings: AimlapiSettings
    generations: GenerationStore
    rate_limit: RateLimit
    refusals: RefusedRequests

    def admit(self, entry: Entry) -> None:
        """Give the request its id. Then raise Refusal if the key is missing or wrong."""
        entry["request_id"] = str(uuid.uuid4())
        super().admit(entry)

    def render(self, refusal: Refusal) -> web.Response:
        """Return the error answer for a refusal, in the shape that the settings choose."""
        return error_response(refusal, self.settings.errors_as)

    def find_result(self, name: str, entry: Entry) -> FoundResult:
        """Return the result called `name` and the URL of its input. The result's `file` is None if it has expired."""
        generation = self.generations.find_by_file(name)
        if generation is None:
            return FoundResult(None, None)
        entry["inference_id"] = generation.inference_id
        return FoundResult(generation.file if generation.has_result() else None, generation.request.image_url)


AimlapiExchange = Exchange[AimlapiState]
_USAGES = {
    "usage_credits": CREDITS,
    "usage_headers_only": NULL,
    "usage_nowhere": NOWHERE,
    "usage_texts": TEXTS,
    "usage_usd_only": USD,
    "usage_usd_header": NULL,
}
_SILENT_HEADERS = ("usage_tokens_only", "usage_nowhere", "usage_texts", "usage_usd_only")


def take_misbehaviour(exchange: AimlapiExchange) -> Misbehaviour:
    """Take the fault rules that match this request, and return what they do to its generation."""
    return Misbehaviour(
        late_seconds=exchange.fault_seconds("late_job"),
        fetch_late_seconds=exchange.fault_seconds("fetch_late"),
        log_lag_seconds=exchange.fault_seconds("list_lag"),
        problem=_problem_of(exchange),
        wrong_size=exchange.has_fault("wrong_size"),
        turning=exchange.turning_by_fault(),
    )


def _problem_of(exchange: AimlapiExchange) -> Problem | None:
    fault = exchange.take_fault("failed_job", "generation_timeout")
    if fault is None:
        return None
    return problem_for_status(int(fault.option("status")) if fault.kind == "failed_job" else 504)


def take_answer_shape(exchange: AimlapiExchange) -> AnswerShape:
    """Take the fault rules that match this request, and return the shape that its answer has if a picture is made."""
    usage = exchange.take_fault("usage_tokens_only", *_USAGES)
    kind = usage.kind if usage else "as published"
    return AnswerShape(
        answer_with=B64 if exchange.has_fault("b64") else exchange.state.settings.answer_with,
        no_data=exchange.has_fault("no_data"),
        status=201 if exchange.has_fault("created") else 200,
        usage=_USAGES.get(kind, TOKENS),
        cost_headers=kind not in _SILENT_HEADERS,
        credits_header=kind != "usage_usd_header",
    )
