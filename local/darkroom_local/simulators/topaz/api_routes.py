"""The handlers of the published endpoints for submit, status, download, cancel, delete and balance.

Each handler calls `begin` as soon as it knows which upload the request is about, because a fault rule may apply to one
upload only. Estimates, result links and the control endpoints are in other modules.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.imaging import (
    MEDIA_TYPES,
    NoArea,
    NotAPicture,
    PictureHeader,
    ResultFile,
    read_header,
)
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.topaz.form_reader import Form, Upload, fetch_upload, read_form
from darkroom_local.simulators.topaz.jobs import RUNNING, Job, page
from darkroom_local.simulators.topaz.published_facts import (
    ENDPOINTS,
    PAGE_LIMIT_HIGHEST,
    SYNC_OUTPUT_LIMIT_MP,
    Endpoint,
)
from darkroom_local.simulators.topaz.request_checks import check_fields, price_request
from darkroom_local.simulators.topaz.simulator_state import TopazExchange, take_callback_faults, take_misbehaviour

_DEFAULT_PAGE_LIMIT = 20


def submit_to(endpoint: Endpoint) -> Callable[[TopazExchange], Awaitable[web.StreamResponse]]:
    """Return the handler of POST /<endpoint>/async."""

    async def submit(exchange: TopazExchange) -> web.StreamResponse:
        return _accepted(await _submit(exchange, endpoint, sync=False))

    return submit


async def enhance_now(exchange: TopazExchange) -> web.StreamResponse:
    """Answer POST /enhance. The answer comes when the picture is ready, and it is the picture itself."""
    endpoint = replace(ENDPOINTS["enhance"], output_limit_mp=SYNC_OUTPUT_LIMIT_MP)
    job = await _submit(exchange, endpoint, sync=True)
    await job.finished.wait()
    if job.status != "Completed" or job.result is None:
        raise Refusal(500)
    headers = {
        **_job_headers(job),
        "Content-Type": MEDIA_TYPES[job.request.output_format],
    }
    if exchange.has_fault("no_picture"):
        return web.Response(
            text="<html>The picture is ready.</html>", content_type="text/html", headers=_job_headers(job)
        )
    if exchange.has_fault("cut_answer"):
        return await _send_half(exchange, job.result, headers)
    return web.FileResponse(job.result.path, headers=headers)


async def _send_half(exchange: TopazExchange, result: ResultFile, headers: dict[str, str]) -> web.StreamResponse:
    """Announce the full length, send half of the bytes, and close the connection."""
    response = web.StreamResponse(headers=headers)
    response.content_length = result.size_bytes
    await response.prepare(exchange.request)
    await response.write(result.path.read_bytes()[: result.size_bytes // 2])
    if exchange.request.transport is not None:
        exchange.request.transport.close()
    exchange.entry["aborted"] = True
    return response


async def status_one(exchange: TopazExchange) -> web.StreamResponse:
    """Answer GET /status/{process_id}."""
    job = await _job_of(exchange)
    word = "Queued2" if exchange.has_fault("unknown_status") else None
    return web.json_response(job.status_body(word, exchange.has_fault("wrong_size")))


async def status_all(exchange: TopazExchange) -> web.StreamResponse:
    """Answer GET /status with an array of all jobs, or with one page of them if the client sends `paginated=true`."""
    await exchange.begin()
    query = exchange.request.query
    limit = _page_limit(query.get("limit"))
    after = _read_cursor(query.get("cursor"))
    jobs = exchange.state.jobs.listed()
    paginated = query.get("paginated") == "true"
    if exchange.has_fault("list_shape"):
        paginated = not paginated
    if not paginated:
        return web.json_response([job.status_body() for job in jobs])
    part, following, pagination = page(jobs, limit, after)
    cursor = base64.urlsafe_b64encode(following.encode()).decode() if following else None
    body: dict[str, Any] = {
        "data": [job.status_body() for job in part],
        "pagination": {**pagination, "next_cursor": cursor},
    }
    return web.json_response(body)


async def delete_one(exchange: TopazExchange) -> web.StreamResponse:
    """Answer DELETE /status/{process_id}."""
    job = await _job_of(exchange)
    if job.status in RUNNING:
        raise Refusal(409)
    exchange.state.jobs.delete(job, keeps_result=exchange.has_fault("kept_result"))
    return web.Response(status=204)


async def delete_all(exchange: TopazExchange) -> web.StreamResponse:
    """Answer DELETE /status."""
    await exchange.begin()
    exchange.state.jobs.delete_all()
    return web.Response(status=204)


async def cancel(exchange: TopazExchange) -> web.StreamResponse:
    """Answer DELETE /cancel/{process_id}."""
    job = await _job_of(exchange)
    if not exchange.state.jobs.cancel(job):
        raise Refusal(409)
    return web.Response(status=204)


async def download(exchange: TopazExchange) -> web.StreamResponse:
    """Answer GET /download/{process_id} with new links to the result. Raises Refusal 404 once the result has expired."""
    job = await _job_of(exchange, or_kept_result=True)
    if job.status != "Completed":
        raise Refusal(409)
    if not exchange.state.jobs.has_result(job):
        raise Refusal(404)
    return _new_links(exchange, job.result_name)


async def download_input(exchange: TopazExchange) -> web.StreamResponse:
    """Answer GET /download/input/{process_id} with new links to the picture as it was received."""
    job = await _job_of(exchange)
    if exchange.state.jobs.kept_input(job) is None:
        raise Refusal(404)
    return _new_links(exchange, job.input_name)


def _new_links(exchange: TopazExchange, name: str) -> web.Response:
    expires = exchange.state.links.expiry()
    return web.json_response(
        {
            "download_url": exchange.presigned_url(name, expires),
            "head_url": exchange.presigned_url(name, expires, "HEAD"),
            "expiry": expires,
        }
    )


async def balance(exchange: TopazExchange) -> web.StreamResponse:
    """Answer GET /account/v1/credits/balance."""
    await exchange.begin()
    return web.json_response(exchange.state.account.balance())


async def _submit(exchange: TopazExchange, endpoint: Endpoint, sync: bool) -> Job:
    state = exchange.state
    form = await read_form(exchange.request, state.workers.directory, state.settings.request_limit_bytes)
    exchange.entry["fields"] = dict(form.fields)
    try:
        await exchange.begin(form.upload.filename if form.upload else form.fields.get("source_url"))
        if sync and exchange.has_fault("no_synchronous"):
            raise Refusal(404)
        job = await _accept(exchange, endpoint, form, sync)
    except BaseException:
        form.discard()
        raise
    exchange.entry["process_id"] = job.process_id
    state.journal.record_submit(
        {
            "process_id": job.process_id,
            "filename": job.upload.filename,
            "model": job.request.checked_fields.model.name,
            "fields": dict(form.fields),
            "endpoint": endpoint.name,
            "sync": sync,
            "credits": job.request.credits,
            "size_bytes": job.upload.size_bytes,
        }
    )
    return job


async def _accept(exchange: TopazExchange, endpoint: Endpoint, form: Form, sync: bool) -> Job:
    state = exchange.state
    upload = await _only_upload(exchange, form)
    checked_fields = check_fields(state.settings.endpoint(endpoint), form.fields, state.settings.spelling)
    header = await _read_upload_header(upload)
    own = exchange.take_fault("own_size")
    default_factor = own.option("factor") if own else 1.0
    request = price_request(checked_fields, header.width, header.height, endpoint.output_limit_mp, default_factor)
    if not state.account.reserve(request.credits):
        raise Refusal(402)
    misbehaviour, callback_faults = take_misbehaviour(exchange), take_callback_faults(exchange)
    url = None if sync else form.fields.get("webhook_url")
    on_change = state.webhooks.subscribe(url, str(exchange.request.url.origin()), callback_faults) if url else None
    return state.jobs.accept(request, upload, header.format, sync, misbehaviour, on_change)


async def _only_upload(exchange: TopazExchange, form: Form) -> Upload:
    """Return the uploaded picture, or else the picture fetched from `source_url`. It is kept in `form.upload`.

    Raises Refusal 400 if there is no picture or more than one.
    """
    state, url = exchange.state, form.fields.get("source_url")
    if "source_id" in form.fields or (url and form.upload):
        raise Refusal(400, "This simulator accepts either `image` or `source_url`, and no `source_id`.")
    if url:
        is_named = not exchange.has_fault("unnamed")
        form.upload = await fetch_upload(url, state.workers, state.settings.request_limit_bytes, is_named)
    if form.upload is None:
        raise Refusal(400, "The picture is missing: send `image` or `source_url`.")
    return form.upload


async def _read_upload_header(upload: Upload) -> PictureHeader:
    try:
        return await asyncio.to_thread(read_header, upload.path)
    except NotAPicture:
        raise Refusal(415) from None
    except NoArea:
        raise Refusal(422) from None


async def _job_of(exchange: TopazExchange, or_kept_result: bool = False) -> Job:
    """Return the job that the path names. Raises Refusal 400 if the id is not a UUID, and 404 if no job has it.

    With `or_kept_result`, a deleted job is found too if its result was kept.
    """
    text = exchange.request.match_info["process_id"]
    try:
        process_id = str(uuid.UUID(text))
    except ValueError:
        raise Refusal(400, "The process id is not a UUID.") from None
    exchange.entry["process_id"] = process_id
    job = exchange.state.jobs.find_result(process_id) if or_kept_result else exchange.state.jobs.find(process_id)
    await exchange.begin(job.upload.filename if job else None)
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
        raise Refusal(400, f"limit must be a whole number from 1 to {PAGE_LIMIT_HIGHEST}.")
    return int(text)


def _read_cursor(text: str | None) -> str | None:
    if not text:
        return None
    try:
        return str(uuid.UUID(base64.urlsafe_b64decode(text.encode()).decode()))
    except (ValueError, binascii.Error):
        raise Refusal(400, "The cursor is not valid. Use the next_cursor of an earlier answer.") from None
