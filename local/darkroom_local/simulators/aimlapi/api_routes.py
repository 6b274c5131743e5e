"""The endpoints: make a picture, read the request log, read the balance.

Each handler checks, acts and answers, in the vendor's terms. It calls `gate` once it knows which
input the call is about, so that a fault can single one out. Result links and the control
endpoints live elsewhere.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from aiohttp import web

from darkroom_local.simulators.aimlapi.errors import Invalid, naming, stamp
from darkroom_local.simulators.aimlapi.generations import Generation, Sender
from darkroom_local.simulators.aimlapi.published_facts import CLIENT_ID_PATTERN, LOW_BALANCE_CREDITS
from darkroom_local.simulators.aimlapi.request_checks import Order, read_order
from darkroom_local.simulators.aimlapi.request_log import lines, page, read_query
from darkroom_local.simulators.aimlapi.responses import B64, Shape, picture_answer, usd
from darkroom_local.simulators.aimlapi.simulator_state import Call, shape_of, traits_of
from darkroom_local.simulators.framework.input_urls import query_of
from darkroom_local.simulators.framework.refusals import Refusal, Severed

_CLIENT_ID = re.compile(CLIENT_ID_PATTERN)


async def submit(call: Call) -> web.StreamResponse:
    """POST /v1/images/generations: held until the picture is there. What is refused is logged as failed."""
    world, entry = call.world, call.entry
    entry["client_request_id"] = _client_request_id(call.request)
    sender = Sender(entry["request_id"], entry["client_request_id"])
    try:
        order = await _order(call)
    except Refusal as refusal:
        if 400 <= refusal.status < 500:
            world.refusals.note(sender, (entry.get("fields") or {}).get("model"))
        raise
    shape = shape_of(call)
    generation = world.generations.accept(order, sender, traits_of(call))
    entry["inference_id"] = generation.inference_id
    world.journal.accepted(_submit_entry(generation))
    await generation.ended.wait()
    if call.request.transport is None:  # nobody listens any more; the generation came to its end all the same
        raise Severed
    if generation.problem is not None:
        raise Refusal(generation.problem.status, generation.problem.message)
    return await _picture(call, generation, shape)


async def listing(call: Call) -> web.StreamResponse:
    """GET /v2/logs."""
    await call.gate()
    world = call.world
    world.pace.note()
    query = read_query(call.request, world.settings.api_key, world.settings.refuse_unknown_query)
    shown = lines(world.generations.logged(), world.refusals)
    return web.json_response(page(shown, query), headers=naming(call.entry))


async def balance(call: Call) -> web.StreamResponse:
    """GET /v2/billing: in USD. What is held for a running generation is not in it (assumed)."""
    await call.gate()
    body = {"current_balance": usd(call.world.account.available_credits), "currency": "USD"}
    return web.json_response(body, headers=naming(call.entry))


async def legacy_balance(call: Call) -> web.StreamResponse:
    """GET /v1/billing/balance: in credits."""
    await call.gate()
    credits = call.world.account.available_credits
    body = {
        "balance": credits,
        "lowBalance": credits < LOW_BALANCE_CREDITS,
        "lowBalanceThreshold": LOW_BALANCE_CREDITS,
        "lastUpdated": stamp(datetime.now(UTC)),
        "autoDebitStatus": "disabled",
        "status": "current",
        "statusExplanation": "Balance is current and up to date",
    }
    return web.json_response(body, headers=naming(call.entry))


async def _order(call: Call) -> Order:
    """What is asked for, checked and its credits held."""
    body = await _body(call)
    await call.gate_body(body)
    order = read_order(body, call.world.settings.price_credits)
    if not call.world.account.reserve(order.credits):
        raise Refusal(403)
    return order


def _client_request_id(request: web.Request) -> str | None:
    """The caller's own id; one that is not as it must be is dropped without a word, as published."""
    given = request.headers.get("X-Client-Request-Id", "")
    return given if _CLIENT_ID.fullmatch(given) else None


async def _body(call: Call) -> Any:
    try:
        return json.loads(await call.request.text(), parse_constant=_no_number)
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413) from None
    except (ValueError, LookupError, RecursionError):
        raise Invalid("Body", ["The body is not valid JSON"]) from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _submit_entry(generation: Generation) -> dict[str, Any]:
    """What the journal keeps of a paid submit; `query` is that of the image_url."""
    order = generation.order
    return {
        "inference_id": generation.inference_id,
        "client_request_id": generation.sender.client_request_id,
        "image_url": order.image_url,
        "query": query_of(order.image_url),
        "model": order.model,
        "settings": dict(order.settings),
        "credits": order.credits,
    }


async def _picture(call: Call, generation: Generation, shape: Shape) -> web.StreamResponse:
    """The answer for a generation that succeeded."""
    file = generation.file
    if file is None:
        raise Refusal(500)
    credits = generation.order.credits
    if shape.answer_with == B64:
        return await call.world.workshop.make(
            lambda: picture_answer(call.entry, shape, file.path.read_bytes(), credits)
        )
    return picture_answer(call.entry, shape, call.link(file.path.name, generation.expires), credits)
