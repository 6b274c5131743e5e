"""httpx transports that fail on the client's side. One has a very short timeout, and the other changes the vendor's answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import httpx

READ_SECONDS = 0.25
NO_IDLE = httpx.Limits(max_keepalive_connections=0)
PLAIN = functools.partial(httpx.HTTPTransport, verify=False, limits=NO_IDLE)


class Impatient(httpx.HTTPTransport):
    """A transport that waits a quarter of a second for an answer, whatever timeout the caller sets."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = {"connect": 5.0, "read": READ_SECONDS, "write": 5.0, "pool": 5.0}
        return super().handle_request(request)


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
