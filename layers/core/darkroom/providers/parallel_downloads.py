"""Ranged downloads: reads parts of a result in several threads, each part by one GET, each thread over its own connection.

This module uses `http.client` because httpx needs twice the CPU time for a gigabyte (benchmarks/results.md). It connects only
to addresses that `downloads` has checked, and follows no redirect.
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
# How hosts answer to a link that has expired: most with 403, some with 400 or 401, and with 404 or 410 if the file is gone.
EXPIRED_STATUSES = frozenset({400, 401, 403, 404, 410})


class LinkExpired(ResultNotReady):
    """The host no longer accepts the link; a new one is needed."""


@dataclass(frozen=True)
class ResultLocation:
    """Where a result can be read: the IP address that was checked, the host's name, and the path to request."""

    address: str  # the IP address
    port: int
    host: str  # the Host header: name, and port unless it is the usual one
    name: str  # the name that the certificate must match
    target: str = field(repr=False)  # path and query, which hold the signature
    is_tls: bool = True
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # more headers to send, such as the API key


class _PinnedConnection(http.client.HTTPConnection):
    """A connection to the address that was checked, even if the name resolves to another one by now."""

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
    """Reads parts. Any number of threads may share it; each thread keeps one connection until `close`."""

    context: ssl.SSLContext
    _thread_local: threading.local = field(default_factory=threading.local, init=False, repr=False)
    _connections: list[http.client.HTTPConnection] = field(default_factory=list, init=False, repr=False)

    @contextmanager
    def part(self, location: ResultLocation, offset: int, length: int, etag: str | None, total: int) -> Iterator[Part]:
        """Open `length` bytes from `offset` of a result of `total` bytes. With an `etag`, the host must still have that
        version. Raises LinkExpired, ResultNotReady."""
        connection = self._connection(location)
        try:
            response = self._request_range(connection, location, offset, length, etag)
            _check_range(response, offset, length, total)
            part = Part(response, length)
            yield part
            if part.bytes_left:
                connection.close()  # it could be used again only after the rest was read
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
        """Return this thread's connection if it leads to that location, else a new one."""
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
    """The bytes of one part as they arrive; fulfils `ports.Reader`."""

    response: http.client.HTTPResponse
    bytes_left: int

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into the buffer and return their number, 0 after the last. Raises ResultNotReady if the
        connection breaks or ends early."""
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
    """Raise LinkExpired or ResultNotReady unless the response is exactly the range that was requested."""
    if response.status in EXPIRED_STATUSES:
        raise LinkExpired(f"the result's host answered {response.status}: a new link is needed")
    if response.status != http.client.PARTIAL_CONTENT:
        raise ResultNotReady(f"the result's host answered {response.status} to a part")
    if response.getheader("Content-Range", "") != f"bytes {offset}-{offset + length - 1}/{total}":
        raise ResultNotReady("the result's host answered with another part than was asked for")
    if response.getheader("Content-Length", str(length)) != str(length):  # it may be missing: `Part` counts the bytes
        raise ResultNotReady("the result's host announced another length than the part's")
