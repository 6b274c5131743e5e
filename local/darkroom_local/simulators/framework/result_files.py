"""Serve result files behind presigned links: GET, HEAD, ranges, preconditions and transfers with injected faults.

No key is needed here. If a client sends a key anyway, the journal notes that the key has leaked. This module must not
create links or change jobs.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from aiohttp import web

from darkroom_local.simulators.framework.exchange import Exchange
from darkroom_local.simulators.framework.imaging import MEDIA_TYPES, ResultFile
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.simulator_state import SimulatorState

AnyExchange = Exchange[SimulatorState]

_PIECE_BYTES = 1 << 18
_SLICES_PER_SECOND = 20
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_FILLER = b"This is not the picture you are looking for.\n"


@dataclass(frozen=True)
class Span:
    """The positions of the first and last byte to send. `partial` says whether the client asked for a range."""

    first: int
    last: int
    partial: bool

    @property
    def size_bytes(self) -> int:
        """Return the number of bytes to send."""
        return self.last - self.first + 1


async def result(exchange: AnyExchange) -> web.StreamResponse:
    """Answer GET or HEAD /results/{name}."""
    request = exchange.request
    file = await _file_of(exchange)
    wanted = request.headers.get("If-Match")
    if wanted is not None and wanted != "*" and file.etag not in _listed(wanted):
        raise Refusal(412, "The file no longer matches the ETag in If-Match.")
    span = _span(request, file)
    headers = {
        "ETag": file.etag,
        "Accept-Ranges": "bytes",
        "Content-Type": MEDIA_TYPES[request.match_info["name"].rpartition(".")[2]],
    }
    if span is None:
        headers["Content-Range"] = f"bytes */{file.size_bytes}"
        return web.Response(status=416, headers={"Content-Range": headers["Content-Range"]})
    if span.partial:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{file.size_bytes}"
    response = web.StreamResponse(status=206 if span.partial else 200, headers=headers)
    response.content_length = span.size_bytes
    if request.method == "HEAD":
        return response
    return await _send(exchange, response, file, span)


async def _file_of(exchange: AnyExchange) -> ResultFile:
    request = exchange.request
    name = request.match_info["name"]
    found = exchange.state.find_result(name, exchange.entry)
    await exchange.begin(found.subject)
    query = request.query
    good = exchange.state.links.is_valid(request.method, name, query.get("expires", ""), query.get("signature", ""))
    if exchange.take_fault("expired") is not None or not good:
        raise Refusal(403, "The link has expired, or its signature is wrong. Ask for a new link.")
    if found.file is None:
        raise Refusal(404)
    return found.file


def _listed(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",")]


def _span(request: web.Request, file: ResultFile) -> Span | None:
    """Return the bytes to send, or None if the requested range lies outside the file."""
    whole = Span(0, file.size_bytes - 1, partial=False)
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or not (match[1] or match[2]):
        return whole
    if request.headers.get("If-Range", file.etag) != file.etag:
        return whole
    if not match[1]:
        length = min(int(match[2]), file.size_bytes)
        return Span(file.size_bytes - length, whole.last, partial=True) if length else None
    first = int(match[1])
    last = min(int(match[2]), whole.last) if match[2] else whole.last
    if match[2] and int(match[2]) < first:
        return whole
    return Span(first, last, partial=True) if first <= whole.last else None


async def _send(
    exchange: AnyExchange, response: web.StreamResponse, file: ResultFile, span: Span
) -> web.StreamResponse:
    corrupt, cut, slow = (exchange.take_fault(kind) for kind in ("corrupt", "cut", "slow"))
    left_bytes = span.size_bytes // 2 if cut else span.size_bytes
    piece_bytes = _PIECE_BYTES
    if slow:
        piece_bytes = max(1, int(slow.option("bytes_per_second") / _SLICES_PER_SECOND))
    await response.prepare(exchange.request)
    position = span.first
    with file.path.open("rb") as source:
        source.seek(position)
        while left_bytes > 0:
            piece = source.read(min(piece_bytes, left_bytes))
            await response.write(_filler(position, len(piece)) if corrupt else piece)
            position, left_bytes = position + len(piece), left_bytes - len(piece)
            if slow:
                await asyncio.sleep(1 / _SLICES_PER_SECOND)
    if cut:
        _close_after_sending(exchange)
    await response.write_eof()
    return response


def _filler(position: int, length: int) -> bytes:
    start = position % len(_FILLER)
    return (_FILLER * (length // len(_FILLER) + 2))[start : start + length]


def _close_after_sending(exchange: AnyExchange) -> None:
    """Close the connection once the bytes that were written so far have been sent."""
    if exchange.request.transport is not None:
        exchange.request.transport.close()
    exchange.entry["aborted"] = True
