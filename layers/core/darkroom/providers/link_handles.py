"""Finds the handle of a job in the presigned links of a request that a vendor lists. It must not know a vendor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from darkroom.model import Handle

WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
HANDLE = re.compile(r"[0-9a-f]{32}-[0-9]+-[0-9]+")
HANDLE_PARAMETER = "response-content-disposition"  # the query parameter that carries the handle in a link to the input


def find_handle(url: object, handle: Handle) -> str | None:
    """Return the handle that a link to an input carries, if it belongs to the run of `handle`; None otherwise."""
    name = _file_name(url)
    return name.partition(".")[0] if name.startswith(handle.prefix) else None


def has_any_handle(url: object) -> bool:
    """Whether a link carries the handle of any job of Darkroom's."""
    return HANDLE.fullmatch(_file_name(url).partition(".")[0]) is not None


def find_links(request: object) -> list[str]:
    """Return the web addresses in a request that a vendor echoes: as JSON, as JSON in a text, or as any other text."""
    return [link for text in _find_strings(request) for link in WEB_ADDRESS.findall(text)]


def _file_name(url: object) -> str:
    try:
        query = dict(parse_qsl(urlsplit(url).query)) if isinstance(url, str) else {}
    except ValueError:
        return ""
    return query.get(HANDLE_PARAMETER, "").partition('filename="')[2].partition('"')[0]


def _find_strings(request: object) -> Iterator[str]:
    """Yield every string in the request. If the request is a text that contains JSON, the JSON is read first."""
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
