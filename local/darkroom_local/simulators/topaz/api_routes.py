"""The published endpoints: submit, status, download, estimate, cancel, and the balance.

Each handler checks, acts and answers, in the vendor's terms. It calls `gate` once it knows which
upload the call is about, so that a fault can single one out. Result links and the control
endpoints live elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.imaging import (
    MEDIA_TYPES,
    NoArea,
    NotAPicture,
    PictureFacts,
    ResultFile,
    read_facts,
)
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.topaz.form_reader import Form, Upload, fetch_upload, read_form
from darkroom_local.simulators.topaz.jobs import RUNNING, Job, duration_seconds, page
from darkroom_local.simulators.topaz.published_facts import (
    ENDPOINTS,
    PAGE_LIMIT_HIGHEST,
    SYNC_OUTPUT_LIMIT_MP,
    Endpoint,
)
from darkroom_local.simulators.topaz.request_checks import make_order, read_input_size, read_wishes
from darkroom_local.simulators.topaz.simulator_state import Call, traits_of

_DEFAULT_PAGE_LIMIT = 20


def submit_to(endpoint: Endpoint) -> Callable[[Call], Awaitable[web.StreamResponse]]:
    """POST /<endpoint>/async, whichever of the endpoints."""

    async def submit(call: Call) -> web.StreamResponse:
        return _accepted(await _submit(call, endpoint, sync=False))

    return submit


async def enhance_now(call: Call) -> web.StreamResponse:
    """POST /enhance: the picture itself, once it is ready."""
    endpoint = replace(ENDPOINTS["enhance"], output_limit_mp=SYNC_OUTPUT_LIMIT_MP)
    job = await _submit(call, endpoint, sync=True)
    await job.finished.wait()
    if job.status != "Completed" or job.result is None:
        raise Refusal(500)
    headers = {
        **_job_headers(job),
        "Content-Type": MEDIA_TYPES[job.order.output_format],
    }
    if call.has("no_picture"):
        return web.Response(
            text="<html>The picture is ready.</html>", content_type="text/html", headers=_job_headers(job)
        )
    if call.has("cut_answer"):
        return await _half_of(call, job.result, headers)
    return web.FileResponse(job.result.path, headers=headers)


async def _half_of(call: Call, result: ResultFile, headers: dict[str, str]) -> web.StreamResponse:
    """The announced length, half of the bytes, and a closed connection."""
    response = web.StreamResponse(headers=headers)
    response.content_length = result.size_bytes
    await response.prepare(call.request)
    await response.write(result.path.read_bytes()[: result.size_bytes // 2])
    if call.request.transport is not None:
        call.request.transport.close()
    call.entry["aborted"] = True
    return response


async def status_one(call: Call) -> web.StreamResponse:
    """GET /status/{process_id}."""
    job = await _job_of(call)
    word = "Queued2" if call.has("unknown_status") else None
    return web.json_response(job.answer(word, call.has("wrong_size")))


async def status_all(call: Call) -> web.StreamResponse:
    """GET /status: an array, or a page of it when asked for."""
    await call.gate()
    query = call.request.query
    limit = _page_limit(query.get("limit"))
    after = _read_cursor(query.get("cursor"))
    jobs = call.world.jobs.listed()
    paginated = query.get("paginated") == "true"
    if call.has("list_shape"):
        paginated = not paginated
    if not paginated:
        return web.json_response([job.answer() for job in jobs])
    part, following, facts = page(jobs, limit, after)
    cursor = base64.urlsafe_b64encode(following.encode()).decode() if following else None
    body: dict[str, Any] = {
        "data": [job.answer() for job in part],
        "pagination": {**facts, "next_cursor": cursor},
    }
    return web.json_response(body)


async def delete_one(call: Call) -> web.StreamResponse:
    """DELETE /status/{process_id}."""
    job = await _job_of(call)
    if job.status in RUNNING:
        raise Refusal(409)
    call.world.jobs.delete(job, keeps_result=call.has("kept_result"))
    return web.Response(status=204)


async def delete_all(call: Call) -> web.StreamResponse:
    """DELETE /status."""
    await call.gate()
    call.world.jobs.delete_all()
    return web.Response(status=204)


async def cancel(call: Call) -> web.StreamResponse:
    """DELETE /cancel/{process_id}."""
    job = await _job_of(call)
    if not call.world.jobs.cancel(job):
        raise Refusal(409)
    return web.Response(status=204)


async def download(call: Call) -> web.StreamResponse:
    """GET /download/{process_id}: fresh links, for as long as the result is kept."""
    job = await _job_of(call, of_result=True)
    if job.status != "Completed":
        raise Refusal(409)
    if not call.world.jobs.has_result(job):
        raise Refusal(404)
    expires = call.world.links.expiry()
    return web.json_response(
        {
            "download_url": call.link(job.result_name, expires),
            "head_url": call.link(job.result_name, expires, "HEAD"),
            "expiry": expires,
        }
    )


async def estimate(call: Call) -> web.StreamResponse:
    """POST /estimate."""
    return await _estimate(call, ENDPOINTS["enhance"])


async def estimate_gen(call: Call) -> web.StreamResponse:
    """POST /estimate-gen."""
    return await _estimate(call, ENDPOINTS["enhance-gen"])


async def balance(call: Call) -> web.StreamResponse:
    """GET /account/v1/credits/balance."""
    await call.gate()
    return web.json_response(call.world.account.balance())


async def _submit(call: Call, endpoint: Endpoint, sync: bool) -> Job:
    world = call.world
    form = await read_form(call.request, world.workshop.directory, world.settings.request_limit_bytes)
    call.entry["fields"] = dict(form.fields)
    try:
        await call.gate(form.upload.filename if form.upload else form.fields.get("source_url"))
        if sync and call.has("no_synchronous"):
            raise Refusal(404)
        job = await _accept(call, endpoint, form, sync)
    except BaseException:
        form.discard()
        raise
    call.entry["process_id"] = job.process_id
    world.journal.accepted(
        {
            "process_id": job.process_id,
            "filename": job.upload.filename,
            "model": job.order.wishes.model.name,
            "fields": dict(form.fields),
            "endpoint": endpoint.name,
            "sync": sync,
            "credits": job.order.credits,
            "size_bytes": job.upload.size_bytes,
        }
    )
    return job


async def _accept(call: Call, endpoint: Endpoint, form: Form, sync: bool) -> Job:
    world = call.world
    upload = await _only_upload(call, form)
    wishes = read_wishes(endpoint, form.fields)
    facts = await _facts(upload)
    own = call.take("own_size")
    own_factor = own.option("factor") if own else 1.0
    order = make_order(wishes, facts.width, facts.height, endpoint.output_limit_mp, own_factor)
    if not world.account.reserve(order.credits):
        raise Refusal(402)
    return world.jobs.accept(order, upload, facts.format, sync, traits_of(call))


async def _only_upload(call: Call, form: Form) -> Upload:
    """What was uploaded, or what stands at `source_url`; `form` keeps it, so that it is discarded with it."""
    world, url = call.world, form.fields.get("source_url")
    if "source_id" in form.fields or (url and form.upload):
        raise Refusal(400, "This simulator takes one image or one source_url, no source_id.")
    if url:
        is_named = not call.has("unnamed")
        form.upload = await fetch_upload(url, world.workshop, world.settings.request_limit_bytes, is_named)
    if form.upload is None:
        raise Refusal(400, "The image is missing.")
    return form.upload


async def _facts(upload: Upload) -> PictureFacts:
    try:
        return await asyncio.to_thread(read_facts, upload.path)
    except NotAPicture:
        raise Refusal(415) from None
    except NoArea:
        raise Refusal(422) from None


async def _estimate(call: Call, endpoint: Endpoint) -> web.StreamResponse:
    world = call.world
    form = await read_form(call.request, world.workshop.directory, world.settings.request_limit_bytes)
    form.discard()
    call.entry["fields"] = dict(form.fields)
    await call.gate()
    width, height = read_input_size(form.fields)
    wishes = read_wishes(endpoint, form.fields)
    order = make_order(wishes, width, height, endpoint.output_limit_mp)
    seconds = math.ceil(duration_seconds(order, world.settings.speed))
    return web.json_response({"duration": seconds, "credits": order.credits})


async def _job_of(call: Call, of_result: bool = False) -> Job:
    """The job the path names; 400 for what is no UUID, 404 for an unknown one. `of_result`: its result is enough."""
    text = call.request.match_info["process_id"]
    try:
        process_id = str(uuid.UUID(text))
    except ValueError:
        raise Refusal(400, "The process id is not a UUID.") from None
    call.entry["process_id"] = process_id
    job = call.world.jobs.find_result(process_id) if of_result else call.world.jobs.find(process_id)
    await call.gate(job.upload.filename if job else None)
    if job is None:
        raise Refusal(404)
    return job


def _accepted(job: Job) -> web.Response:
    body = {"process_id": job.process_id, "source_id": _source_id(job), "eta": job.eta}
    return web.json_response(body, headers=_job_headers(job))


def _source_id(job: Job) -> str:
    return str(uuid.uuid5(uuid.UUID(job.process_id), "source"))


def _job_headers(job: Job) -> dict[str, str]:
    return {"X-Process-Id": job.process_id, "X-ETA": str(job.eta)}


def _page_limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_PAGE_LIMIT
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PAGE_LIMIT_HIGHEST):
        raise Refusal(400, f"limit is 1 to {PAGE_LIMIT_HIGHEST}.")
    return int(text)


def _read_cursor(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return str(uuid.UUID(base64.urlsafe_b64decode(text.encode()).decode()))
    except (ValueError, binascii.Error):
        raise Refusal(400, "The cursor is not one of ours.") from None
