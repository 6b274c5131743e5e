"""Sends a webhook: one POST of a JSON body to the URL that a client gave. Redirects are not followed, and the time is limited.

Loopback addresses and plain http are allowed, because a simulator runs on the user's own machine.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL


async def post(url: str, body: Mapping[str, Any], limit_seconds: float, trust: ssl.SSLContext | bool) -> int | None:
    """Send the body as JSON, and return the status of the answer, or None if no answer came.

    `trust` must come from `input_fetching.tls_trust`. The URL is sent exactly as given.
    """
    limit = aiohttp.ClientTimeout(total=limit_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(URL(url, encoded=True), json=body, allow_redirects=False, ssl=trust) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
