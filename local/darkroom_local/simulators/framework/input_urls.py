"""The addresses that clients give for their inputs: which are taken, and what their query says.

Nothing is fetched here.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit


def is_web_address(text: str) -> bool:
    """Whether it is an http or https address without a user name."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def query_of(address: str | None) -> dict[str, str]:
    """The address's query as the journal keeps it; empty for what is no address."""
    try:
        return dict(parse_qsl(urlsplit(address or "").query, keep_blank_values=True))
    except ValueError:
        return {}
