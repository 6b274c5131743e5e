"""Downloads of results: a presigned link is opened safely, read by ranges, streamed once, and never shown.

Rule: https, every resolved address public, and exactly that address is connected to (so a second DNS answer cannot
redirect the call inside); at most three redirects, each checked; no API key, no proxy. Plain http and loopback are for a
provider whose own base URL is such, i.e. the simulators.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx

from darkroom.errors import ResultNotReady, UnsafeLink

MAX_REDIRECTS = 3
HEAD_BYTES = 64 * 1024
PIECE_BYTES = 256 * 1024
DOWNLOAD_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)  # seconds
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Downloads:
    """Opens links. `local` allows plain http and loopback."""

    client: httpx.Client
    local: bool

    @contextmanager
    def open(self, url: str) -> Iterator[Link]:
        """The link with its size and first bytes known. Raises ResultNotReady, UnsafeLink."""
        yield Link(self, url)

    def get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """A streaming GET; the caller closes it. Raises ResultNotReady, UnsafeLink."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(url, headers)
            if response.status_code not in REDIRECTS:
                return response
            response.close()
            url = urljoin(url, response.headers.get("location", ""))
        raise UnsafeLink(f"the result link redirects more than {MAX_REDIRECTS} times")

    def _send(self, url: str, headers: dict[str, str]) -> httpx.Response:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (self.local and parts.scheme == "http"):
            raise UnsafeLink("the result link is not https")
        address = self._address(host, parts.port or (443 if parts.scheme == "https" else 80))
        pinned = httpx.URL(url).copy_with(host=address, username=None, password=None)
        host_header = host if parts.port is None else f"{host}:{parts.port}"
        request = self.client.build_request(
            "GET", pinned, headers={**headers, "Host": host_header, "Accept-Encoding": "identity"},
            timeout=DOWNLOAD_TIMEOUT, extensions={"sni_hostname": host},
        )  # fmt: skip
        try:
            return self.client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise ResultNotReady(f"the result's host did not answer ({type(error).__name__})") from None

    def _address(self, host: str, port: int) -> str:
        try:
            found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError:
            raise ResultNotReady("the result's host does not resolve") from None
        addresses = sorted(found, key=lambda a: ":" in a)  # IPv4 first: Lambda outside a VPC has no IPv6 route
        for address in addresses:
            ip = ipaddress.ip_address(address)
            if not (ip.is_global and not ip.is_multicast) and not (self.local and ip.is_loopback):
                raise UnsafeLink("the result link points to an address that is not public")
        return addresses[0]


@dataclass
class Link:
    """Fulfils `ports.ResultLink`. The link itself is in no text form."""

    downloads: Downloads
    url: str = field(repr=False)
    size_bytes: int = field(init=False)
    _head: bytes = field(init=False, repr=False)
    _ranged: bool = field(init=False)
    _etag: str | None = field(init=False)

    def __post_init__(self) -> None:
        response = self._get({"Range": f"bytes=0-{HEAD_BYTES - 1}"})
        try:
            self._ranged = response.status_code == httpx.codes.PARTIAL_CONTENT
            self._etag = response.headers.get("etag")
            total = response.headers.get("content-range", "").rpartition("/")[2]
            total = total if self._ranged else response.headers.get("content-length", "")
            if not total.isdigit():
                raise ResultNotReady("the result's length is not known")
            self.size_bytes = int(total)
            self._head = b"".join(_take(_pieces(response), 0, HEAD_BYTES))
        finally:
            response.close()

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read; where the host knows no ranges, the bytes before are read and dropped."""
        end = min(offset + length, self.size_bytes)
        if end <= offset:
            return b""
        if end <= len(self._head):
            return self._head[offset:end]
        response = self._get({"Range": f"bytes={offset}-{end - 1}"} if self._ranged else {})
        try:
            skipped = 0 if response.status_code == httpx.codes.PARTIAL_CONTENT else offset
            return b"".join(_take(_pieces(response), skipped, end - offset))
        finally:
            response.close()

    def stream(self) -> Iterator[bytes]:
        """All bytes; raises ResultNotReady at the end unless exactly `size_bytes` came."""
        response = self._get({})
        try:
            if response.status_code != httpx.codes.OK:
                raise ResultNotReady(f"the result's host answered {response.status_code} to a whole download")
            count = 0
            for piece in _pieces(response):
                count += len(piece)
                yield piece
            if count != self.size_bytes:
                raise ResultNotReady(f"the result is {count} bytes long, {self.size_bytes} were announced")
        finally:
            response.close()

    def _get(self, headers: dict[str, str]) -> httpx.Response:
        etag = getattr(self, "_etag", None)
        if etag and not etag.startswith("W/"):
            headers = {**headers, "If-Match": etag}
        response = self.downloads.get(self.url, headers)
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            response.close()
            raise ResultNotReady(f"the result's host answered {response.status_code}: a fresh link is needed")
        return response


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(PIECE_BYTES)
    except httpx.HTTPError as error:
        raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None


def _take(pieces: Iterator[bytes], skip: int, length: int) -> Iterator[bytes]:
    """`length` bytes after `skip`, or what there is."""
    for piece in pieces:
        if skip >= len(piece):
            skip -= len(piece)
            continue
        piece, skip = piece[skip : skip + length], 0
        length -= len(piece)
        yield piece
        if length <= 0:
            return
