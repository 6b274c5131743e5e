"""httpx transports that fail on the client's side. One has a very short timeout, and the other changes the vendor's answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import httpx

READ_SECONDS = 0.25
OUTLASTING_SECONDS = 1.5  # a delay after which an answer comes too late for Impatient
NO_IDLE = httpx.Limits(max_keepalive_connections=0)
PLAIN = functools.partial(httpx.HTTPTransport, verify=False, limits=NO_IDLE)


class Impatient(httpx.HTTPTransport):
    """A transport that waits a quarter of a second for an answer, whatever timeout the caller sets.

    For the answer to a POST, this time begins when `await_work` returns, so that the vendor has read the request however slow the
    machine is.
    """

    def __init__(self, await_work: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._await_work = await_work

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = {"connect": 60.0, "read": READ_SECONDS, "write": 60.0, "pool": 60.0}
        if request.method == "POST":
            request.extensions["trace"] = self._traced
        return super().handle_request(request)

    def _traced(self, event: str, facts: Any) -> None:
        if event.endswith("receive_response_headers.started"):
            self._await_work()


class Changing(httpx.HTTPTransport):
    """A transport that applies `change` to the JSON answers of GET requests whose path ends with one of `endings`."""

    def __init__(self, endings: tuple[str, ...], change: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(**options)
        self._endings, self._change = endings, change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method != "GET" or not request.url.path.endswith(self._endings):
            return response
        response.read()
        return httpx.Response(response.status_code, text=json.dumps(self._change(response.json())))
