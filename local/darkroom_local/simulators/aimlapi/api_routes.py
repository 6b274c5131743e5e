"""The handlers of the endpoints that make a picture and return the usage log, the balance and the models.

Each handler calls `begin` as soon as it knows which input the request is about, because a fault rule may apply to one
input only. Result links and the control endpoints are in other modules.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from aiohttp import web

from darkroom_local.simulators.aimlapi.errors import InvalidRequest, format_time, id_headers
from darkroom_local.simulators.aimlapi.generations import Generation, Sender
from darkroom_local.simulators.aimlapi.published_facts import (
    CLIENT_ID_PATTERN,
    LOW_BALANCE_CREDITS,
    MODELS,
    OTHER_MODEL,
)
from darkroom_local.simulators.aimlapi.request_checks import SharpenRequest, check_request
from darkroom_local.simulators.aimlapi.responses import B64, AnswerShape, picture_answer, usd
from darkroom_local.simulators.aimlapi.simulator_state import AimlapiExchange, take_answer_shape, take_misbehaviour
from darkroom_local.simulators.aimlapi.usage_log import log_rows, page_body, read_query
from darkroom_local.simulators.framework.input_urls import query_of
from darkroom_local.simulators.framework.refusals import ConnectionCut, Refusal

_CLIENT_ID = re.compile(CLIENT_ID_PATTERN)


async def submit(exchange: AimlapiExchange) -> web.StreamResponse:
    """Answer POST /v1/images/generations. The answer comes when the picture is finished.

    The usage log lists a request that is refused with 4xx as failed.
    """
    state, entry = exchange.state, exchange.entry
    entry["client_request_id"] = _client_request_id(exchange.request)
    sender = Sender(entry["request_id"], entry["client_request_id"])
    try:
        request = await _check_and_reserve(exchange)
    except Refusal as refusal:
        if 400 <= refusal.status < 500:
            state.refusals.add(sender, (entry.get("fields") or {}).get("model"))
        raise
    shape = take_answer_shape(exchange)
    generation = state.generations.accept(request, sender, take_misbehaviour(exchange))
    entry["inference_id"] = generation.inference_id
    state.journal.record_submit(_submit_entry(generation))
    await generation.ended.wait()
    if exchange.request.transport is None:  # the client has hung up, but the generation was still completed
        raise ConnectionCut
    if generation.problem is not None:
        raise Refusal(generation.problem.status, generation.problem.message)
    return await _picture(exchange, generation, shape)


async def listing(exchange: AimlapiExchange) -> web.StreamResponse:
    """Answer GET /v2/logs."""
    await exchange.begin()
    state = exchange.state
    state.rate_limit.record_call()
    query = read_query(exchange.request, state.settings.api_key, state.settings.refuse_unknown_query)
    shown = log_rows(state.generations.logged(), state.refusals)
    return web.json_response(page_body(shown, query), headers=id_headers(exchange.entry))


async def balance(exchange: AimlapiExchange) -> web.StreamResponse:
    """Answer GET /v2/billing with the balance in USD.

    It is assumed that the balance leaves out the credits that are reserved for running generations.
    """
    await exchange.begin()
    body = {"current_balance": usd(exchange.state.account.available_credits), "currency": "USD"}
    return web.json_response(body, headers=id_headers(exchange.entry))


async def models(exchange: AimlapiExchange) -> web.StreamResponse:
    """Answer GET /models with every model that the vendor offers. All fields except `id` are assumed."""
    await exchange.begin()
    settings = exchange.state.settings
    names = [name for name in MODELS if name not in settings.missing_models]
    entries = [{"id": name, "type": "image"} for name in (*names, *settings.more_models, OTHER_MODEL)]
    return web.json_response({"object": "list", "data": entries}, headers=id_headers(exchange.entry))


async def legacy_balance(exchange: AimlapiExchange) -> web.StreamResponse:
    """Answer GET /v1/billing/balance with the balance in credits."""
    await exchange.begin()
    credits = exchange.state.account.available_credits
    body = {
        "balance": credits,
        "lowBalance": credits < LOW_BALANCE_CREDITS,
        "lowBalanceThreshold": LOW_BALANCE_CREDITS,
        "lastUpdated": format_time(datetime.now(UTC)),
        "autoDebitStatus": "disabled",
        "status": "current",
        "statusExplanation": "Balance is current and up to date",
    }
    return web.json_response(body, headers=id_headers(exchange.entry))


async def _check_and_reserve(exchange: AimlapiExchange) -> SharpenRequest:
    """Check the request, reserve its credits and return it. Raises Refusal if it is bad or the credits are too few."""
    body = await _body(exchange)
    await exchange.begin_with_body(body)
    request = check_request(body, exchange.state.settings.price_credits)
    if not exchange.state.account.reserve(request.credits):
        raise Refusal(403)
    return request


def _client_request_id(request: web.Request) -> str | None:
    """Return the id that the client gave its request, or None. As published, an invalid id is ignored."""
    given = request.headers.get("X-Client-Request-Id", "")
    return given if _CLIENT_ID.fullmatch(given) else None


async def _body(exchange: AimlapiExchange) -> Any:
    try:
        return json.loads(await exchange.request.text(), parse_constant=_no_number)
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413) from None
    except (ValueError, LookupError, RecursionError):
        raise InvalidRequest("Body", ["The body is not valid JSON"]) from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _submit_entry(generation: Generation) -> dict[str, Any]:
    """Return the journal's entry for a paid submit. Its field `query` holds the query of the URL in `image_url`."""
    request = generation.request
    return {
        "inference_id": generation.inference_id,
        "client_request_id": generation.sender.client_request_id,
        "image_url": request.image_url,
        "query": query_of(request.image_url),
        "model": request.model,
        "settings": dict(request.settings),
        "credits": request.credits,
    }


async def _picture(exchange: AimlapiExchange, generation: Generation, shape: AnswerShape) -> web.StreamResponse:
    """Return the answer for a generation that succeeded."""
    file = generation.file
    if file is None:
        raise Refusal(500)
    credits = generation.request.credits
    if shape.answer_with == B64:
        return await exchange.state.workers.run_in_thread(
            lambda: picture_answer(exchange.entry, shape, file.path.read_bytes(), credits)
        )
    return picture_answer(exchange.entry, shape, exchange.presigned_url(file.path.name, generation.expires), credits)
