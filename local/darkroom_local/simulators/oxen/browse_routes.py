"""The handlers of the read-only endpoints: the queue, the history, the models, results under the API's host, and events.

Nothing here starts, ends or charges a generation.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.oxen.errors import PlainRefusal
from darkroom_local.simulators.oxen.generation_views import dollars, event_body, history_row, queue_row
from darkroom_local.simulators.oxen.generations import Job
from darkroom_local.simulators.oxen.model_endpoint import model_entry
from darkroom_local.simulators.oxen.published_facts import (
    ACTIVE,
    EVENT,
    KEEP_ALIVE_SECONDS,
    MEDIA_TYPE,
    MEDIA_TYPES,
    NAMESPACE,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_HIGHEST,
    STATUSES,
    SUCCEEDED,
)
from darkroom_local.simulators.oxen.simulator_state import OxenExchange

_FOLDERS = (("repo", "repo"), ("directory", "folder"))  # (request field without its prefix `target_`, query parameter)


async def listing(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /ai/queue with all active generations, or with all that have the `status` in the query."""
    await exchange.begin()
    jobs = _chosen(exchange, ACTIVE)
    echo = exchange.state.settings.echo_input and not exchange.has_fault("no_echo")
    null_input = exchange.has_fault("null_input")
    rows = [queue_row(job, _result(exchange, job), echo=echo, null_input=null_input) for job in jobs]
    return web.json_response({"count": len(rows), "generations": rows})


async def history(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /ai/generations with pages of all generations so far and their cost."""
    await exchange.begin()
    jobs = _chosen(exchange, STATUSES)
    page, size = (
        _whole_number(exchange, "page", 1, None),
        _whole_number(exchange, "page_size", PAGE_SIZE_DEFAULT, PAGE_SIZE_HIGHEST),
    )
    highest = exchange.state.settings.page_size_limit
    size = size if highest is None else min(size, highest)
    echo, null_input = not exchange.has_fault("no_echo"), exchange.has_fault("null_input")
    chosen = jobs[(page - 1) * size : page * size]
    rows = [history_row(job, _result(exchange, job), echo=echo, null_input=null_input) for job in chosen]
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
    if exchange.has_fault("no_length"):
        body = {name: value for name, value in body.items() if not name.startswith("total_")}
    return web.json_response(body)


async def details(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /ai/generations/{generation_id}."""
    generation_id = exchange.request.match_info["generation_id"]
    job = exchange.state.jobs.find(generation_id)
    exchange.entry["generation_id"] = generation_id
    await exchange.begin(job.request.input_image if job else None)
    if job is None:
        raise Refusal(404)
    found = history_row(
        job, _result(exchange, job), echo=not exchange.has_fault("no_echo"), priced=not exchange.has_fault("no_cost")
    )
    return web.json_response({"status": "success", "status_message": "resource_found", "generation": found})


async def model(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /ai/models/{id}."""
    await exchange.begin()
    name, settings = exchange.request.match_info["id"], exchange.state.settings
    if name not in settings.rules:
        raise PlainRefusal(404, f"Model not found: {name}")
    return web.json_response(model_entry(name, settings.price(name), settings.rules[name], settings.schema_field))


async def models(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /ai/models with every model."""
    await exchange.begin()
    settings = exchange.state.settings
    entries = [
        model_entry(name, settings.price(name), rules, settings.schema_field) for name, rules in settings.rules.items()
    ]
    return web.json_response({"object": "list", "data": entries})


async def file(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET of a result under the API's own host. A client that sends the key is redirected to a presigned link."""
    name = exchange.request.match_info["name"]
    job = exchange.state.jobs.find_by_file(name)
    exchange.entry["generation_id"] = job.generation_id if job and job.listed else None
    await exchange.begin(job.request.input_image if job else None)
    if job is None or _result(exchange, job) is None:
        raise Refusal(404)
    link = exchange.state.result_urls.presigned(exchange.request.url.origin(), name)
    return web.Response(status=302, headers={"Location": link})


async def events(exchange: OxenExchange) -> web.StreamResponse:
    """Answer GET /events with server-sent events until the client disconnects. Comments are sent to keep the connection."""
    state = exchange.state
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    queue = state.listeners.join()
    try:
        await response.prepare(exchange.request)
        while True:
            try:
                job = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS / state.settings.speed)
            except TimeoutError:
                await response.write(b": keep-alive\n\n")
                continue
            data = json.dumps(event_body(job, _result(exchange, job)), separators=(",", ":"))
            await response.write(f"event: {EVENT}\ndata: {data}\n\n".encode())
    finally:
        state.listeners.leave(queue)


def _result(exchange: OxenExchange, job: Job) -> str | None:
    return exchange.state.result_urls.result(exchange.request.url.origin(), job)


def _chosen(exchange: OxenExchange, statuses: Sequence[str]) -> list[Job]:
    """Return the generations that match the query. If the query has no status, those in `statuses` match."""
    query = exchange.request.query
    _one_of(exchange, "status", STATUSES)
    media_type = _one_of(exchange, "media_type", MEDIA_TYPES)
    wanted = {"target_namespace": query.get("namespace", NAMESPACE)}
    wanted |= {f"target_{what}": query[key] for what, key in _FOLDERS if key in query}
    return [
        job
        for job in exchange.state.jobs.shown()
        if job.status in ((query["status"],) if "status" in query else statuses)
        and query.get("model", job.request.model) == job.request.model
        and media_type in (None, MEDIA_TYPE)
        and wanted.items() <= job.request.targets.items()
    ]


def _one_of(exchange: OxenExchange, name: str, words: Sequence[str]) -> str | None:
    value = exchange.request.query.get(name)
    if value is not None and value not in words:
        raise Refusal(400, f"{name} must be one of: {', '.join(words)}")
    return value


def _whole_number(exchange: OxenExchange, name: str, default: int, highest: int | None) -> int:
    text = exchange.request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < 1:
        raise Refusal(400, f"{name} must be an integer of at least 1")
    if highest is not None and int(text) > highest:
        raise Refusal(400, f"{name} must be at most {highest}")
    return int(text)
