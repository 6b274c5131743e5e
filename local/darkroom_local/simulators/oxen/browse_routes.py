"""The endpoints that only look: the queue, the history, the model, a result's first address, events.

Each answers in the vendor's terms. Nothing here starts, ends or pays for a generation.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.oxen.errors import Plain
from darkroom_local.simulators.oxen.generation_views import dollars, event, history_row, row
from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.model_endpoint import model_entry
from darkroom_local.simulators.oxen.published_facts import (
    ACTIVE,
    EVENT,
    KEEP_ALIVE_SECONDS,
    MEDIA_TYPE,
    MEDIA_TYPES,
    MODEL,
    NAMESPACE,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_HIGHEST,
    STATUSES,
    SUCCEEDED,
)
from darkroom_local.simulators.oxen.simulator_state import Call

_FOLDERS = (("repo", "repo"), ("directory", "folder"))  # the field's name after `target_`, and the query's


async def listing(call: Call) -> web.StreamResponse:
    """GET /ai/queue: the active ones, or those of one status; all at once."""
    await call.gate()
    jobs = _chosen(call, ACTIVE)
    echo = call.world.settings.echo_input and not call.has("no_echo")
    nameless = call.has("null_input")
    rows = [row(job, _result(call, job), echo=echo, nameless=nameless) for job in jobs]
    return web.json_response({"count": len(rows), "generations": rows})


async def history(call: Call) -> web.StreamResponse:
    """GET /ai/generations: whatever there ever was, in pages, with what it cost."""
    await call.gate()
    jobs = _chosen(call, STATUSES)
    page, size = _whole(call, "page", 1, None), _whole(call, "page_size", PAGE_SIZE_DEFAULT, PAGE_SIZE_HIGHEST)
    highest = call.world.settings.page_size_limit
    size = size if highest is None else min(size, highest)
    echo, nameless = not call.has("no_echo"), call.has("null_input")
    chosen = jobs[(page - 1) * size : page * size]
    rows = [history_row(job, _result(call, job), echo=echo, nameless=nameless) for job in chosen]
    charged = [job.units for job in jobs if job.status == SUCCEEDED]
    body = {
        "count": len(rows),
        "generations": rows,
        "page_number": page,
        "page_size": size,
        "total_pages": math.ceil(len(jobs) / size),
        "total_entries": len(jobs),
        "total_cost": dollars(sum(charged)) if charged else None,
    }
    if call.has("no_length"):
        body = {name: value for name, value in body.items() if not name.startswith("total_")}
    return web.json_response(body)


async def details(call: Call) -> web.StreamResponse:
    """GET /ai/generations/{generation_id}."""
    generation_id = call.request.match_info["generation_id"]
    job = call.world.jobs.find(generation_id)
    call.entry["generation_id"] = generation_id
    await call.gate(job.request.input_image if job else None)
    if job is None:
        raise Refusal(404)
    found = history_row(job, _result(call, job), echo=not call.has("no_echo"), priced=not call.has("no_cost"))
    return web.json_response({"status": "success", "status_message": "resource_found", "generation": found})


async def model(call: Call) -> web.StreamResponse:
    """GET /ai/models/{id}."""
    await call.gate()
    name, settings = call.request.match_info["id"], call.world.settings
    if name != MODEL:
        raise Plain(404, f"Model not found: {name}")
    return web.json_response(model_entry(settings.price_units, settings.choices, settings.schema_field))


async def file(call: Call) -> web.StreamResponse:
    """GET of a result under the API's own host: with the key, on to a presigned link. Strangers never come so far."""
    name = call.request.match_info["name"]
    job = call.world.jobs.of_file(name)
    call.entry["generation_id"] = job.generation_id if job and job.listed else None
    await call.gate(job.request.input_image if job else None)
    if job is None or _result(call, job) is None:
        raise Refusal(404)
    link = call.world.addresses.presigned(call.request.url.origin(), name)
    return web.Response(status=302, headers={"Location": link})


async def events(call: Call) -> web.StreamResponse:
    """GET /events: server-sent events until the client goes, with a comment now and then."""
    world = call.world
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    queue = world.listeners.join()
    try:
        await response.prepare(call.request)
        while True:
            try:
                job = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS / world.settings.speed)
            except TimeoutError:
                await response.write(b": keep-alive\n\n")
                continue
            data = json.dumps(event(job, _result(call, job)), separators=(",", ":"))
            await response.write(f"event: {EVENT}\ndata: {data}\n\n".encode())
    finally:
        world.listeners.leave(queue)


def _result(call: Call, job: Job) -> str | None:
    return call.world.addresses.result(call.request.url.origin(), job)


def _chosen(call: Call, statuses: Sequence[str]) -> list[Job]:
    """The generations the query asks for; `statuses` are meant when it names none."""
    query = call.request.query
    _one_of(call, "status", STATUSES)
    media_type = _one_of(call, "media_type", MEDIA_TYPES)
    wanted = {"target_namespace": query.get("namespace", NAMESPACE)}
    wanted |= {f"target_{what}": query[key] for what, key in _FOLDERS if key in query}
    return [
        job
        for job in call.world.jobs.shown()
        if job.status in ((query["status"],) if "status" in query else statuses)
        and query.get("model", job.request.model) == job.request.model
        and media_type in (None, MEDIA_TYPE)
        and wanted.items() <= job.request.targets.items()
    ]


def _one_of(call: Call, name: str, words: Sequence[str]) -> str | None:
    value = call.request.query.get(name)
    if value is not None and value not in words:
        raise Refusal(400, f"{name} must be one of: {', '.join(words)}")
    return value


def _whole(call: Call, name: str, default: int, highest: int | None) -> int:
    text = call.request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < 1:
        raise Refusal(400, f"{name} must be an integer of at least 1")
    if highest is not None and int(text) > highest:
        raise Refusal(400, f"{name} must be at most {highest}")
    return int(text)
