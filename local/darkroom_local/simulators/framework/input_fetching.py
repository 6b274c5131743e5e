"""Fetch the input's bytes from the address a client gave: one GET, no redirect, no more than agreed.

Loopback addresses are fine here: this is a simulator on somebody's own machine. The address goes
on the wire as it was given, because a presigned one does not survive being rewritten.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
from yarl import URL

_PIECE_BYTES = 1 << 18
_HEADERS = {"Accept-Encoding": "identity"}


class NotFetched(Exception):
    """The address did not give up a picture."""


def trust_in(authorities: Path | None) -> ssl.SSLContext | bool:
    """What `fetch` trusts: a file of certificates, or what OpenSSL does without one, as SSL_CERT_FILE says."""
    return True if authorities is None else ssl.create_default_context(cafile=authorities)


async def fetch(url: str, target: Path, limit_seconds: float, limit_bytes: int, trust: ssl.SSLContext | bool) -> None:
    """Writes what the address answers with to a file. Raises NotFetched."""
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
