"""A server of results behind httpx's mock transport, and a name resolver whose answers a test chooses. No sockets are used."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads
from tests.fakes.mock_vendor import NO_TLS

PUBLIC = "93.184.215.14"
LINK = "https://results.example.test/a%20b/c%2Bd.png?X-Amz-Credential=A%2F2026&X-Amz-Signature=s%2B%3D&e=a+b"
CONTENT = bytes(range(256)) * 1200  # 307,200 bytes, which is longer than HEAD_BYTES and than one piece
Resolver = Callable[..., None]


class Host:
    """Serves a result. `changes` alter its answers."""

    def __init__(self, **changes: Any) -> None:
        self.changes = {"ranges": True, "etag": '"v1"', "content": CONTENT, "sent": None, "length": None} | changes
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        content, etag = self.changes["content"], self.changes["etag"]
        if "if-match" in request.headers and request.headers["if-match"] != etag:
            return httpx.Response(412)
        headers = {"ETag": etag} if etag else {}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if asked and self.changes["ranges"]:
            first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
            headers["Content-Range"] = self.changes.get("range") or f"bytes {first}-{last}/{len(content)}"
            part = content[first : last + 1]
            return httpx.Response(206, headers=headers, stream=Pieces(part[: self.changes["sent"]]))
        headers["Content-Length"] = self.changes["length"] or str(len(content))
        return httpx.Response(200, headers=headers, stream=Pieces(content[: self.changes["sent"]]))


class Pieces(httpx.SyncByteStream):
    """Sends a body in portions of 40,000 bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 40_000):
            yield self.content[start : start + 40_000]


def downloads(host: Callable[[httpx.Request], httpx.Response], local: bool = False) -> Downloads:
    return Downloads(http_client.new_client(NO_TLS, transport=httpx.MockTransport(host)), local)


def opened(host: Callable[[httpx.Request], httpx.Response], url: str = LINK, local: bool = False) -> Any:
    """Open a link to the result and return it."""
    with downloads(host, local).open(url) as link:
        return link


@pytest.fixture(autouse=True)
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Make every host name resolve to the addresses that the test gives. Until then it resolves to a public address."""

    def to(*addresses: str) -> None:
        def answer(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
            family = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(family[":" in ip], socket.SOCK_STREAM, 6, "", (ip, port)) for ip in addresses]

        # This replaces the standard library's resolver, because no test machine has these addresses.
        monkeypatch.setattr(socket, "getaddrinfo", answer)

    to(PUBLIC)
    return to
