"""The handlers of the endpoints that create an upscale and return one generation.

Each handler calls `begin` as soon as it knows which input the request is about, because a fault rule may apply to one
input only. The list, result links and the control endpoints are in other modules.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.input_urls import query_of
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.uwear.errors import InvalidRequest, Problem
from darkroom_local.simulators.uwear.generation_views import generation_body, parse_whole_number, timestamps
from darkroom_local.simulators.uwear.generations import Generation
from darkroom_local.simulators.uwear.published_facts import SEEN_QUEUED
from darkroom_local.simulators.uwear.request_checks import UpscaleRequest, check_request
from darkroom_local.simulators.uwear.simulator_state import UwearExchange, take_misbehaviour

_MISSING = "generation not found"


async def submit(exchange: UwearExchange) -> web.StreamResponse:
    """Answer POST /generation-upscale."""
    body = await _body(exchange)
    await exchange.begin_with_body(body)
    state = exchange.state
    request = check_request(body, state.settings.recraft_factor)
    if (
        request.generation_result_id is not None
        and state.generations.find_by_result(request.generation_result_id) is None
    ):
        raise Refusal(404, "generation result not found")
    if not state.account.reserve(request.credits):
        raise Refusal(402)
    generation = state.generations.accept(request, take_misbehaviour(exchange))
    generation.prefix = exchange.entry["prefix"]
    exchange.entry["generation_id"] = generation.generation_id
    state.journal.record_submit(_submit_entry(generation, request))
    return web.json_response({"generation_id": generation.generation_id, **timestamps(generation)})


async def status(exchange: UwearExchange) -> web.StreamResponse:
    """Answer GET /generation/{generation_id}."""
    generation_id = parse_whole_number(exchange.request.match_info["generation_id"], ("path", "generation_id"))
    generation = exchange.state.generations.find(generation_id)
    exchange.entry["generation_id"] = generation_id
    await exchange.begin(generation.request.image_url if generation else None)
    if generation is None or (exchange.state.settings.apart and generation.prefix != exchange.entry["prefix"]):
        raise Refusal(404, _MISSING)
    word = SEEN_QUEUED if exchange.has_fault("unknown_status") else None
    return web.json_response(generation_body(exchange, generation, word))


async def _body(exchange: UwearExchange) -> Any:
    try:
        text = await exchange.request.text()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413) from None
    except (UnicodeDecodeError, LookupError):
        raise InvalidRequest([Problem(("body",), "JSON decode error", "json_invalid")]) from None
    if not text:
        raise InvalidRequest([Problem(("body",), "Field required", "missing")])
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest([Problem(("body", error.pos), "JSON decode error", "json_invalid")]) from None
    except (ValueError, RecursionError):
        raise InvalidRequest([Problem(("body",), "JSON decode error", "json_invalid")]) from None


def _submit_entry(generation: Generation, request: UpscaleRequest) -> dict[str, Any]:
    """Return the journal's entry for a paid submit. Its field `query` holds the query of the URL in `image_url`."""
    return {
        "generation_id": generation.generation_id,
        "image_url": request.image_url,
        "query": query_of(request.image_url),
        "generation_result_id": request.generation_result_id,
        "model": request.model,
        "settings": dict(request.settings),
        "credits": request.credits,
    }
