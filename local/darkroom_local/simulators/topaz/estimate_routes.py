"""The handlers that estimate duration and credits: for one request, for one generative request, and for a list of requests.

Estimates are free and store nothing. The `category` and the `model` of a request together name the endpoint. Three things
are assumed, because the vendor's pages do not say them: the names of all categories except Enhance; the answer to a list is
a list in the same order; and if one request of a list is bad, the whole list is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.topaz.form_reader import read_form
from darkroom_local.simulators.topaz.jobs import duration_seconds
from darkroom_local.simulators.topaz.published_facts import ENDPOINTS, Endpoint
from darkroom_local.simulators.topaz.request_checks import check_fields, price_request, read_input_size
from darkroom_local.simulators.topaz.simulator_state import TopazExchange

_DEFAULT_CATEGORY = "Enhance"


async def estimate(exchange: TopazExchange) -> web.StreamResponse:
    """Answer POST /estimate."""
    return await _estimate(exchange, generative=False)


async def estimate_gen(exchange: TopazExchange) -> web.StreamResponse:
    """Answer POST /estimate-gen."""
    return await _estimate(exchange, generative=True)


async def estimate_bulk(exchange: TopazExchange) -> web.StreamResponse:
    """Answer POST /estimate-bulk."""
    await exchange.begin()
    try:
        requests = json.loads(await exchange.request.text())
    except ValueError:
        requests = None
    if not isinstance(requests, list) or not all(isinstance(request, dict) for request in requests) or not requests:
        raise Refusal(400, "The body must be a JSON list of at least one request.")
    as_text = [{name: _text(value) for name, value in request.items()} for request in requests]
    exchange.entry["fields"] = {"requests": len(as_text)}
    return web.json_response([_answer(exchange, fields, tuple(ENDPOINTS.values())) for fields in as_text])


async def _estimate(exchange: TopazExchange, generative: bool) -> web.StreamResponse:
    state = exchange.state
    form = await read_form(exchange.request, state.workers.directory, state.settings.request_limit_bytes)
    form.discard()
    exchange.entry["fields"] = dict(form.fields)
    await exchange.begin()
    candidates = tuple(endpoint for endpoint in ENDPOINTS.values() if endpoint.is_generative == generative)
    return web.json_response(_answer(exchange, form.fields, candidates))


def _answer(exchange: TopazExchange, fields: Mapping[str, str], candidates: tuple[Endpoint, ...]) -> dict[str, int]:
    settings = exchange.state.settings
    endpoint = settings.endpoint(_endpoint_of(fields, candidates))
    width, height = read_input_size(fields)
    checked_fields = check_fields(endpoint, fields, settings.spelling)
    request = price_request(checked_fields, width, height, endpoint.output_limit_mp)
    return {"duration": math.ceil(duration_seconds(request, settings.speed)), "credits": request.credits}


def _endpoint_of(fields: Mapping[str, str], candidates: tuple[Endpoint, ...]) -> Endpoint:
    """Return the endpoint of the request's category that has its model, or else the category's first endpoint.

    Raises Refusal 400 if the category is unknown.
    """
    category = fields.get("category", _DEFAULT_CATEGORY)
    found = [endpoint for endpoint in candidates if endpoint.category == category]
    if not found:
        raise Refusal(400, f"category must be one of {', '.join(_categories(candidates))}.")
    named = (endpoint for endpoint in found if endpoint.model(fields.get("model", "")) is not None)
    return next(named, found[0])


def _categories(candidates: tuple[Endpoint, ...]) -> Iterator[str]:
    yield from dict.fromkeys(endpoint.category for endpoint in candidates)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
