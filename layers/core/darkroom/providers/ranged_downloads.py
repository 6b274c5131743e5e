"""Parts of a result, each by a ranged GET of its own over a connection that its thread keeps.

httpx reads a gigabyte with twice the work that the standard library needs for it (benchmarks/results.md), so large results
come this way. What is connected to was chosen and checked by `results`; no redirect is followed here.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from darkroom.errors import ResultNotReady

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
# What hosts answer to a link whose time is over: 403 most, 400 and 401 some, 404 and 410 where the file moved with it.
ENDED = frozenset({400, 401, 403, 404, 410})


class LinkEnded(ResultNotReady):
    """The host no longer honours the link: a fresh one is needed."""


@dataclass(frozen=True)
class Place:
    """Where a result lies: the address that was checked, the host's own name, and what to ask it for."""

    address: str
    port: int
    host: str  # as in the header
    name: str  # for the certificate
    target: str = field(repr=False)  # path and query: the link itself
    is_tls: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was checked, whatever the name resolves to by now."""

    def __init__(self, place: Place, context: ssl.SSLContext) -> None:
        super().__init__(place.name, place.port, timeout=READ_SECONDS)
        self._place, self._context = place, context

    def connect(self) -> None:
        plain = socket.create_connection((self._place.address, self._place.port), CONNECT_SECONDS)
        plain.settimeout(READ_SECONDS)
        self.sock = self._context.wrap_socket(plain, server_hostname=self._place.name) if self._place.is_tls else plain


@dataclass
class Ranges:
    """Reads parts. For any number of threads, each of which keeps one connection until `close`."""

    context: ssl.SSLContext
    _own: threading.local = field(default_factory=threading.local, init=False, repr=False)
    _all: list[http.client.HTTPConnection] = field(default_factory=list, init=False, repr=False)

    @contextmanager
    def part(self, place: Place, offset: int, length: int, etag: str | None, total: int) -> Iterator[Part]:
        """Exactly those bytes, of the result that has this ETag and size. Raises ResultNotReady, LinkEnded."""
        connection = self._connection(place)
        try:
            response = self._asked(connection, place, offset, length, etag)
            _check(response, offset, length, total)
            part = Part(response, length)
            yield part
            if part.left:
                connection.close()  # the rest is not worth reading
            else:
                response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Ends every connection."""
        while self._all:
            self._all.pop().close()

    def _asked(
        self, connection: http.client.HTTPConnection, place: Place, offset: int, length: int, etag: str | None
    ) -> http.client.HTTPResponse:
        headers = {
            **place.headers, "Host": place.host, "Accept-Encoding": "identity",
            "Range": f"bytes={offset}-{offset + length - 1}", **({"If-Match": etag} if etag else {}),
        }  # fmt: skip
        connection.request("GET", place.target, headers=headers)
        return connection.getresponse()

    def _connection(self, place: Place) -> http.client.HTTPConnection:
        """This thread's, to that place."""
        kept: tuple[Place, http.client.HTTPConnection] | None = getattr(self._own, "kept", None)
        if kept is not None and (kept[0].address, kept[0].port, kept[0].name) == (
            place.address,
            place.port,
            place.name,
        ):
            return kept[1]
        connection = _Pinned(place, self.context)
        self._own.kept = (place, connection)
        self._all.append(connection)
        return connection


@dataclass
class Part:
    """Fulfils `ports.Reader`."""

    response: http.client.HTTPResponse
    left: int

    def readinto(self, buffer: memoryview) -> int:
        """The next bytes, 0 once all came. Raises ResultNotReady when the connection breaks or ends early."""
        if not self.left:
            return 0
        try:
            count = self.response.readinto(buffer[: self.left])
        except (OSError, http.client.HTTPException) as error:
            raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None
        if not count:
            raise ResultNotReady(f"the download was cut {self.left} bytes before the end of a part")
        self.left -= count
        return count


def _check(response: http.client.HTTPResponse, offset: int, length: int, total: int) -> None:
    """Raises unless the answer is exactly the part that was asked for."""
    if response.status in ENDED:
        raise LinkEnded(f"the result's host answered {response.status}: a fresh link is needed")
    if response.status != http.client.PARTIAL_CONTENT:
        raise ResultNotReady(f"the result's host answered {response.status} to a part")
    if response.getheader("Content-Range", "") != f"bytes {offset}-{offset + length - 1}/{total}":
        raise ResultNotReady("the result's host answered with another part than was asked for")
    if response.getheader("Content-Length", str(length)) != str(length):  # or none: the part's end is counted
        raise ResultNotReady("the result's host announced another length than the part's")
