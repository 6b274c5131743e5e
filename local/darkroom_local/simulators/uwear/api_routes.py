"""The endpoints: create an upscale, look at a generation.

Each handler checks, acts and answers, in the vendor's terms. It calls `gate` once it knows which
input the call is about, so that a fault can single one out. The list, result links and the control
endpoints live elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.input_urls import query_of
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.uwear.errors import Invalid, Problem
from darkroom_local.simulators.uwear.generation_views import facts, times, whole
from darkroom_local.simulators.uwear.generations import Generation
from darkroom_local.simulators.uwear.published_facts import SEEN_QUEUED
from darkroom_local.simulators.uwear.request_checks import Order, read_order
from darkroom_local.simulators.uwear.simulator_state import Call, traits_of

_MISSING = "generation not found"


async def submit(call: Call) -> web.StreamResponse:
    """POST /generation-upscale."""
    body = await _body(call)
    await call.gate_body(body)
    world = call.world
    order = read_order(body, world.settings.recraft_factor)
    if order.generation_result_id is not None and world.generations.of_result(order.generation_result_id) is None:
        raise Refusal(404, "generation result not found")
    if not world.account.reserve(order.credits):
        raise Refusal(402)
    generation = world.generations.accept(order, traits_of(call))
    call.entry["generation_id"] = generation.generation_id
    world.journal.accepted(_submit_entry(generation, order))
    return web.json_response({"generation_id": generation.generation_id, **times(generation)})


async def status(call: Call) -> web.StreamResponse:
    """GET /generation/{generation_id}."""
    generation_id = whole(call.request.match_info["generation_id"], ("path", "generation_id"))
    generation = call.world.generations.find(generation_id)
    call.entry["generation_id"] = generation_id
    await call.gate(generation.order.image_url if generation else None)
    if generation is None:
        raise Refusal(404, _MISSING)
    word = SEEN_QUEUED if call.has("unknown_status") else None
    return web.json_response(facts(call, generation, word))


async def _body(call: Call) -> Any:
    try:
        text = await call.request.text()
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413) from None
    except (UnicodeDecodeError, LookupError):
        raise Invalid([Problem(("body",), "JSON decode error", "json_invalid")]) from None
    if not text:
        raise Invalid([Problem(("body",), "Field required", "missing")])
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid([Problem(("body", error.pos), "JSON decode error", "json_invalid")]) from None
    except (ValueError, RecursionError):
        raise Invalid([Problem(("body",), "JSON decode error", "json_invalid")]) from None


def _submit_entry(generation: Generation, order: Order) -> dict[str, Any]:
    """What the journal keeps of a paid submit; `query` is that of the image_url."""
    return {
        "generation_id": generation.generation_id,
        "image_url": order.image_url,
        "query": query_of(order.image_url),
        "generation_result_id": order.generation_result_id,
        "model": order.model,
        "settings": dict(order.settings),
        "credits": order.credits,
    }
