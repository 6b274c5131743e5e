"""HTTP to a vendor: one client per container, no redirects, proxies or cookies; errors that carry no link and no key.

httpx's own exceptions carry whole URLs, so they are mapped here `from None` and never leave this package.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import IO, Any, Protocol, cast
from urllib.parse import urlsplit

import httpx

from darkroom.errors import (
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    SubmitInDoubt,
    Throttled,
)

CALL_TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=10.0)  # seconds
HELD_TIMEOUT = httpx.Timeout(connect=10.0, read=240.0, write=60.0, pool=10.0)  # seconds; read = the vendor enhances
SUBMIT_TIMEOUT = httpx.Timeout(connect=10.0, read=120.0, write=60.0, pool=10.0)  # seconds; read = the vendor decodes
PIECE_BYTES = 512 * 1024  # of an image on its way
MAX_MESSAGE_CHARACTERS = 300
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # JSON of a status list page; more is no answer of a status API

AUTH_STATUS = frozenset({401, 403})
FUNDS_STATUS = frozenset({402, 412, 425})
UNCLEAR_STATUS = frozenset({302, 303, 408})  # "see elsewhere" and "gave up waiting" may follow an accepted submit
RETRY_AFTER_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
MAX_RETRY_AFTER_SECONDS = 999_999.0
MAX_DATE_CHARACTERS = 64
LINK_LIKE = re.compile(r"://|www\.|[?&;][\w.-]+=|signature=", re.IGNORECASE)
# What httpx raises for one call; its InvalidURL stands beside its other errors.
CALL_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)
# The answer is handed on decoded and measured anew.
FRAMING_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Keys(Protocol):
    """Where API keys come from."""

    def get(self, provider: str) -> str:
        """The key, empty when there is none."""

    def refresh(self) -> None:
        """Reads the keys again."""


def fingerprint(key: str) -> str:
    """12 hex digits that tell two keys apart and give neither away."""
    return hashlib.sha256(f"darkroom:{key}".encode()).hexdigest()[:12]


def is_sendable(key: str) -> bool:
    """Whether the key can stand in a header. Others would fail in the library, whose message shows them."""
    return bool(key) and all("!" <= character <= "~" for character in key)


def is_loopback(base_url: str) -> bool:
    """Whether the base URL names this machine: the simulators, never a vendor."""
    host = _host(base_url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(base_url: str) -> str:
    """Scheme, host and port, where a vendor's other URLs hang."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(base_url: str) -> str:
    try:
        return urlsplit(base_url).hostname or ""
    except ValueError:
        return ""


def check_base_url(provider: str, base_url: str) -> None:
    """Raises OperatorFault unless the key would travel over https (plain http only to this machine)."""
    scheme = base_url.partition("://")[0].lower()
    if not _host(base_url) or not (scheme == "https" or (scheme == "http" and is_loopback(base_url))):
        raise OperatorFault(
            ErrorCode.AUTH_FAILED, f"the base URL of {provider} must begin with https://: an API key is sent there"
        )


def tls_context() -> ssl.SSLContext:
    """What a container trusts, from the certificates that come with httpx."""
    return httpx.create_ssl_context()


