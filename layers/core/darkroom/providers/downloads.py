"""Downloads of results: a presigned link is opened safely, read by ranges, streamed once, and never shown.

Rule: https, every resolved address public, and exactly that address is connected to (so a second DNS answer cannot
redirect the call inside); at most three redirects, each checked; no API key, no proxy. Plain http and loopback are for
a provider whose own base URL is such, i.e. the simulators.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import httpx

from darkroom.errors import ResultNotReady, UnsafeLink
from darkroom.providers.ranged_downloads import LinkEnded, Part, Place, Ranges
from darkroom.providers.url_safety import is_public, joined, origin, parsed

MAX_REDIRECTS = 3
HEAD_BYTES = 64 * 1024
PIECE_BYTES = 256 * 1024
DOWNLOAD_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)  # seconds
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# How a host that keeps a result behind its key may turn strangers away: no page says; 404 hides that it is there.
TO_STRANGERS = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND})
MAX_LENGTH_DIGITS = 15


@dataclass(frozen=True)
class Downloads:
    """Opens links. `local` allows plain http and loopback."""

    client: httpx.Client
    local: bool
    # What to add for an origin, `https://host`, that turns strangers away: nothing, but for a vendor that keeps results
    # behind its key.
    headers_for: Callable[[str], Mapping[str, str]] = field(default=lambda origin: {}, repr=False)

    context: Callable[[], ssl.SSLContext] = ssl.create_default_context  # for parts, which the client does not fetch
    sleep: Callable[[float], None] = time.sleep  # seconds, between tries of a result that nobody can be asked for again
    clock: Callable[[], float] = time.monotonic  # seconds

    @contextmanager
    def open(self, url: str, fresh: Callable[[], str] | None = None) -> Iterator[Link]:
        """The link with its size and first bytes known; `fresh` mints another when it ends while it is read. Raises
        ResultNotReady, UnsafeLink."""
        link = Link(self, url, fresh)
        try:
            yield link
        finally:
            link.close()

    def get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """A streaming GET; the caller closes it. Raises ResultNotReady, UnsafeLink."""
        return self.reach(url, headers)[0]

    def reach(self, url: str, headers: dict[str, str]) -> tuple[httpx.Response, Place]:
        """The same, with the place where its redirects ended. Once they led to another host, the key stays hidden."""
        strayed = False
        for _ in range(MAX_REDIRECTS + 1):
            own: Mapping[str, str] = {}
            response, place = self._send(url, headers)
            is_stranger = response.status_code in TO_STRANGERS and not strayed
            if is_stranger and (own := self.headers_for(origin(parsed(url)))):
                response.close()
                response, place = self._send(url, {**headers, **own})
            if response.status_code not in REDIRECTS:
                return response, replace(place, headers=own)
            response.close()
            url = joined(url, response.headers.get("location", ""))
            strayed = strayed or not self.headers_for(origin(parsed(url)))
        raise UnsafeLink(f"the result link redirects more than {MAX_REDIRECTS} times")

    def _send(self, text: str, headers: dict[str, str]) -> tuple[httpx.Response, Place]:
        url = parsed(text)
        if url.scheme != "https" and not (self.local and url.scheme == "http"):
            raise UnsafeLink("the result link is not https")
        is_tls = url.scheme == "https"
        port = url.port or (443 if is_tls else 80)
        host, name, target = (part.decode("ascii") for part in (url.netloc, url.raw_host, url.raw_path))
        place = Place(self._address(url.host, port), port, host, name, target, is_tls)
        request = self.client.build_request(
            "GET",
            url.copy_with(host=place.address, username=None, password=None),
            headers={**headers, "Host": host, "Accept-Encoding": "identity"},
            timeout=DOWNLOAD_TIMEOUT,
            extensions={"sni_hostname": name},
        )
        try:
            return self.client.send(request, stream=True), place
        except (httpx.HTTPError, OSError) as error:
            raise ResultNotReady(f"the result's host did not answer ({type(error).__name__})") from None

    def _address(self, host: str, port: int) -> str:
        """The one to connect to, IPv4 first: Lambda outside a VPC has no IPv6 route. Raises unless all are public."""
        try:
            found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            raise ResultNotReady("the result's host does not resolve") from None
        if not found:
            raise ResultNotReady("the result's host has no address")
        if not all(is_public(ip) or (self.local and ipaddress.ip_address(ip).is_loopback) for ip in found):
            raise UnsafeLink("the result link points to an address that is not public")
        return min(found, key=lambda address: (":" in address, address))


@dataclass
class Link:
    """Fulfils `ports.ResultLink`. The link itself is in no text form."""

    downloads: Downloads
    url: str = field(repr=False)
    fresh: Callable[[], str] | None = field(default=None, repr=False)
    size_bytes: int = field(init=False)
    has_parts: bool = field(init=False)
    _head: bytes = field(init=False, repr=False)
    _etag: str | None = field(init=False, default=None)
    _place: Place = field(init=False, repr=False)
    _ranges: Ranges | None = field(init=False, default=None, repr=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        response = self._get({"Range": f"bytes=0-{HEAD_BYTES - 1}"})
        try:
            self.has_parts = response.status_code == httpx.codes.PARTIAL_CONTENT
            self._etag = response.headers.get("etag")
            self.size_bytes = _total(response)
            self._head = _exactly(response, 0, min(HEAD_BYTES, self.size_bytes))
        finally:
            response.close()

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Part]:
        """One ranged GET; a link that has ended meanwhile is minted anew, once for all threads."""
        with self._lock:
            self._ranges = self._ranges or Ranges(self.downloads.context())
            place = self._place
        try:
            with self._ranges.part(place, offset, length, self._strong_etag, self.size_bytes) as part:
                yield part
                return
        except LinkEnded:
            self._renew(place)
        with self._ranges.part(self._place, offset, length, self._strong_etag, self.size_bytes) as part:
            yield part

    def close(self) -> None:
        """Ends the connections that parts were read by."""
        if self._ranges is not None:
            self._ranges.close()

    def _renew(self, ended: Place) -> None:
        """A fresh link to the same bytes, unless another thread has minted one already."""
        with self._lock:
            if self._place is not ended:
                return
            if self.fresh is None:
                raise ResultNotReady("the link ended while the result was read")
            self.url = self.fresh()
            response = self._get({"Range": "bytes=0-0"})
            try:
                if _total(response) != self.size_bytes:
                    raise ResultNotReady("the result changed while it was read")
            finally:
                response.close()

    @property
    def _strong_etag(self) -> str | None:
        return self._etag if self._etag and not self._etag.startswith("W/") else None

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read; where the host knows no ranges, the bytes before are read and dropped."""
        end = min(offset + length, self.size_bytes)
        if end <= offset:
            return b""
        if end <= len(self._head):
            return self._head[offset:end]
        response = self._get({"Range": f"bytes={offset}-{end - 1}"} if self.has_parts else {})
        try:
            if _total(response) != self.size_bytes:
                raise ResultNotReady("the result changed while it was read")
            return _exactly(response, offset, end - offset)
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
                if count > self.size_bytes:
                    break
                yield piece
            if count != self.size_bytes:
                raise ResultNotReady(f"{count} bytes of the result came, {self.size_bytes} were announced")
        finally:
            response.close()

    def _get(self, headers: dict[str, str]) -> httpx.Response:
        if self._strong_etag:
            headers = {**headers, "If-Match": self._strong_etag}
        response, self._place = self.downloads.reach(self.url, headers)
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            response.close()
            raise ResultNotReady(f"the result's host answered {response.status_code}: a fresh link is needed")
        return response


