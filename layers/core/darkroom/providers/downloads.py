"""Downloads results: opens a presigned link safely, reads it by ranges or as a stream, and never shows the link.

A link must be https, and every address of its host must be public. The connection goes to exactly the address that was checked,
so that a second DNS answer cannot lead it into a private network. At most three redirects are followed, and each is checked. No
proxy is used, and no API key is sent (except by `key_headers_for`). Plain http and loopback addresses are allowed only if the
provider's own base URL uses them, as the simulators do.
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
from darkroom.providers.parallel_downloads import LinkExpired, Part, RangeReader, ResultLocation
from darkroom.providers.url_safety import is_public, origin, parse, redirect_target

MAX_REDIRECTS = 3
HEAD_BYTES = 64 * 1024
CHUNK_BYTES = 256 * 1024
DOWNLOAD_TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=10.0, pool=10.0)  # seconds
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The statuses by which a host may refuse a download without the API key. No page publishes them. A 404 may hide an existing file.
MAY_WANT_KEY_STATUSES = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND})
MAX_LENGTH_DIGITS = 15


@dataclass(frozen=True)
class Downloads:
    """Opens result links. `local` allows plain http and loopback addresses."""

    client: httpx.Client
    local: bool
    # Called with the origin (`https://host`) that refused a download. Returns the headers with the API key, or none. Set only by
    # an adapter whose vendor requires the key for results.
    key_headers_for: Callable[[str], Mapping[str, str]] = field(default=lambda origin: {}, repr=False)

    context: Callable[[], ssl.SSLContext] = ssl.create_default_context  # for parts, which do not go through `client`
    sleep: Callable[[float], None] = time.sleep  # waits some seconds before a download is tried again
    clock: Callable[[], float] = time.monotonic  # returns seconds

    @contextmanager
    def open(self, url: str, renew_url: Callable[[], str] | None = None) -> Iterator[Link]:
        """Open the link, and read the result's size and first bytes. `renew_url` is called for a new URL if `url` expires during
        the download. Raises ResultNotReady, UnsafeLink."""
        link = Link(self, url, renew_url)
        try:
            yield link
        finally:
            link.close()

    def follow_redirects(self, url: str, headers: dict[str, str]) -> tuple[httpx.Response, ResultLocation]:
        """GET the URL and follow its redirects. Return the unread response and the location where the redirects ended. The
        caller closes the response. After a redirect to another host, the API key is never sent. Raises ResultNotReady,
        UnsafeLink."""
        left_host = False
        for _ in range(MAX_REDIRECTS + 1):
            key_headers: Mapping[str, str] = {}
            response, location = self._send(url, headers)
            may_want_key = response.status_code in MAY_WANT_KEY_STATUSES and not left_host
            if may_want_key and (key_headers := self.key_headers_for(origin(parse(url)))):
                response.close()
                response, location = self._send(url, {**headers, **key_headers})
            if response.status_code not in REDIRECTS:
                return response, replace(location, headers=key_headers)
            response.close()
            url = redirect_target(url, response.headers.get("location", ""))
            left_host = left_host or not self.key_headers_for(origin(parse(url)))
        raise UnsafeLink(f"the result link redirects more than {MAX_REDIRECTS} times")

    def _send(self, text: str, headers: dict[str, str]) -> tuple[httpx.Response, ResultLocation]:
        url = parse(text)
        if url.scheme != "https" and not (self.local and url.scheme == "http"):
            raise UnsafeLink("the result link is not https")
        is_tls = url.scheme == "https"
        port = url.port or (443 if is_tls else 80)
        host, name, target = (part.decode("ascii") for part in (url.netloc, url.raw_host, url.raw_path))
        location = ResultLocation(self._choose_address(url.host, port), port, host, name, target, is_tls)
        request = self.client.build_request(
            "GET",
            url.copy_with(host=location.address, username=None, password=None),
            headers={**headers, "Host": host, "Accept-Encoding": "identity"},
            timeout=DOWNLOAD_TIMEOUT,
            extensions={"sni_hostname": name},
        )
        try:
            return self.client.send(request, stream=True), location
        except (httpx.HTTPError, OSError) as error:
            raise ResultNotReady(f"the result's host did not answer ({type(error).__name__})") from None

    def _choose_address(self, host: str, port: int) -> str:
        """Return the address to connect to, preferably IPv4, because Lambda outside a VPC has no IPv6 route. Raises UnsafeLink
        unless all addresses of the host are public, and ResultNotReady if the host has no address."""
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
    """An open result link; implements `ports.ResultLink`. Its `repr` does not show the URL."""

    downloads: Downloads
    url: str = field(repr=False)
    renew_url: Callable[[], str] | None = field(default=None, repr=False)
    size_bytes: int = field(init=False)
    has_parts: bool = field(init=False)
    _head: bytes = field(init=False, repr=False)
    _etag: str | None = field(init=False, default=None)
    _location: ResultLocation = field(init=False, repr=False)
    _range_reader: RangeReader | None = field(init=False, default=None, repr=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        response = self._request({"Range": f"bytes=0-{HEAD_BYTES - 1}"})
        try:
            self.has_parts = response.status_code == httpx.codes.PARTIAL_CONTENT
            self._etag = response.headers.get("etag")
            self.size_bytes = _total_bytes(response)
            self._head = _read_exactly(response, 0, min(HEAD_BYTES, self.size_bytes))
        finally:
            response.close()

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Part]:
        """Open one part by a ranged GET. If the link has expired, one thread renews it for all threads. Raises ResultNotReady,
        UnsafeLink."""
        with self._lock:
            self._range_reader = self._range_reader or RangeReader(self.downloads.context())
            location = self._location
        try:
            with self._range_reader.part(location, offset, length, self._strong_etag, self.size_bytes) as part:
                yield part
                return
        except LinkExpired:
            self._renew(location)
        with self._range_reader.part(self._location, offset, length, self._strong_etag, self.size_bytes) as part:
            yield part

    def close(self) -> None:
        """Close the connections that the parts used."""
        if self._range_reader is not None:
            self._range_reader.close()

    def _renew(self, expired: ResultLocation) -> None:
        """Replace the expired link by a new link to the same bytes, unless another thread has replaced it already."""
        with self._lock:
            if self._location is not expired:
                return
            if self.renew_url is None:
                raise ResultNotReady("the result link expired while the result was read")
            self.url = self.renew_url()
            response = self._request({"Range": "bytes=0-0"})
            try:
                if _total_bytes(response) != self.size_bytes:
                    raise ResultNotReady("the result changed while it was read")
            finally:
                response.close()

    @property
    def _strong_etag(self) -> str | None:
        return self._etag if self._etag and not self._etag.startswith("W/") else None

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. If the host does not support ranges, the bytes before `offset` are
        downloaded too and dropped. Raises ResultNotReady, UnsafeLink."""
        end = min(offset + length, self.size_bytes)
        if end <= offset:
            return b""
        if end <= len(self._head):
            return self._head[offset:end]
        response = self._request({"Range": f"bytes={offset}-{end - 1}"} if self.has_parts else {})
        try:
            if _total_bytes(response) != self.size_bytes:
                raise ResultNotReady("the result changed while it was read")
            return _read_exactly(response, offset, end - offset)
        finally:
            response.close()

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes. Raises ResultNotReady at the end unless exactly `size_bytes` came."""
        response = self._request({})
        try:
            if response.status_code != httpx.codes.OK:
                raise ResultNotReady(f"the result's host answered {response.status_code} to a whole download")
            count = 0
            for chunk in _read_chunks(response):
                count += len(chunk)
                if count > self.size_bytes:
                    break
                yield chunk
            if count != self.size_bytes:
                raise ResultNotReady(f"{count} bytes of the result came, {self.size_bytes} were announced")
        finally:
            response.close()

    def _request(self, headers: dict[str, str]) -> httpx.Response:
        if self._strong_etag:
            headers = {**headers, "If-Match": self._strong_etag}
        response, self._location = self.downloads.follow_redirects(self.url, headers)
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            response.close()
            raise ResultNotReady(f"the result's host answered {response.status_code}: a new link is needed")
        return response


def _total_bytes(response: httpx.Response) -> int:
    """Return the length of the whole result, also if the response contains only a part of it. Raises ResultNotReady if the
    response's headers do not name the length."""
    is_part = response.status_code == httpx.codes.PARTIAL_CONTENT
    header = response.headers.get("content-range" if is_part else "content-length", "")
    total = header.rpartition("/")[2]
    if not (total.isascii() and total.isdigit() and len(total) <= MAX_LENGTH_DIGITS):
        raise ResultNotReady("the result's length is not known")
    return int(total)


def _read_exactly(response: httpx.Response, offset: int, length: int) -> bytes:
    """Return `length` bytes of the result from `offset`. The response holds a range that begins there, or the whole result.
    Raises ResultNotReady if the response has fewer bytes."""
    is_part = response.status_code == httpx.codes.PARTIAL_CONTENT
    if is_part and not response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
        raise ResultNotReady("the result's host answered with another range than was requested")
    taken = b"".join(_slice(_read_chunks(response), 0 if is_part else offset, length))
    if len(taken) != length:
        raise ResultNotReady(f"the download was cut after {len(taken)} of {length} bytes")
    return taken


def _read_chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_raw(CHUNK_BYTES)
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:
        raise ResultNotReady(f"the download was cut ({type(error).__name__})") from None


def _slice(chunks: Iterator[bytes], skip: int, length: int) -> Iterator[bytes]:
    """Skip the first `skip` bytes of the chunks, and yield up to `length` bytes after them."""
    if length <= 0:
        return
    for chunk in chunks:
        if skip >= len(chunk):
            skip -= len(chunk)
            continue
        chunk, skip = chunk[skip : skip + length], 0
        length -= len(chunk)
        yield chunk
        if length <= 0:
            return
