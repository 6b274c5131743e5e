"""The list of generations, in the published shape or, by an injected fault, in one of two shapes that clients have seen.

The published list has numbered pages. `page` and `items_per_page` must be at least 1. The answer is an object that says
how many pages there are, and each entry holds its request as text. Assumed, because the vendor's page does not say it:
this text is the body as JSON, the newest entry comes first, and a page holds 20 entries by default and at most 100.

Clients have seen an array, and an object with the field `generations`. It is assumed that `limit` and `offset` choose the
entries. Each entry looks like a generation and also has its `image_url`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from darkroom_local.simulators.uwear.errors import InvalidRequest, Problem
from darkroom_local.simulators.uwear.generation_views import generation_body, parse_whole_number, status_of, timestamps
from darkroom_local.simulators.uwear.generations import Generation
from darkroom_local.simulators.uwear.published_facts import FEATURE, LIST_LIMIT_DEFAULT, LIST_LIMIT_HIGHEST
from darkroom_local.simulators.uwear.simulator_state import UwearExchange


async def listing(exchange: UwearExchange) -> web.StreamResponse:
    """Answer GET /generations."""
    await exchange.begin()
    seen = exchange.take_fault("list_array", "list_shape")
    repeats = exchange.has_fault("page_ignored")
    query = {} if repeats else exchange.request.query
    if seen is None:
        return _published(exchange, query)
    return _seen(exchange, query, in_object=seen.kind == "list_shape")


def _published(exchange: UwearExchange, query: Mapping[str, str]) -> web.StreamResponse:
    page = _least_one(query, "page", 1)
    size = min(_least_one(query, "items_per_page", LIST_LIMIT_DEFAULT), LIST_LIMIT_HIGHEST)
    everything = exchange.state.generations.listed()
    if "status" in query:
        everything = [generation for generation in everything if status_of(generation) == query["status"]]
    shown = everything[(page - 1) * size : page * size]
    echo, null_input = _echo(exchange), exchange.has_fault("null_input")
    body = {
        "current_page": page,
        "max_page": math.ceil(len(everything) / size),
        "total_count": len(everything),
        "data": [_entry(generation, echo=echo, null_input=null_input) for generation in shown],
    }
    return web.json_response(body)


def _entry(generation: Generation, *, echo: bool, null_input: bool) -> dict[str, Any]:
    given = {**generation.request.given, "image_url": None} if null_input else generation.request.given
    return {
        "generation_id": generation.generation_id,
        "clothing_item_id": None,
        "num_images": 1,
        "payload": json.dumps(given) if echo else "",
        "status": status_of(generation),
        "feature_name": FEATURE,
        **timestamps(generation),
    }


def _seen(exchange: UwearExchange, query: Mapping[str, str], *, in_object: bool) -> web.StreamResponse:
    limit = parse_whole_number(query.get("limit", str(LIST_LIMIT_DEFAULT)), ("query", "limit"))
    offset = parse_whole_number(query.get("offset", "0"), ("query", "offset"))
    if not 1 <= limit <= LIST_LIMIT_HIGHEST:
        message = f"Input should be from 1 to {LIST_LIMIT_HIGHEST}"
        raise InvalidRequest([Problem(("query", "limit"), message, "value_error")])
    everything = exchange.state.generations.listed()
    echo, null_input = _echo(exchange), exchange.has_fault("null_input")
    entries = [generation_body(exchange, generation) for generation in everything[offset : offset + limit]]
    for entry, generation in zip(entries, everything[offset:], strict=False):
        if echo:
            entry["image_url"] = None if null_input else generation.request.image_url
    if in_object:
        return web.json_response({"generations": entries, "total": len(everything), "limit": limit, "offset": offset})
    return web.json_response(entries)


def _echo(exchange: UwearExchange) -> bool:
    return exchange.state.settings.echo_input and not exchange.has_fault("no_echo")


def _least_one(query: Mapping[str, str], name: str, default: int) -> int:
    number = parse_whole_number(query.get(name, str(default)), ("query", name))
    if number < 1:
        message = "Input should be greater than or equal to 1"
        raise InvalidRequest([Problem(("query", name), message, "greater_than_equal")])
    return number
