"""Globs: matches keys of objects with the patterns of a `darkroom.toml`. Pure functions.

The keys and the patterns come from a bucket, so no pattern may take long: each segment is matched by itself, and `**` is tried at
most once for each segment of the key.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

MAX_CHARACTERS = 256  # of a pattern


def matches(pattern: str, path: str) -> bool:
    """Whether the pattern matches the path, which is relative to the file that has the pattern. Case does not count.

    `*` and `?` stand for characters of one name, `[abc]` for one of several, and `**` for any number of folders. A pattern
    without `/` is compared with the last name alone: `*.png` matches at any depth.
    """
    if "/" not in pattern:
        return _is_name(pattern, path.rpartition("/")[2])
    return _are_names(pattern.lstrip("/").split("/"), path.split("/"))


def _are_names(pattern: list[str], names: list[str]) -> bool:
    """Match segment by segment. Of several `**`, only the last one needs to be tried with more names."""
    at, here, star, tried = 0, 0, -1, 0
    while here < len(names):
        if at < len(pattern) and pattern[at] == "**":
            star, tried, at = at, here, at + 1
        elif at < len(pattern) and _is_name(pattern[at], names[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            tried += 1
            at, here = star + 1, tried
        else:
            return False
    return all(segment == "**" for segment in pattern[at:])


def _is_name(pattern: str, name: str) -> bool:
    return _compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern), re.IGNORECASE)
