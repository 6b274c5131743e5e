"""Reads parts of a result in several threads. Each part is one ranged GET, and each thread has its own connection.

This module uses `http.client`, because httpx needs twice the CPU time for a gigabyte (benchmarks/results.md). It connects only
to addresses that the module `downloads` has checked, and follows no redirect.
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
# The statuses with which hosts answer to an expired link: most with 403, some with 400 or 401; 404 or 410 if the file is gone.
EXPIRED_STATUSES = frozenset({400, 401, 403, 404, 410})


class LinkExpired(ResultNotReady):
    """The host no longer accepts the link, so a new link is needed."""


@dataclass(frozen=True)
class ResultLocation:
    """The place of a result: the IP address that was checked, the host's name, and the path to request."""

    address: str  # the IP address
    port: int
    host: str  # the Host header: the host's name, and the port if it is not the scheme's default
    name: str  # the host's name, which the certificate must match
    target: str = field(repr=False)  # path and query, which hold the signature
    is_tls: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # more headers to send, such as the API key


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to the address that was checked, even if the host's name resolves to another address by now."""

    def __init__(self, location: ResultLocation, context: ssl.SSLContext) -> None:
        super().__init__(location.name, location.port, timeout=READ_SECONDS)
        self._location, self._context = location, context

    def connect(self) -> None:
        plain = socket.create_connection((self._location.address, self._location.port), CONNECT_SECONDS)
        plain.settimeout(READ_SECONDS)
        self.sock = (
            self._context.wrap_socket(plain, server_hostname=self._location.name) if self._location.is_tls else plain
        )


@dataclass
class RangeReader:
    """Reads parts of results. Any number of threads may share a reader. Each thread keeps one connection until `close`."""

    context: ssl.SSLContext
    _thread_local: threading.local = field(default_factory=threading.local, init=False, repr=False)
    _connections: list[http.client.HTTPConnection] = field(default_factory=list, init=False, repr=False)

    @contextmanager
    def part(self, location: ResultLocation, offset: int, length: int, etag: str | None, total: int) -> Iterator[Part]:
        """Open `length` bytes from `offset` of a result of `total` bytes. If `etag` is given, the host must still have the
        version with that ETag. Raises LinkExpired, ResultNotReady."""
        connection = self._connection(location)
        try:
            response = self._request_range(connection, location, offset, length, etag)
            _check_range(response, offset, length, total)
            part = Part(response, length)
            yield part
            if part.bytes_left:
                connection.close()  # because it cannot be used again before the rest of the response is read
            else:
                response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        while self._connections:
            self._connections.pop().close()

    def _request_range(
        self,
        connection: http.client.HTTPConnection,
        location: ResultLocation,
        offset: int,
        length: int,
        etag: str | None,
    ) -> http.client.HTTPResponse:
        headers = {
            **location.headers, "Host": location.host, "Accept-Encoding": "identity",
            "Range": f"bytes={offset}-{offset + length - 1}", **({"If-Match": etag} if etag else {}),
        }  # fmt: skip
        connection.request("GET", location.target, headers=headers)
        return connection.getresponse()

    def _connection(self, location: ResultLocation) -> http.client.HTTPConnection:
        """Return this thread's connection if it leads to `location`, otherwise a new connection."""
        current: tuple[ResultLocation, http.client.HTTPConnection] | None = getattr(self._thread_local, "current", None)
        if current is not None and (current[0].address, current[0].port, current[0].name) == (
            location.address,
            location.port,
            location.name,
        ):
            return current[1]
        connection = _PinnedConnection(location, self.context)
        self._thread_local.current = (location, connection)
        self._connections.append(connection)
        return connection


@dataclass
class Part:
    """Reads the bytes of one part as they arrive; implements `ports.Reader`."""

    response: http.client.HTTPResponse
    bytes_left: int

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into `buffer` and return their number, or 0 at the end. Raises ResultNotReady if the connection
        breaks or ends early."""
        if not self.bytes_left:
            return 0
        try:
            count = self.response.readinto(buffer[: self.bytes_left])
        except (OSError, http.client.HTTPException) as error:
            raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None
        if not count:
            raise ResultNotReady(f"the download was cut {self.bytes_left} bytes before the end of a part")
        self.bytes_left -= count
        return count


def _check_range(response: http.client.HTTPResponse, offset: int, length: int, total: int) -> None:
    """Raise LinkExpired or ResultNotReady unless the response holds exactly the requested range."""
    if response.status in EXPIRED_STATUSES:
        raise LinkExpired(f"the result's host answered {response.status}: a new link is needed")
    if response.status != http.client.PARTIAL_CONTENT:
        raise ResultNotReady(f"the result's host answered {response.status} to the request of a part")
    if response.getheader("Content-Range", "") != f"bytes {offset}-{offset + length - 1}/{total}":
        raise ResultNotReady("the result's host answered with another part than was requested")
    # The header may be missing, because `Part` counts the bytes too.
    if response.getheader("Content-Length", str(length)) != str(length):
        raise ResultNotReady("the result's host announced another length than the requested part has")
