"""What this vendor's requests are recorded by: the key check, and the fields of its bodies."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from ..stage.journal import Journal


def key_state(request: web.Request, api_key: str) -> tuple[str | None, bool]:
    """Whether an Authorization header came, and whether it bears the right key."""
    header = request.headers.get("Authorization")
    if header is None:
        return None, False
    scheme, _, key = header.partition(" ")
    return "authorization", scheme.lower() == "bearer" and key == api_key


def make_journal(api_key: str) -> Journal:
    """An empty journal; a call is about the input's address."""
    check = partial(key_state, api_key=api_key)
    return Journal(check, "image_url", {"fields": {}, "generation_id": None})