def new_client(context: ssl.SSLContext | None = None, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client that follows no redirect, reads no proxy from the environment, keeps no cookie and no idle connection.

    A kept connection that the vendor has just closed would make a submit look lost; one to a shared address would be
    used for another host of that address without a look at its certificate.
    """
    return httpx.Client(
        timeout=CALL_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        verify=context or True,
        transport=transport,
        limits=httpx.Limits(max_keepalive_connections=0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={"Connection": "close", "Accept-Encoding": "identity"},
    )


def exchange(client: httpx.Client, request: httpx.Request, key: str) -> httpx.Response:
    """The whole answer in bounded memory, see `bounded`. Raises what httpx raises."""
    return bounded(client.send(request, stream=True), key)


def bounded(response: httpx.Response, key: str) -> httpx.Response:
    """An answer whose body is still to be read, read whole, without the key should the vendor echo it.

    A body over MAX_ANSWER_BYTES is dropped, so that it reads as no JSON.
    """
    body = bytearray()
    try:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                body.clear()
                break
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.items() if name not in FRAMING_HEADERS]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body).replace(key.encode(), b"<key>"))


class ExactBody:
    """A body of known length for httpx, which measures it by `seek` and else falls back to chunked framing.

    It must never end a request that lacks bytes: a stream of any other length breaks the call with OSError. It gives larger
    pieces than httpx asks for, whose 64 KiB take a fifth more CPU (benchmarks/results.md).
    """

    def __init__(self, stream: IO[bytes], size_bytes: int) -> None:
        self._stream, self._size_bytes, self._count = stream, size_bytes, 0

    def read(self, size: int = -1) -> bytes:
        """The next PIECE_BYTES, whatever the size. Raises OSError when the stream is shorter or longer than announced."""
        piece = self._stream.read(PIECE_BYTES)
        self._count += len(piece)
        if self._count > self._size_bytes or (not piece and self._count < self._size_bytes):
            raise OSError(f"the image ended after {self._count} of {self._size_bytes} bytes")
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves nothing: tells the length when asked for the end."""
        return self._size_bytes if whence == 2 else offset

    def tell(self) -> int:
        """Always the beginning: measured before it is read."""
        return 0

    def as_file(self) -> IO[bytes]:
        """Itself, as the type httpx asks for."""
        return cast(IO[bytes], self)


def read_json(response: httpx.Response) -> Any:
    """The JSON of a 2xx answer. Raises ProviderUnavailable when it is none."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise ProviderUnavailable(f"the provider answered {response.status_code} without JSON") from None


def words(response: httpx.Response) -> str:
    """What an error answer says, from any of the shapes vendors use: message, detail (text or list), error."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return f"HTTP {response.status_code}"
    said = _said(body)
    return f"HTTP {response.status_code}: {clean(said)}" if said else f"HTTP {response.status_code}"


def _said(body: object) -> str:
    match body:
        case {"message": str(text)} | {"detail": str(text)} | {"error": str(text)} | {"title": str(text)}:
            return text
        case {"detail": [{"msg": str(text)}, *_]}:
            return text
        case {"error": Mapping() as inner}:
            return _said(inner)
        case _:
            return ""


def clean(text: str) -> str:
    """Printable, short, and without anything that looks like a link: a vendor may echo a signed one."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    kept = ["<link>" if LINK_LIKE.search(word) else word for word in printable.split()]
    return " ".join(kept)[:MAX_MESSAGE_CHARACTERS]


def raise_for_account(response: httpx.Response, of_funds: frozenset[int] = FUNDS_STATUS) -> None:
    """Raises OperatorFault or Throttled for the statuses that mean the same on every call of a vendor."""
    status = response.status_code
    if status in of_funds:
        raise OperatorFault(ErrorCode.OUT_OF_CREDITS, words(response))
    if status in AUTH_STATUS:
        raise OperatorFault(ErrorCode.AUTH_FAILED, words(response))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled(words(response), _retry_after(response))


def raise_for_read(response: httpx.Response, of_funds: frozenset[int] = FUNDS_STATUS) -> None:
    """Raises for every status but 2xx of a call that changes nothing."""
    raise_for_account(response, of_funds)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise ProcessUnknown(words(response))
    if not response.is_success:
        raise ProviderUnavailable(words(response))


def raise_for_submit(response: httpx.Response, of_funds: frozenset[int] = FUNDS_STATUS) -> None:
    """Raises for every status but 2xx of a call that spends money: 4xx was never accepted, 5xx is in doubt."""
    raise_for_account(response, of_funds)
    if response.is_server_error or response.status_code in UNCLEAR_STATUS:
        raise SubmitInDoubt(words(response))
    if response.is_redirect:
        raise ProviderRejected(f"the provider redirects, {words(response)}; none is followed: check its base URL")
    if not response.is_success:
        raise ProviderRejected(f"the provider refused the image or its settings, {words(response)}")


def _retry_after(response: httpx.Response) -> float | None:
    """Whole seconds that Retry-After asks for, rounded up: a number, or a date (RFC 9110, 10.2.3), by our clock and 0 once it
    is past; None for anything else. No page publishes a decimal (assumed)."""
    value = response.headers.get("retry-after", "").strip()
    if RETRY_AFTER_SECONDS.fullmatch(value):
        return float(math.ceil(float(value)))
    try:
        moment = parsedate_to_datetime(value) if len(value) <= MAX_DATE_CHARACTERS else None
        if moment is None:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(float(math.ceil(seconds)), 0.0), MAX_RETRY_AFTER_SECONDS)


def submit_error(error: Exception) -> NothingSent | SubmitInDoubt:
    """What an exception during a submit means. Only a connection that was never made proves that nothing was sent."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NothingSent(f"no connection to the provider ({type(error).__name__})")
    return SubmitInDoubt(f"the submit broke off or its answer was lost ({type(error).__name__})")
