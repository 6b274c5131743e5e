"""The endpoints: create an upscale, look at a generation, list generations.

Each handler checks, acts and answers, in the vendor's terms. It calls `gate` once it knows which
input the call is about, so that a fault can single one out. Result links and the control
endpoints live elsewhere.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ..stage.addresses import query_of
from ..stage.refusals import Refusal
from .errors import Invalid, Problem
from .generations import RUNNING, Generation
from .models import CREATED, LIST_LIMIT_DEFAULT, LIST_LIMIT_HIGHEST, SEEN_QUEUED
from .orders import Order, read_order
from .world import Call, traits_of

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
    return web.json_response({"generation_id": generation.generation_id, **_times(generation)})


async def status(call: Call) -> web.StreamResponse:
    """GET /generation/{generation_id}."""
    generation_id = _whole(call.request.match_info["generation_id"], ("path", "generation_id"))
    generation = call.world.generations.find(generation_id)
    call.entry["generation_id"] = generation_id
    await call.gate(generation.order.image_url if generation else None)
    if generation is None:
        raise Refusal(404, _MISSING)
    word = SEEN_QUEUED if call.has("unknown_status") else None
    return web.json_response(_facts(call, generation, word))


async def listing(call: Call) -> web.StreamResponse:
    """GET /generations: an array, newest first; paging by limit and offset is assumed."""
    await call.gate()
    query = call.request.query
    limit = _whole(query.get("limit", str(LIST_LIMIT_DEFAULT)), ("query", "limit"))
    offset = _whole(query.get("offset", "0"), ("query", "offset"))
    if not 1 <= limit <= LIST_LIMIT_HIGHEST:
        message = f"Input should be from 1 to {LIST_LIMIT_HIGHEST}"
        raise Invalid([Problem(("query", "limit"), message, "value_error")])
    everything = call.world.generations.listed()
    echo = call.world.settings.echo_image_url and not call.has("no_echo")
    entries = [_listed(call, generation, echo) for generation in everything[offset : offset + limit]]
    if call.has("list_shape"):
        return web.json_response({"generations": entries, "total": len(everything), "limit": limit, "offset": offset})
    return web.json_response(entries)


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


def _facts(call: Call, generation: Generation, word: str | None = None) -> dict[str, Any]:
    """A generation as it is answered; `word` is for faults."""
    if generation.traits.unknown_status and generation.status in RUNNING:
        word = SEEN_QUEUED
    return {
        "generation_id": generation.generation_id,
        "model_name": generation.order.model,
        "status": word or generation.status,
        "generation_results": _results(call, generation),
        **_times(generation),
    }


def _listed(call: Call, generation: Generation, echo: bool) -> dict[str, Any]:
    facts = _facts(call, generation)
    return {**facts, "image_url": generation.order.image_url} if echo else facts


def _results(call: Call, generation: Generation) -> list[dict[str, Any]]:
    """None while Created, then one; its link is there once it is Done and ends with the picture's keeping."""
    if generation.status == CREATED:
        return []
    link = None
    if generation.file is not None and generation.expires:
        link = call.link(generation.file.path.name, generation.expires)
    return [{"generation_result_id": generation.result_id, "image_url": link, "status": generation.status}]


def _times(generation: Generation) -> dict[str, str]:
    return {"created_at": _stamp(generation.created), "updated_at": _stamp(generation.modified)}


def _stamp(moment: float) -> str:
    """ISO 8601 in UTC (assumed: the page says text only)."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _whole(text: str, where: tuple[str, str]) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Invalid([Problem(where, "Input should be a valid integer", "int_parsing")])
    return int(text)
