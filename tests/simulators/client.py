"""HTTP clients with which these tests use any simulator.

These tests must not import the application, because they check the simulators alone.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from darkroom_local.simulators.framework.server import Simulator

AnySimulator = TypeVar("AnySimulator", bound=Simulator[Any, Any])
Seen = TypeVar("Seen")

KEY = "test-key-1"
BEARER = {"Authorization": f"Bearer {KEY}"}
# A client without an API key. It loads no certificates, because all simulators here use plain HTTP.
BARE = httpx.Client(verify=False, timeout=120, limits=httpx.Limits(max_keepalive_connections=0))


@contextlib.contextmanager
def running(
    make: Callable[..., AnySimulator], headers: Mapping[str, str] = BEARER, /, **settings: Any
) -> Iterator[tuple[AnySimulator, httpx.Client]]:
    """Yield a running simulator with these settings, and a client that sends its API key."""
    with make(api_key=KEY, **settings) as sim, client(sim.base_url, headers) as http:
        yield sim, http


def client(base_url: str, headers: Mapping[str, str] = BEARER, timeout: float = 120) -> httpx.Client:
    return httpx.Client(base_url=base_url, headers=headers, timeout=timeout, verify=False)


def until(read: Callable[[], Seen], done: Callable[[Seen], bool], limit_seconds: float = 120) -> Seen:
    """Call `read` again and again until `done` returns True for the value that it returned. Return that value."""
    stop = time.time() + limit_seconds
    pause_seconds = 0.01
    while not done(seen := read()):
        assert time.time() < stop, f"after {limit_seconds} s the value is still {seen!r}"
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.4, 0.1)
    return seen


def hang_up(request: httpx.Request, when: Callable[[], bool]) -> None:
    """Send a request and wait until `when` returns True. Then close the connection without reading the answer."""
    head = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    with socket.create_connection((request.url.host, request.url.port)) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + request.read())
        until(when, bool)


def content(url: str) -> bytes:
    """Return the bytes of a result, read without an API key."""
    answer = BARE.get(url)
    assert answer.status_code == 200
    return answer.content
