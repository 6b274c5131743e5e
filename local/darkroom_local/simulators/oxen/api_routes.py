"""The endpoints that cost money or look after one generation: enqueue, edit, status, cancel.

Each handler checks, acts and answers, in the vendor's terms. It calls `gate` once it knows which
input the call is about, so that a fault can single one out. Lists, the model and results live
elsewhere.
"""

from __future__ import annotations

import base64
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.input_urls import query_of
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.oxen.errors import Plain
from darkroom_local.simulators.oxen.generation_views import row
from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.published_facts import AS_BASE64, INPUT, SUCCEEDED
from darkroom_local.simulators.oxen.request_checks import Request, Unfit, order_of, read_request
from darkroom_local.simulators.oxen.simulator_state import Call, traits_of


async def submit(call: Call) -> web.StreamResponse:
    """POST /ai/queue: accepted after the few checks made at once; the rest is found out when it runs."""
    request = read_request(await _body(call))
    _reserve(call, request.count)
    jobs = [_accept(call, request, listed=True) for _ in range(request.count)]
    call.entry["generation_id"] = jobs[0].generation_id
    accepted = [{"generation_id": job.generation_id, "status": job.status} for job in jobs]
    return web.json_response({"generations": accepted})


async def edit(call: Call) -> web.StreamResponse:
    """POST /ai/images/edit: everything is checked at once, and the answer waits for the picture."""
    request = read_request(await _body(call))
    try:
        order_of(request.params, call.world.settings.choices)
    except Unfit as unfit:
        raise Refusal(400, str(unfit)) from None
    _reserve(call, 1)
    inline = call.has("inline") or request.params.get("response_format") == AS_BASE64
    job = _accept(call, request, listed=False)
    await job.ended.wait()
    if job.file is None or job.status != SUCCEEDED:
        raise Plain(400 if job.is_unfit else 500, job.error_message or "")
    if inline:
        image = {AS_BASE64: await call.world.workshop.make(partial(_encoded, job.file.path))}
    else:
        image = {"url": call.world.addresses.result(call.request.url.origin(), job) or ""}
    return web.json_response({"model": request.model, "created": int(time.time()), "images": [image]})


async def status(call: Call) -> web.StreamResponse:
    """GET /ai/queue/{generation_id}."""
    job = await _found(call)
    strange = call.has("unknown_status")
    echo = call.world.settings.echo_input and not call.has("no_echo")
    url = call.world.addresses.result(call.request.url.origin(), job)
    return web.json_response(row(job, url, echo=echo, strange=strange))


async def cancel(call: Call) -> web.StreamResponse:
    """DELETE /ai/queue/{generation_id}: no effect, and no refusal, on one that ended."""
    job = await _found(call)
    call.world.jobs.cancel(job)
    return web.json_response({"status": "success", "generation_id": job.generation_id})


async def _found(call: Call) -> Job:
    """The generation the path names, past the gate."""
    generation_id = call.request.match_info["generation_id"]
    job = call.world.jobs.find(generation_id)
    call.entry["generation_id"] = generation_id
    await call.gate(job.request.input_image if job else None)
    if job is None:
        raise Refusal(404)
    return job


async def _body(call: Call) -> Any:
    """The body, past the gate; what is no JSON comes back as None."""
    try:
        body = json.loads(await call.request.text())
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413) from None
    except (ValueError, LookupError, RecursionError):
        body = None
    await call.gate_body(body)
    return body


def _reserve(call: Call, count: int) -> None:
    if not call.world.account.reserve(call.world.settings.price_units * count):
        raise Refusal(402)


def _accept(call: Call, request: Request, *, listed: bool) -> Job:
    """Start one generation and note it as paid; `query` is that of the input's address."""
    world = call.world
    job = world.jobs.accept(request, world.settings.price_units, traits_of(call), listed=listed)
    world.journal.accepted(
        {
            "generation_id": job.generation_id if listed else None,
            "operation": call.operation,
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
