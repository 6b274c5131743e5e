"""The HTTP client for vendors. It follows no redirect, uses no proxy or cookie, and limits the size of responses.

The exceptions of httpx contain whole URLs. So they are replaced by our own exceptions `from None`, and never leave this package.
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
from darkroom.model import KEY_DIGITS

CALL_TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=10.0)  # seconds
SYNCHRONOUS_TIMEOUT = httpx.Timeout(connect=10.0, read=240.0, write=60.0, pool=10.0)  # seconds; includes the enhancing
SUBMIT_TIMEOUT = httpx.Timeout(connect=10.0, read=120.0, write=60.0, pool=10.0)  # seconds; includes decoding the image
CHUNK_BYTES = 512 * 1024  # the image is sent in chunks of this size
MAX_MESSAGE_CHARACTERS = 300
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # the limit of a JSON response; the largest ones are pages of a status list

AUTH_STATUSES = frozenset({401, 403})
OUT_OF_FUNDS_STATUSES = frozenset({402, 412, 425})
UNCLEAR_STATUSES = frozenset({302, 303, 408})  # Found, See Other, Request Timeout: the submit may have been accepted
RETRY_AFTER_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
MAX_RETRY_AFTER_SECONDS = 999_999.0
MAX_DATE_CHARACTERS = 64
LINK_LIKE = re.compile(r"://|www\.|[?&;][\w.-]+=|signature=", re.IGNORECASE)
# The exceptions that httpx raises for one call. InvalidURL and StreamError are no subclasses of HTTPError.
CALL_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)
# `read_bounded` drops these headers, because it decodes the body and httpx computes the length anew.
FRAMING_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Keys(Protocol):
    """A source of API keys."""

    def get(self, provider: str) -> str:
        """Return the provider's key, or an empty string if there is none."""

    def refresh(self) -> None:
        """Read the keys again."""


def fingerprint(key: str, base_url: str) -> str:
    """Return KEY_DIGITS hex digits that tell keys apart and do not reveal the key, and as many that tell base URLs apart.

    Of the base URL, the host name and the path count. The scheme and the port do not, because local simulators that keep their
    state get new ports at each start. So another vendor on another port of the same host is not told apart.
    """
    place = f"{_host(base_url)}{_path(base_url).rstrip('/')}"
    return "".join(hashlib.sha256(f"darkroom:{text}".encode()).hexdigest()[:KEY_DIGITS] for text in (key, place))


def is_sendable(key: str) -> bool:
    """Return whether the key can be put into a header. httpx would reject any other key with a message that shows the key."""
    return bool(key) and all("!" <= character <= "~" for character in key)


