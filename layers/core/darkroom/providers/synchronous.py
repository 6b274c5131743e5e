"""Synchronous calls: the connection is held until the result comes, which goes to `keep` in constant memory.

The result is the answer itself, or stands in its JSON: as a URL, or as base64 that is decoded as it streams. Once such a
call was accepted it is paid for, so a result that does not arrive is tried again as long as the invocation lasts, and its
loss is told as SubmitInDoubt: the vendor's own records decide.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from darkroom.errors import DarkroomError, SubmitInDoubt, UnsafeLink
from darkroom.ports import StageResult
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads

PIECE_BYTES = 256 * 1024
ENVELOPE_BYTES = 1024 * 1024  # of JSON around a result; more is no answer of such an API
# A link is good for days, its host may need a moment. When the call begins, 270 s of the invocation are left
# (`sending.MIN_TIME_TO_HOLD`). The provider may keep us 240 s of them (`http.HELD_TIMEOUT`), and the last try begins 255 s
# after the call did at the latest, so that 15 s are left for it. That is three tries at least where each fails at once
# (240 + 2 + 5 = 247), and all six after a call of up to 143 s (143 + 112 = 255).
WAITS_SECONDS = (2.0, 5.0, 15.0, 30.0, 60.0)
LATEST_TRY_SECONDS = 255.0
EMBEDDED = re.compile(rb'"b64_json"\s*:\s*"')
ESCAPED = re.compile(rb"\\u00([0-9a-fA-F]{2})")  # how some writers of JSON put `+` and `=`
BEGUN = re.compile(rb"\\(u[0-9a-fA-F]{0,3})?\Z")  # an escape that the next piece completes


class Broken(DarkroomError):
    """The answer broke off or is none; it is raised and caught here."""


def start(client: httpx.Client, request: httpx.Request, key: str) -> httpx.Response:
    """Sends it; a 2xx answer's body is left unread, any other's is read in bounded memory."""
    response = client.send(request, stream=True)
    return response if response.is_success else http_client.bounded(response, key)


@contextmanager
def opened(response: httpx.Response) -> Iterator[httpx.Response]:
    """Gives the connection back at the end."""
    try:
        yield response
    finally:
        response.close()


def body(response: httpx.Response) -> Iterator[bytes]:
    """All bytes of an answer of announced length. Raises Broken unless exactly so many came."""
    announced, count = response.headers.get("content-length", ""), 0
    for piece in _pieces(response):
        count += len(piece)
        yield piece
    if announced != str(count):
        raise Broken(f"{count} bytes of the result came, {announced or 'nobody knows how many'} were announced")


def kept(keep: StageResult, process_id: str, pieces: Iterator[bytes]) -> bool:
    """Whether the result is staged, whole. Whatever fails, it was paid for: never raises what would release it."""
    try:
        keep(process_id, pieces)
    except Exception:  # the vendor's connection, or the bucket: what is not kept is looked up
        return False
    return True


def take(
    response: httpx.Response, downloads: Downloads, keep: StageResult, process_id: str, listed_under: str, began: float
) -> dict[str, Any]:
    """Keeps the first result of a JSON answer and returns the answer without its base64. Raises SubmitInDoubt.

    `listed_under`: the field that holds the list of results, each with `url` or `b64_json`. `began`: when the call did, by
    the clock of `downloads`.
    """
    answer = _Answer(_pieces(response))
    try:
        embedded = answer.seek()
        is_kept = embedded and kept(keep, process_id, answer.content())
        envelope = answer.envelope()
    except (Broken, ValueError, RecursionError):
        raise SubmitInDoubt("the provider's answer broke off or is no JSON") from None
    if not embedded:
        url = _url(envelope.get(listed_under))
        is_kept = url is not None and _fetched(url, downloads, keep, process_id, began)
    if not is_kept:
        raise SubmitInDoubt("the provider answered, but its result could not be kept")
    return envelope


def _fetched(url: str, downloads: Downloads, keep: StageResult, process_id: str, began: float) -> bool:
    """Whether what is behind the link is kept, after as many tries as the time allows."""
    for wait in WAITS_SECONDS:
        try:
            if _tried(url, downloads, keep, process_id):
                return True
        except UnsafeLink:
            return False  # nor will it ever be safe
        if downloads.clock() + wait - began > LATEST_TRY_SECONDS:
            return False
        downloads.sleep(wait)
    with suppress(UnsafeLink):
        return _tried(url, downloads, keep, process_id)
    return False


def _tried(url: str, downloads: Downloads, keep: StageResult, process_id: str) -> bool:
    """Raises UnsafeLink."""
    try:
        with downloads.open(url) as link:
            return kept(keep, process_id, link.stream())
    except UnsafeLink:
        raise
    except DarkroomError:
        return False


def _url(results: object) -> str | None:
    match results:
        case [{"url": str(url)}, *_]:
            return url
    return None


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes(PIECE_BYTES)
    except http_client.CALL_ERRORS as error:
        raise Broken(f"the answer was cut ({type(error).__name__})") from None


class _Answer:
    """JSON that arrives in pieces, with at most one base64 text lifted out of it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._head, self._rest = pieces, bytearray(), b""

    def seek(self) -> bool:
        """Reads up to a base64 text that is not empty, or to the end. Raises Broken."""
        for piece in self._pieces:
            self._add(piece)
            found = EMBEDDED.search(self._head)
            if found:
                self._rest = bytes(self._head[found.end() :])
                del self._head[found.end() :]
                return self._peek() != b'"'
        return False

    def content(self) -> Iterator[bytes]:
        """The decoded bytes of that text. Raises Broken for what is no base64, or never ends."""
        text, carry = self._rest, b""
        while b'"' not in text:
            carry = yield from _decoded(carry + text, is_last=False)
            text = next(self._pieces, b"")
            if not text:
                raise Broken("the answer ended inside its base64")
        inside, _, after = text.partition(b'"')
        self._rest = b'"' + after
        yield from _decoded(carry + inside, is_last=True)

    def envelope(self) -> dict[str, Any]:
        """The JSON object around it. Raises Broken, ValueError."""
        self._add(self._rest)
        for piece in self._pieces:
            self._add(piece)
        parsed = json.loads(bytes(self._head))
        if not isinstance(parsed, dict):
            raise Broken("the answer is no JSON object")
        return parsed

    def _peek(self) -> bytes:
        while not self._rest:
            piece = next(self._pieces, b"")
            if not piece:
                raise Broken("the answer ended inside its base64")
            self._rest = piece
        return self._rest[:1]

    def _add(self, piece: bytes) -> None:
        self._head += piece
        self._rest = b""
        if len(self._head) > ENVELOPE_BYTES:
            raise Broken("the answer is longer than any of this API")


def _decoded(text: bytes, *, is_last: bool) -> Generator[bytes, None, bytes]:
    """Decodes whole groups of four; what is left over is returned for the next call."""
    plain = ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text)
    plain = plain.replace(b"\\/", b"/").replace(b"\\n", b"").replace(b"\\r", b"")
    begun = None if is_last else BEGUN.search(plain)
    whole = len(plain) if is_last else (begun.start() if begun else len(plain)) // 4 * 4
    try:
        yield base64.b64decode(plain[:whole], validate=True)
    except binascii.Error:
        raise Broken("the answer's base64 is none") from None
    return plain[whole:]
