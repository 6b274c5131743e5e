"""What this vendor's requests are recorded by: the key check, and the fields of its bodies and headers."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..stage.journal import Journal, bearer_state


def make_journal(api_key: str) -> Journal:
    """An empty journal; a call is about the input's address."""
    check = partial(bearer_state, api_key=api_key)
    blanks: dict[str, Any] = {"fields": {}, "request_id": None, "inference_id": None, "client_request_id": None}
    return Journal(check, "image_url", blanks)
