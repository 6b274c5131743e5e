"""HTTP to a vendor: one client per container, no redirects, no proxies, and errors that carry no link and no key.

httpx's own exceptions carry whole URLs, so they are mapped here `from None` and never leave this package.
"""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from darkroom.errors import (
    ErrorCode, NothingSent, OperatorFault, ProcessUnknown, ProviderRejected, ProviderUnavailable, SubmitInDoubt,
    Throttled,
)  # fmt: skip

CALL_TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=10.0)  # seconds
SUBMIT_TIMEOUT = httpx.Timeout(connect=10.0, read=120.0, write=60.0, pool=10.0)  # seconds; read = the vendor decodes
MAX_MESSAGE_CHARACTERS = 300
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # JSON of a status list page; more is no answer of a status API

AUTH_STATUS = frozenset({401, 403})
FUNDS_STATUS = frozenset({402, 412, 425})


class Keys(Protocol):
    """Where API keys come from."""

    def get(self, provider: str) -> str:
        """The key, empty when there is none."""

    def refresh(self) -> None:
        """Reads the keys again."""


def fingerprint(key: str) -> str:
    """12 hex digits that tell two keys apart and give neither away."""
    return hashlib.sha256(f"darkroom:{key}".encode()).hexdigest()[:12]


def is_loopback(base_url: str) -> bool:
    """Whether the base URL names this machine: the simulators, never a vendor."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_base_url(provider: str, base_url: str) -> None:
    """Raises OperatorFault unless the key would travel over https (plain http only to this machine)."""
    if urlsplit(base_url).scheme != "https" and not is_loopback(base_url):
        raise OperatorFault(
            ErrorCode.AUTH_FAILED, f"the base URL of {provider} must begin with https://: an API key is sent there"
        )


def new_client(context: ssl.SSLContext | None = None, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client that follows no redirect, reads no proxy from the environment and keeps connections for reads."""
    return httpx.Client(
        timeout=CALL_TIMEOUT, follow_redirects=False, trust_env=False, verify=context or True, transport=transport
    )


def read_json(response: httpx.Response) -> Any:
    """The JSON of a 2xx answer. Raises ProviderUnavailable when it is none."""
    try:
        return response.json()
    except ValueError:
        raise ProviderUnavailable(f"the provider answered {response.status_code} without JSON") from None


def words(response: httpx.Response) -> str:
    """What an error answer says, from any of the shapes vendors use: message, detail (text or list), error."""
    try:
        body = response.json()
    except ValueError:
        return f"HTTP {response.status_code}"
    said = _said(body)
    return f"HTTP {response.status_code}: {_clean(said)}" if said else f"HTTP {response.status_code}"


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


def _clean(text: str) -> str:
    """Printable, short, and without anything that looks like a link: a vendor may echo a signed one."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    kept = ["<link>" if "://" in word else word for word in printable.split()]
    return " ".join(kept)[:MAX_MESSAGE_CHARACTERS]


def raise_for_account(response: httpx.Response) -> None:
    """Raises OperatorFault or Throttled for the statuses that mean the same on every call."""
    status = response.status_code
    if status in AUTH_STATUS:
        raise OperatorFault(ErrorCode.AUTH_FAILED, words(response))
    if status in FUNDS_STATUS:
        raise OperatorFault(ErrorCode.OUT_OF_CREDITS, words(response))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled(words(response), _retry_after(response))


def raise_for_read(response: httpx.Response) -> None:
    """Raises for every status but 2xx of a call that changes nothing."""
    raise_for_account(response)
    if response.status_code == httpx.codes.NOT_FOUND:
        raise ProcessUnknown(words(response))
    if not response.is_success:
        raise ProviderUnavailable(words(response))


def raise_for_submit(response: httpx.Response) -> None:
    """Raises for every status but 2xx of a call that spends money: 4xx was never accepted, 5xx is in doubt."""
    raise_for_account(response)
    if response.is_server_error:
        raise SubmitInDoubt(words(response))
    if not response.is_success:
        raise ProviderRejected(f"the provider refused the image or its settings, {words(response)}")


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def submit_error(error: Exception) -> NothingSent | SubmitInDoubt:
    """What an exception during a submit means. Only a connection that was never made proves that nothing was sent."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NothingSent(f"no connection to the provider ({type(error).__name__})")
    return SubmitInDoubt(f"the submit's answer was lost ({type(error).__name__})")
