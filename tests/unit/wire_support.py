"""Helpers for tests of the bytes that adapters send and receive: plans made from tags, an image behind a link, and
vendors' answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import httpx
from tests.fakes.calendar import TODAY
from tests.fakes.mock_vendor import HANDLE, NO_TLS, Keys, Vendor
from tests.fakes.result_server import PUBLIC, Host

from darkroom import catalog
from darkroom.model import Handle, ImageFacts, ImageFormat, Limits, Plan, Spelling
from darkroom.planning import plan
from darkroom.ports import ImageStream
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads
from darkroom.setting_layers import resolve, tag_layer

Adapter = TypeVar("Adapter")
JPEG = ImageFacts(ImageFormat.JPEG, 1200, 800)
PNG = ImageFacts(ImageFormat.PNG, 640, 480)
NO_LIMITS = Limits({}, Decimal(0), {}, {})
READ_TIMEOUT = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 10.0}
SUBMIT_TIMEOUT = {"connect": 10.0, "read": 120.0, "write": 60.0, "pool": 10.0}
HELD_TIMEOUT = {"connect": 10.0, "read": 240.0, "write": 60.0, "pool": 10.0}

# Bodies of 2xx answers that no adapter may accept, as pairs of a name and the bytes.
NO_OBJECTS: list[tuple[str, bytes]] = [
    ("nothing", b""), ("null", b"null"), ("a number", b"7"), ("a text", b'"fine"'), ("true", b"true"), ("NaN", b"NaN"),
    ("a page", b"<!doctype html><title>Bad gateway</title>"), ("half an object", b'{"data": ['), ("two", b"{} {}"),
    ("no UTF-8", b'{"data": "\xff\xfe"}'), ("deep lists", b"[" * 200_000), ("deep objects", b'{"a":' * 200_000),
    ("too many digits", b'{"generation_id": ' + b"9" * 5_000 + b"}"), ("a list of texts", b'["a", "b"]'),
    ("over 8 MiB", b'{"padding": "%s"}' % (b"x" * http_client.MAX_ANSWER_BYTES)),
]  # fmt: skip
# Values whose type or range is wrong.
WRONG: list[Any] = [
    None, True, 7, -1, 0.5, 10**40, float("nan"), float("inf"), "", "text", "a/b", "..", [], {}, [None], [[]], [7],
    {"id": 1}, "x" * 5_000,
]  # fmt: skip


def link_of(handle: Handle | str, suffix: str = ".png") -> str:
    """Return a presigned link to an input, without the parameters that no code reads."""
    named = f"attachment%3B%20filename%3D%22{handle}{suffix}%22"
    return (
        f"https://in.s3.eu-central-1.amazonaws.com/cats/a%20b.png?versionId=v%2B1&response-content-disposition={named}"
        "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0123abcd"
    )


LINK = link_of(HANDLE)


def _no_bytes() -> NoReturn:
    raise AssertionError("the image was opened, although the vendor fetches it by its link")


LINKED = ImageStream(_no_bytes, lambda: LINK, 1_000, "image/png", ".png")


def planned(provider: str, facts: ImageFacts = PNG, **tags: str) -> Plan:
    """Return the plan of an upload with these tags, made as in production."""
    settings = resolve(
        [tag_layer({"provider": provider, **tags})], default_provider="topaz", allowed_providers=catalog.providers()
    )
    return plan(settings, facts, 1_000, NO_LIMITS, TODAY, {"topaz": Spelling.SNAKE})


def adapter_of(
    kind: Callable[..., Adapter], vendor: Callable[[httpx.Request], httpx.Response], *keys: str, base_url: str
) -> Adapter:
    """Return an adapter of this kind with `vendor` behind it."""
    client = http_client.new_client(NO_TLS, transport=httpx.MockTransport(vendor))
    links = Downloads(client, local=False, sleep=lambda seconds: None)  # wait no time between retries
    return kind(base_url, Keys(*(keys or ("key-1",))), client, links)


def refusing(status: int = 503) -> Vendor:
    """Return a vendor that answers everything with that status."""
    return Vendor(httpx.Response(status, text='{"message": "no"}'))


def raw(content: bytes, status: int = 200, **headers: str) -> httpx.Response:
    """Return an answer of exactly these bytes."""
    return httpx.Response(status, content=content, headers=headers)


def split(vendor: Vendor, host: Host) -> Callable[[httpx.Request], httpx.Response]:
    """Return a network that sends requests for results to `host` and all others to `vendor`. See
    `tests.fakes.result_server.resolve`.
    """
    return lambda request: (host if request.url.host == PUBLIC else vendor)(request)


def headers_of(request: httpx.Request) -> dict[str, str]:
    """Return all headers except User-Agent, which contains the library's version."""
    return {name: value for name, value in request.headers.items() if name != "user-agent"}


class Streamed(httpx.SyncByteStream):
    """Sends the body of an answer and records whether its connection was released."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.is_closed = pieces, False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces

    def close(self) -> None:
        self.is_closed = True


def streamed(content: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    """Return an answer with status 200 whose body has not been read."""
    pieces = iter([content]) if isinstance(content, bytes) else content
    return httpx.Response(200, headers=headers, stream=Streamed(pieces))


def breaking(content: bytes, error: Exception | None = None) -> Iterator[bytes]:
    """Yield the content, then raise an error as a broken connection does."""
    yield content
    raise error or httpx.ReadError("reset")


class Patience:
    """A clock that only waiting moves. It records the length of each wait."""

    def __init__(self) -> None:
        self.now, self.waited = 1_000.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def links(self, opener: Downloads) -> Downloads:
        """Return the same downloads with this clock."""
        return replace(opener, sleep=self.sleep, clock=lambda: self.now)


class Kept:
    """Replaces the store of staged results. It stores each result completely or not at all."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.calls = list(failures), 0
        self.results: dict[str, bytes] = {}

    def __call__(self, process_id: str, pieces: Iterator[bytes]) -> None:
        self.calls += 1
        content = b"".join(pieces)
        if self.failures:
            raise self.failures.pop(0)
        self.results[process_id] = content
