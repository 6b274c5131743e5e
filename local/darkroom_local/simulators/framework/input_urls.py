"""Check the URLs that clients give for their inputs, and read the query of such a URL.

This module fetches nothing.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit


def is_web_address(text: str) -> bool:
    """Return whether the text is an http or https URL without a user name."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def query_of(address: str | None) -> dict[str, str]:
    """Return the names and values in the URL's query. Return an empty dict if the text is not a URL."""
    try:
        return dict(parse_qsl(urlsplit(address or "").query, keep_blank_values=True))
    except ValueError:
        return {}
