"""Setting words: how messages show keys and values, and how they name the nearest right ones. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_SHOWN_CHARACTERS = 80
PLAIN_KEY = re.compile("[A-Za-z0-9_-]+")


def quoted(value: str) -> str:
    """Return a value as text for a message: in quotes, with escaped control characters, cut after MAX_SHOWN_CHARACTERS."""
    return repr(value if len(value) <= MAX_SHOWN_CHARACTERS else value[:MAX_SHOWN_CHARACTERS] + "…")


def written_key(key: str) -> str:
    """Return a key for a message, in quotes if it has other characters than keys of settings."""
    return key if len(key) <= MAX_SHOWN_CHARACTERS and PLAIN_KEY.fullmatch(key) else quoted(key)


def did_you_mean(names: Sequence[str]) -> str:
    """Return `; did you mean a, b?` for a message, or an empty text if there are no names."""
    return f"; did you mean {', '.join(names)}?" if names else ""
