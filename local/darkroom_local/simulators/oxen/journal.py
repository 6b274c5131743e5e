"""What this vendor's requests are recorded by: the key check, and the fields of its bodies."""

from __future__ import annotations

from functools import partial

from ..stage.journal import Journal, bearer_state


def make_journal(api_key: str) -> Journal:
    """An empty journal; a call is about the input's address."""
    check = partial(bearer_state, api_key=api_key)
    return Journal(check, "input_image", {"fields": {}, "generation_id": None})
