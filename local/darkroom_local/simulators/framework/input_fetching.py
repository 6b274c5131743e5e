"""Fetch the input from the URL that a client gave, with one GET. Redirects are not followed; time and bytes are limited.

Loopback addresses are allowed, because a simulator runs on the user's own machine. The URL is sent exactly as given,
because a presigned URL is no longer valid after any change.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
from yarl import URL

_PIECE_BYTES = 1 << 18
_HEADERS = {"Accept-Encoding": "identity"}


class NotFetched(Exception):
    """The input could not be fetched from its URL. The text says why."""


def tls_trust(authorities: Path | None) -> ssl.SSLContext | bool:
    """Return the certificates to trust: those in the file `authorities`.

    Without a file, OpenSSL's default certificates are trusted, and the environment variable SSL_CERT_FILE applies.
    """
    return True if authorities is None else ssl.create_default_context(cafile=authorities)


async def fetch(url: str, target: Path, limit_seconds: float, limit_bytes: int, trust: ssl.SSLContext | bool) -> None:
    """Write the body of the response to the file `target`. Raises NotFetched if no 200 comes within the limits."""
    limit = aiohttp.ClientTimeout(total=limit_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, headers=_HEADERS) as session,
            session.get(URL(url, encoded=True), allow_redirects=False, ssl=trust) as answer,
        ):
            if answer.status != 200:
                raise NotFetched(f"status {answer.status}")
            await _write(answer, target, limit_bytes)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotFetched(type(error).__name__) from error


async def _write(answer: aiohttp.ClientResponse, target: Path, limit_bytes: int) -> None:
    left_bytes = limit_bytes
    with target.open("wb") as file:
        async for piece in answer.content.iter_chunked(_PIECE_BYTES):
            left_bytes -= len(piece)
            if left_bytes < 0:
                raise NotFetched("too large")
            file.write(piece)
