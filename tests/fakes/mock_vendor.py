"""A vendor behind httpx's mock transport. It sends answers from a list and keeps the requests. No sockets are used."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

import httpx

from darkroom.model import Handle
from darkroom.ports import ImageStream
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads
from darkroom.providers.topaz import Topaz

BASE = "https://api.example.test/image/v1"
HANDLE = Handle("0123456789abcdef0123456789abcdef", 2, 3)
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # loading certificates would take longer than a test
SENT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)  # the time at which the run's credits were reserved
PROCESS = "11111111-2222-4333-8444-555555555555"


class Keys:
    """Holds the API keys that successive reads of the secret return."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)

    def get(self, provider: str) -> str:
        """Return the API key that was read last."""
        return self.keys[0]

    def refresh(self) -> None:
        """Make the next API key the current one."""
        if len(self.keys) > 1:
            self.keys.pop(0)


class Vendor:
    """Sends the given answers in their order, then repeats the last one. It keeps every request and its body."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(request.content)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(given, Exception):
            raise given
        return given


def adapter(vendor: Callable[[httpx.Request], httpx.Response], *keys: str, base_url: str = BASE) -> Topaz:
    """Return the Topaz adapter with `vendor` behind it."""
    client = http_client.new_client(NO_TLS, transport=httpx.MockTransport(vendor))
    return Topaz(base_url, Keys(*(keys or ("key-1",))), client, Downloads(client, local=False))


def answer(body: Any = None, status: int = 200, **headers: str) -> httpx.Response:
    """Return an answer whose body is `body` as JSON, written by Python's json module."""
    return httpx.Response(status, text=json.dumps(body), headers=headers)


def image_of(start: Callable[[], Any], size_bytes: int) -> ImageStream:
    """Return a PNG that is sent as bytes. Asking for a link to it fails the test."""
    return ImageStream(start, _no_link, size_bytes, "image/png", ".png")


def refuse_to_keep(process_id: str, pieces: Iterator[bytes]) -> None:
    """Fail the test. Calls that are not synchronous get this function, because only a synchronous call may stage its result."""
    raise AssertionError(f"a result of {process_id} was staged, but the call is not synchronous")


def _no_link() -> NoReturn:
    raise AssertionError("a link was minted for an upload that is sent as bytes")
