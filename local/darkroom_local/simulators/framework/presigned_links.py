"""Presigned result links. Each link works without a key, for one HTTP method, one file and a limited time.

A link for GET does not work for HEAD, as with presigned URLs of S3. This module must not look at jobs or files.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode


class PresignedUrls:
    """Creates and checks links. They are signed with a secret that lasts as long as the server runs."""

    def __init__(self, lifetime_seconds: float) -> None:
        self._secret = secrets.token_bytes(32)
        self._lifetime_seconds = lifetime_seconds

    def expiry(self) -> int:
        """Return the Unix second at which a link created now expires."""
        return int(time.time() + self._lifetime_seconds)

    def create(self, origin: str, method: str, name: str, expires: int) -> str:
        """Return the full URL of the result file `name` for one HTTP method. `expires` is a Unix second."""
        query = urlencode(
            {
                "expires": expires,
                "signature": self._signature(method, name, str(expires)),
            }
        )
        return f"{origin}/results/{name}?{query}"

    def is_valid(self, method: str, name: str, expires: str, signature: str) -> bool:
        """Return True if this server created the link for this method and file, and the link has not expired."""
        if not hmac.compare_digest(self._signature(method, name, expires).encode(), signature.encode()):
            return False
        return time.time() < int(expires)

    def _signature(self, method: str, name: str, expires: str) -> str:
        text = f"{method}\n{name}\n{expires}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()
