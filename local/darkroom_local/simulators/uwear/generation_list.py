"""The list of generations, in the published shape, and on request in the two that clients have seen.

Published: pages, `page` and `items_per_page` of at least 1, answered in an object that says how
many pages there are; an entry names its request as a text. Assumed where the page is silent: that
this text is the body as JSON, newest entries first, at most 100 of them a page and 20 unless asked.
Seen: an array, or `generations` in an object, by `limit` and `offset` (assumed), whose entries look
as a generation does and name its `image_url`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from darkroom_local.simulators.uwear.errors import Invalid, Problem
from darkroom_local.simulators.uwear.generation_views import facts, status_of, times, whole
from darkroom_local.simulators.uwear.generations import Generation
from darkroom_local.simulators.uwear.published_facts import FEATURE, LIST_LIMIT_DEFAULT, LIST_LIMIT_HIGHEST
from darkroom_local.simulators.uwear.simulator_state import Call


async def listing(call: Call) -> web.StreamResponse:
    """GET /generations."""
    await call.gate()
    seen = call.take("list_array", "list_shape")
    repeats = call.has("page_ignored")
    query = {} if repeats else call.request.query
    if seen is None:
        return _published(call, query)
    return _seen(call, query, in_object=seen.kind == "list_shape")


def _published(call: Call, query: Mapping[str, str]) -> web.StreamResponse:
    page = _least_one(query, "page", 1)
    size = min(_least_one(query, "items_per_page", LIST_LIMIT_DEFAULT), LIST_LIMIT_HIGHEST)
    everything = call.world.generations.listed()
    if "status" in query:
        everything = [generation for generation in everything if status_of(generation) == query["status"]]
    shown = everything[(page - 1) * size : page * size]
    echo, nameless = _echo(call), call.has("null_input")
    body = {
        "current_page": page,
        "max_page": math.ceil(len(everything) / size),
        "total_count": len(everything),
        "data": [_entry(generation, echo=echo, nameless=nameless) for generation in shown],
    }
    return web.json_response(body)


def _entry(generation: Generation, *, echo: bool, nameless: bool) -> dict[str, Any]:
    given = {**generation.order.given, "image_url": None} if nameless else generation.order.given
    return {
        "generation_id": generation.generation_id,
        "clothing_item_id": None,
        "num_images": 1,
        "payload": json.dumps(given) if echo else "",
        "status": status_of(generation),
        "feature_name": FEATURE,
        **times(generation),
    }


def _seen(call: Call, query: Mapping[str, str], *, in_object: bool) -> web.StreamResponse:
    limit = whole(query.get("limit", str(LIST_LIMIT_DEFAULT)), ("query", "limit"))
    offset = whole(query.get("offset", "0"), ("query", "offset"))
    if not 1 <= limit <= LIST_LIMIT_HIGHEST:
        message = f"Input should be from 1 to {LIST_LIMIT_HIGHEST}"
        raise Invalid([Problem(("query", "limit"), message, "value_error")])
    everything = call.world.generations.listed()
    echo, nameless = _echo(call), call.has("null_input")
    entries = [facts(call, generation) for generation in everything[offset : offset + limit]]
    for entry, generation in zip(entries, everything[offset:], strict=False):
        if echo:
            entry["image_url"] = None if nameless else generation.order.image_url
    if in_object:
        return web.json_response({"generations": entries, "total": len(everything), "limit": limit, "offset": offset})
    return web.json_response(entries)


def _echo(call: Call) -> bool:
    return call.world.settings.echo_input and not call.has("no_echo")


def _least_one(query: Mapping[str, str], name: str, default: int) -> int:
    number = whole(query.get(name, str(default)), ("query", name))
    if number < 1:
        message = "Input should be greater than or equal to 1"
        raise Invalid([Problem(("query", name), message, "greater_than_equal")])
    return number