def _total(response: httpx.Response) -> int:
    """The length of the whole result, from either kind of answer."""
    is_part = response.status_code == httpx.codes.PARTIAL_CONTENT
    named = response.headers.get("content-range" if is_part else "content-length", "")
    total = named.rpartition("/")[2]
    if not (total.isascii() and total.isdigit() and len(total) <= MAX_LENGTH_DIGITS):
        raise ResultNotReady("the result's length is not known")
    return int(total)


def _exactly(response: httpx.Response, offset: int, length: int) -> bytes:
    """`length` bytes of the result from `offset`, whichever part of it the host answers with."""
    is_part = response.status_code == httpx.codes.PARTIAL_CONTENT
    if is_part and not response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
        raise ResultNotReady("the result's host answered with another range than was asked for")
    taken = b"".join(_take(_pieces(response), 0 if is_part else offset, length))
    if len(taken) != length:
        raise ResultNotReady(f"the download was cut after {len(taken)} of {length} bytes")
    return taken


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(PIECE_BYTES)
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:
        raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None


def _take(pieces: Iterator[bytes], skip: int, length: int) -> Iterator[bytes]:
    """`length` bytes after `skip`, or what there is."""
    if length <= 0:
        return
    for piece in pieces:
        if skip >= len(piece):
            skip -= len(piece)
            continue
        piece, skip = piece[skip : skip + length], 0
        length -= len(piece)
        yield piece
        if length <= 0:
            return
