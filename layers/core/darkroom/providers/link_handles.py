"""Finds the handle of a job in the presigned links of a request that a vendor lists. This module must not know any vendor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from darkroom.model import Handle

WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
HANDLE = re.compile(r"[0-9a-f]{32}-[0-9]+-[0-9]+")
HANDLE_PARAMETER = "response-content-disposition"  # in a link to the input, this query parameter carries the handle


def find_handle(url: object, handle: Handle) -> str | None:
    """Return the handle that a link to an input carries, if that handle is of the same run as `handle`; otherwise None."""
    name = _file_name(url)
    return name.partition(".")[0] if name.startswith(handle.prefix) else None


def has_any_handle(url: object) -> bool:
    """Return whether a link carries the handle of any job."""
    return HANDLE.fullmatch(_file_name(url).partition(".")[0]) is not None


def find_links(request: object) -> list[str]:
    """Return the web addresses in a request that a vendor echoes. The request is JSON, a text that contains JSON, or any text."""
    return [link for text in _find_strings(request) for link in WEB_ADDRESS.findall(text)]


def _file_name(url: object) -> str:
    try:
        query = dict(parse_qsl(urlsplit(url).query)) if isinstance(url, str) else {}
    except ValueError:
        return ""
    return query.get(HANDLE_PARAMETER, "").partition('filename="')[2].partition('"')[0]


def _find_strings(request: object) -> Iterator[str]:
    """Yield every string in the request. A request that is JSON as text is parsed first."""
    try:
        pending = [json.loads(request) if isinstance(request, str) else request]
    except (ValueError, RecursionError):
        pending = [request]
    while pending:
        match pending.pop():
            case str(text):
                yield text
            case list(inner):
                pending.extend(inner)
            case dict(inner):
                pending.extend(inner.values())
