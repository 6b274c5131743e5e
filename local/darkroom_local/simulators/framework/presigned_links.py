"""Presigned result links: minted for one method, one file and a while, checked without a key.

A link is bound to its method, as presigned storage links are: the GET link does not serve HEAD.
This module must not look at jobs or files.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode


class PresignedUrls:
    """Mints and checks links with a secret that lives as long as the server."""

    def __init__(self, lifetime_seconds: float) -> None:
        self._secret = secrets.token_bytes(32)
        self._lifetime_seconds = lifetime_seconds

    def expiry(self) -> int:
        """The Unix second at which a link minted now ends."""
        return int(time.time() + self._lifetime_seconds)

    def mint(self, origin: str, method: str, name: str, expires: int) -> str:
        """A full address for one method on one result file."""
        query = urlencode(
            {
                "expires": expires,
                "signature": self._signature(method, name, str(expires)),
            }
        )
        return f"{origin}/results/{name}?{query}"

    def is_good(self, method: str, name: str, expires: str, signature: str) -> bool:
        """Whether the link was minted here for this method and file and is still alive."""
        if not hmac.compare_digest(self._signature(method, name, expires).encode(), signature.encode()):
            return False
        return time.time() < int(expires)

    def _signature(self, method: str, name: str, expires: str) -> str:
        text = f"{method}\n{name}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()
