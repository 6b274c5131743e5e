"""Stages the results of synchronous calls in constant memory, as they arrive.

The response body is either the result itself or JSON. The JSON contains a URL to download, or base64 that is decoded while it
arrives. A call that was accepted must be paid. So a download that fails is tried again as long as the invocation lasts. If the
result is still lost, SubmitInDoubt is raised, and the vendor's own records decide what happens next.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import httpx

from darkroom.errors import DarkroomError, SubmitInDoubt, UnsafeLink
from darkroom.ports import StageResult
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads

CHUNK_BYTES = 256 * 1024
MAX_JSON_BYTES = 1024 * 1024  # the limit of the JSON without its base64; no such API sends more
# A result link is valid for days, but its host may not serve it at once. When the call begins, at least 270 s of the invocation
# are left (`dispatch.MIN_TIME_FOR_SYNCHRONOUS_CALL`). The provider may take 240 s of them (`http_client.SYNCHRONOUS_TIMEOUT`).
# The last download begins at most 255 s after the call began, which leaves 15 s for it. If each download fails at once, that
# makes at least three of them (240 + 2 + 5 = 247), and all six after a call of up to 143 s (143 + 112 = 255).
RETRY_WAITS_SECONDS = (2.0, 5.0, 15.0, 30.0, 60.0)
LAST_RETRY_SECONDS = 255.0
BASE64_START = re.compile(rb'"b64_json"\s*:\s*"')
ESCAPED_BYTE = re.compile(rb"\\u00([0-9a-fA-F]{2})")  # some JSON writers escape `+` and `=` like this
UNFINISHED_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{0,3})?\Z")  # an escape sequence that continues in the next chunk


class UnusableResponse(DarkroomError):
    """The response broke off, or it is not as the API describes it. This module raises and catches this exception."""


def send_unread(client: httpx.Client, request: httpx.Request, key: str) -> httpx.Response:
    """Send the request and return the response. The body of a 2xx response is left unread; any other body is read in bounded
    memory."""
    response = client.send(request, stream=True)
    return response if response.is_success else http_client.read_bounded(response, key)


def read_body(response: httpx.Response) -> Iterator[bytes]:
    """Yield all bytes of a response. Raises UnusableResponse unless their number is exactly the Content-Length."""
    announced, count = response.headers.get("content-length", ""), 0
    for chunk in _read_chunks(response):
        count += len(chunk)
        yield chunk
    if announced != str(count):
        raise UnusableResponse(f"{count} bytes of the result came, Content-Length announced {announced or 'none'}")


def try_to_stage(stage_result: StageResult, process_id: str, chunks: Iterator[bytes]) -> bool:
    """Stage the result and return whether that succeeded. Raises nothing, because the call must be paid, and an exception would
    release its reservation."""
    try:
        stage_result(process_id, chunks)
    except Exception:  # the vendor's connection or the bucket failed; the caller then asks the vendor for the result
        return False
    return True


def stage_from_json(
    response: httpx.Response,
    downloads: Downloads,
    stage_result: StageResult,
    process_id: str,
    results_field: str,
    started_at: float,
    raise_for_error: Callable[[object], None] = lambda body: None,
) -> dict[str, Any]:
    """Stage the first result of a JSON response, and return the JSON without its base64. Raises SubmitInDoubt if no result could
    be staged, and what `raise_for_error` raises for a body without base64.

    `results_field` names the field with the list of results. Each result has `url` or `b64_json`. `started_at` is the time when
    the call began, in seconds of `downloads.clock`.
    """
    streamed = _StreamedJson(_read_chunks(response))
    try:
        has_base64 = streamed.find_base64()
        is_staged = has_base64 and try_to_stage(stage_result, process_id, streamed.decode_base64())
        body = streamed.parse_rest()
    except (UnusableResponse, ValueError, RecursionError):
        raise SubmitInDoubt("the provider's answer broke off or is not JSON") from None
    if not has_base64:
        raise_for_error(body)
        url = _first_url(body.get(results_field))
        is_staged = url is not None and _download_with_retries(url, downloads, stage_result, process_id, started_at)
    if not is_staged:
        raise SubmitInDoubt("the provider answered, but its result could not be stored")
    return body


def _download_with_retries(
    url: str, downloads: Downloads, stage_result: StageResult, process_id: str, started_at: float
) -> bool:
    """Download the URL and stage it. Try again as long as the time allows. Return whether that succeeded."""
    for wait in RETRY_WAITS_SECONDS:
        try:
            if _download_once(url, downloads, stage_result, process_id):
                return True
        except UnsafeLink:
            return False  # a retry would find it unsafe again
        if downloads.clock() + wait - started_at > LAST_RETRY_SECONDS:
            return False
        downloads.sleep(wait)
    with suppress(UnsafeLink):
        return _download_once(url, downloads, stage_result, process_id)
    return False


def _download_once(url: str, downloads: Downloads, stage_result: StageResult, process_id: str) -> bool:
    """Download the URL once and stage it. Return whether that succeeded. Raises UnsafeLink."""
    try:
        with downloads.open(url) as link:
            return try_to_stage(stage_result, process_id, link.stream())
    except UnsafeLink:
        raise
    except DarkroomError:
        return False


def _first_url(results: object) -> str | None:
    match results:
        case [{"url": str(url)}, *_]:
            return url
    return None


def _read_chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes(CHUNK_BYTES)
    except http_client.CALL_ERRORS as error:
        raise UnusableResponse(f"the answer broke off ({type(error).__name__})") from None


class _StreamedJson:
    """Parses JSON that arrives in chunks. One base64 string may be taken out of it and decoded separately.

    The caller first calls `find_base64`, then `decode_base64` if a string was found, and then `parse_rest`, each of them once.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._json, self._unread = chunks, bytearray(), b""

    def find_base64(self) -> bool:
        """Read up to the first base64 string, or to the end if there is none. Return whether there is one that is not empty.
        Raises UnusableResponse."""
        for chunk in self._chunks:
            self._append(chunk)
            found = BASE64_START.search(self._json)
            if found:
                self._unread = bytes(self._json[found.end() :])
                del self._json[found.end() :]
                return self._next_byte() != b'"'
        return False

    def decode_base64(self) -> Iterator[bytes]:
        """Yield the decoded bytes of the base64 string. Raises UnusableResponse if it is no base64 or does not end."""
        text, carry = self._unread, b""
        while b'"' not in text:
            carry = yield from _decode(carry + text, is_last=False)
            text = next(self._chunks, b"")
            if not text:
                raise UnusableResponse("the answer ended inside its base64")
        inside, _, after = text.partition(b'"')
        self._unread = b'"' + after
        yield from _decode(carry + inside, is_last=True)

    def parse_rest(self) -> dict[str, Any]:
        """Read to the end and return the JSON object without the base64. Raises UnusableResponse, ValueError."""
        self._append(self._unread)
        for chunk in self._chunks:
            self._append(chunk)
        parsed = json.loads(bytes(self._json))
        if not isinstance(parsed, dict):
            raise UnusableResponse("the answer is not a JSON object")
        return parsed

    def _next_byte(self) -> bytes:
        while not self._unread:
            chunk = next(self._chunks, b"")
            if not chunk:
                raise UnusableResponse("the answer ended inside its base64")
            self._unread = chunk
        return self._unread[:1]

    def _append(self, chunk: bytes) -> None:
        self._json += chunk
        self._unread = b""
        if len(self._json) > MAX_JSON_BYTES:
            raise UnusableResponse(f"the answer has more than {MAX_JSON_BYTES} bytes around its result")


def _decode(text: bytes, *, is_last: bool) -> Generator[bytes, None, bytes]:
    """Decode base64 text. Yield the bytes of all complete groups of four characters. Return the characters that are left over;
    the caller puts them before the next text."""
    plain = ESCAPED_BYTE.sub(lambda found: bytes.fromhex(found[1].decode()), text)
    plain = plain.replace(b"\\/", b"/").replace(b"\\n", b"").replace(b"\\r", b"")
    unfinished = None if is_last else UNFINISHED_ESCAPE.search(plain)
    whole = len(plain) if is_last else (unfinished.start() if unfinished else len(plain)) // 4 * 4
    try:
        yield base64.b64decode(plain[:whole], validate=True)
    except binascii.Error:
        raise UnusableResponse("the answer's base64 cannot be decoded") from None
    return plain[whole:]