def is_loopback(base_url: str) -> bool:
    """Return whether the base URL names this machine. That is so for simulators, and never for a real vendor."""
    host = _host(base_url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(base_url: str) -> str:
    """Return the scheme, host and port of the base URL. All other URLs of the vendor begin with them."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def place(base_url: str) -> str:
    """Return the host, the port and the path of the base URL, for messages: no user, no password and no query."""
    parts = urlsplit(base_url)
    return parts.netloc.rpartition("@")[2] + parts.path


def _host(base_url: str) -> str:
    """Return the host name in lower case, or an empty string for a text that is no URL."""
    try:
        return urlsplit(base_url).hostname or ""
    except ValueError:
        return ""


def _path(base_url: str) -> str:
    return urlsplit(base_url).path if _host(base_url) else ""


def check_base_url(provider: str, base_url: str) -> None:
    """Raise OperatorFault unless the base URL is https or plain http to this machine, because the API key is sent there."""
    scheme = base_url.partition("://")[0].lower()
    if not _host(base_url) or not (scheme == "https" or (scheme == "http" and is_loopback(base_url))):
        raise OperatorFault(
            ErrorCode.AUTH_FAILED,
            f"the base URL of {provider} must begin with https://, because an API key is sent there",
        )


def tls_context() -> ssl.SSLContext:
    """Return the TLS context, which trusts the certificates that come with httpx."""
    return httpx.create_ssl_context()


def new_client(context: ssl.SSLContext | None = None, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client that follows no redirect, reads no proxy from the environment, and keeps no cookie and no idle
    connection.

    If the vendor has just closed an idle connection, a submit over it would look lost. If several hosts share an address, an
    idle connection to one host would be used for another host without a check of the other host's certificate.
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


def send_and_read(client: httpx.Client, request: httpx.Request, key: str) -> httpx.Response:
    """Send the request, read the response by `read_bounded`, and return it. Raises what httpx raises."""
    return read_bounded(client.send(request, stream=True), key)


def read_bounded(response: httpx.Response, key: str) -> httpx.Response:
    """Read the body of an unread response and return a response with the whole body. If the body contains the key, `<key>`
    stands in its place.

    A body over MAX_ANSWER_BYTES becomes empty, so that it is no valid JSON.
    """
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                body.clear()
                break
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.items() if name not in FRAMING_HEADERS]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body).replace(key.encode(), b"<key>"))


class ExactBody:
    """A request body of known length. httpx finds the length by `seek` and `tell`; without a length it would send chunked.

    If the stream is shorter or longer than announced, the call breaks with OSError, so that no incomplete image is accepted.
    `read` returns larger chunks than the 64 KiB that httpx asks for, which take a fifth more CPU time (benchmarks/results.md).
    """

    def __init__(self, stream: IO[bytes], size_bytes: int) -> None:
        self._stream, self._size_bytes, self._count = stream, size_bytes, 0

    def read(self, size: int = -1) -> bytes:
        """Return up to CHUNK_BYTES, whatever `size` is. Raises OSError if the stream is shorter or longer than announced."""
        chunk = self._stream.read(CHUNK_BYTES)
        self._count += len(chunk)
        if self._count > self._size_bytes or (not chunk and self._count < self._size_bytes):
            raise OSError(f"the image ended after {self._count} of {self._size_bytes} bytes")
        return chunk

    def seek(self, offset: int, whence: int = 0) -> int:
        """Return the length if asked for the end, otherwise `offset`. Nothing is moved."""
        return self._size_bytes if whence == 2 else offset

    def tell(self) -> int:
        """Return 0, because httpx asks only before it reads."""
        return 0

    def as_file(self) -> IO[bytes]:
        """Return the same object, typed as httpx expects."""
        return cast(IO[bytes], self)


def read_json(response: httpx.Response) -> Any:
    """Return the JSON of a 2xx response. Raises ProviderUnavailable if its body is not JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise ProviderUnavailable(f"the provider answered {response.status_code} without JSON") from None


def error_text(response: httpx.Response) -> str:
    """Return the status and the message of an error response. Vendors put the message into `message`, `detail`, `error` or
    `title`."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return f"HTTP {response.status_code}"
    message = _error_message(body)
    return f"HTTP {response.status_code}: {clean(message)}" if message else f"HTTP {response.status_code}"


def _error_message(body: object) -> str:
    match body:
        case {"message": str(text)} | {"detail": str(text)} | {"error": str(text)} | {"title": str(text)}:
            return text
        case {"detail": [{"msg": str(text)}, *_]}:
            return text
        case {"error": Mapping() as inner}:
            return _error_message(inner)
        case _:
            return ""


def clean(text: str) -> str:
    """Return the text without unprintable characters and links, cut to a limit. A vendor may echo a presigned link."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    words = ["<link>" if LINK_LIKE.search(word) else word for word in printable.split()]
    return " ".join(words)[:MAX_MESSAGE_CHARACTERS]


def raise_for_account(response: httpx.Response, out_of_funds: frozenset[int] = OUT_OF_FUNDS_STATUSES) -> None:
    """Raise OperatorFault or Throttled if the status says that funds are missing, access is denied or calls are throttled."""
    status = response.status_code
    if status in out_of_funds:
        raise OperatorFault(ErrorCode.OUT_OF_CREDITS, error_text(response))
    if status in AUTH_STATUSES:
        raise OperatorFault(ErrorCode.AUTH_FAILED, error_text(response))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled(error_text(response), _retry_after(response))


def raise_for_read(response: httpx.Response, out_of_funds: frozenset[int] = OUT_OF_FUNDS_STATUSES) -> None:
    """Raise unless a call that spends nothing got a 2xx status. Raises what `raise_for_account` raises, ProcessUnknown for a
    404, and ProviderUnavailable for any other status."""
    raise_for_account(response, out_of_funds)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise ProcessUnknown(error_text(response))
    if not response.is_success:
        raise ProviderUnavailable(error_text(response))


def raise_for_submit(response: httpx.Response, out_of_funds: frozenset[int] = OUT_OF_FUNDS_STATUSES) -> None:
    """Raise unless a call that spends money got a 2xx status. Raises what `raise_for_account` raises, SubmitInDoubt for a 5xx
    or an unclear status, and ProviderRejected for any other 3xx or 4xx, which proves that nothing was accepted."""
    raise_for_account(response, out_of_funds)
    if response.is_server_error or response.status_code in UNCLEAR_STATUSES:
        raise SubmitInDoubt(error_text(response))
    if response.is_redirect:
        raise ProviderRejected(f"the provider redirects, {error_text(response)}; none is followed: check its base URL")
    if not response.is_success:
        raise ProviderRejected(f"the provider refused the image or its settings, {error_text(response)}")


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the Retry-After header asks for, rounded up; None if the header is missing or unreadable.

    The header is a number or a date (RFC 9110, 10.2.3). A date is compared with our clock, and a past date gives 0. assumed:
    a number may have decimals, which no page publishes.
    """
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
    """Return our error for an exception during a submit. It is NothingSent if no connection was made, otherwise
    SubmitInDoubt."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NothingSent(f"no connection to the provider ({type(error).__name__})")
    return SubmitInDoubt(f"the submit broke off or its answer was lost ({type(error).__name__})")
