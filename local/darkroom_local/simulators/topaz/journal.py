"""What this vendor's requests are recorded by: the key check, and the fields of its forms."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from ..stage.journal import Journal
from .models import LEGACY_KEY_PREFIX


def key_state(request: web.Request, api_key: str) -> tuple[str | None, bool]:
    """Which header carried a key, and whether that is the right header with the right key."""
    bearer = request.headers.get("Authorization")
    plain = request.headers.get("X-API-Key")
    if api_key.startswith(LEGACY_KEY_PREFIX):
        if bearer is not None:
            return "authorization", bearer == f"Bearer {api_key}"
        return ("x-api-key" if plain is not None else None), False
    if plain is not None:
        return "x-api-key", plain == api_key
    return ("authorization" if bearer is not None else None), False


def make_journal(api_key: str) -> Journal:
    """An empty journal; a call is about the upload of a filename."""
    check = partial(key_state, api_key=api_key)
    return Journal(check, "filename", {"fields": {}, "process_id": None})
