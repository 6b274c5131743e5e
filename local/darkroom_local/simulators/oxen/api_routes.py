"""The handlers of the endpoints that start, show or cancel a generation: enqueue, edit, status and cancel.

Each handler calls `begin` as soon as it knows which input the request is about, because a fault rule may apply to one
input only. Lists, the model and results are in other modules.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.input_urls import query_of
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.oxen.errors import PlainRefusal, error_response
from darkroom_local.simulators.oxen.generation_views import queue_row
from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.published_facts import AS_BASE64, INPUT, SUCCEEDED
from darkroom_local.simulators.oxen.request_checks import (
    GenerationRequest,
    UnusableInput,
    check_parameters,
    read_request,
)
from darkroom_local.simulators.oxen.simulator_state import OxenExchange, take_misbehaviour


async def submit(exchange: OxenExchange) -> web.StreamResponse:
    """Answer POST /ai/queue. Only a few checks run now. The other checks run when the generation starts."""
    request = read_request(await _body(exchange), exchange.state.settings.rules)
    if exchange.has_fault("error_in_200"):
        return _error_in_200()
    _reserve(exchange, request)
    jobs = [_accept(exchange, request, listed=True) for _ in range(request.count)]
    exchange.entry["generation_id"] = jobs[0].generation_id
    accepted = [{"generation_id": job.generation_id, "status": job.status} for job in jobs]
    return web.json_response({"generations": accepted})


async def edit(exchange: OxenExchange) -> web.StreamResponse:
    """Answer POST /ai/images/edit. All checks run at once, and the answer comes when the picture is finished."""
    request = read_request(await _body(exchange), exchange.state.settings.rules)
    if exchange.has_fault("error_in_200"):
        return _error_in_200()
    try:
        check_parameters(request.params, exchange.state.settings.rules[request.model])
    except UnusableInput as problem:
        raise Refusal(400, str(problem)) from None
    _reserve(exchange, replace(request, count=1))
    inline = exchange.has_fault("inline") or request.params.get("response_format") == AS_BASE64
    job = _accept(exchange, request, listed=False)
    await job.ended.wait()
    if job.file is None or job.status != SUCCEEDED:
        raise PlainRefusal(400 if job.is_input_unusable else 500, job.error_message or "")
    if inline:
        image = {AS_BASE64: await exchange.state.workers.run_in_thread(partial(_encoded, job.file.path))}
    else:
        image = {"url": exchange.state.result_urls.result(exchange.request.url.origin(), job) or ""}
    return web.json_response({"model": request.model, "created": int(time.time()), "images": [image]})


async def status(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /ai/queue/{generation_id}."""
    job = await _found(exchange)
    unknown_status = exchange.has_fault("unknown_status")
    echo = exchange.state.settings.echo_input and not exchange.has_fault("no_echo")
    url = exchange.state.result_urls.result(exchange.request.url.origin(), job)
    return web.json_response(queue_row(job, url, echo=echo, unknown_status=unknown_status))


async def cancel(exchange: OxenExchange) -> web.StreamResponse:
    """Answer DELETE /ai/queue/{generation_id}. A generation that has ended does not change, but the answer is the same."""
    job = await _found(exchange)
    exchange.state.jobs.cancel(job)
    return web.json_response({"status": "success", "generation_id": job.generation_id})


async def _found(exchange: OxenExchange) -> Job:
    """Return the generation that the path names. Raises Refusal 404 if there is none.

    Injected faults that strike before any work are carried out first.
    """
    generation_id = exchange.request.match_info["generation_id"]
    job = exchange.state.jobs.find(generation_id)
    exchange.entry["generation_id"] = generation_id
    await exchange.begin(job.request.input_image if job else None)
    if job is None:
        raise Refusal(404)
    return job


async def _body(exchange: OxenExchange) -> Any:
    """Return the JSON body, or None if the body is not JSON.

    Injected faults that strike before any work are carried out first.
    """
    try:
        body = json.loads(await exchange.request.text())
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413) from None
    except (ValueError, LookupError, RecursionError):
        body = None
    await exchange.begin_with_body(body)
    return body


def _error_in_200() -> web.Response:
    """Return an answer with status 200 whose body is an error, as one client has seen it. Nothing is accepted."""
    refused = error_response(Refusal(402))
    return web.Response(body=refused.body, content_type="application/json")


def _reserve(exchange: OxenExchange, request: GenerationRequest) -> None:
    if not exchange.state.account.reserve(exchange.state.settings.price(request.model) * request.count):
        raise Refusal(402)


def _accept(exchange: OxenExchange, request: GenerationRequest, *, listed: bool) -> Job:
    """Start one generation and record it as paid. The journal's field `query` holds the query of the input's URL."""
    state = exchange.state
    job = state.jobs.accept(request, state.settings.price(request.model), take_misbehaviour(exchange), listed=listed)
    state.journal.record_submit(
        {
            "generation_id": job.generation_id if listed else None,
            "operation": exchange.operation,
            "input_image": request.params.get(INPUT),
            "query": query_of(request.input_image),
            "model": request.model,
            "settings": request.settings,
            "credits": job.units,
        }
    )
    return job


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
