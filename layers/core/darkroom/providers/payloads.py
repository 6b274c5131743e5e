"""A plan's parameters as JSON: numbers and switches as such, by the catalog's kinds. It must not know a vendor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from darkroom import catalog
from darkroom.catalog import Kind
from darkroom.model import Handle, Plan

WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
HANDLE = re.compile(r"[0-9a-f]{32}-[0-9]+-[0-9]+")
NAMED_BY = "response-content-disposition"  # the query parameter by which a link to the input carries the handle


def json_fields(plan: Plan) -> dict[str, Any]:
    """Wire name → value, typed."""
    model = catalog.load(plan.provider).models[plan.model]
    kinds = {parameter.wire: parameter.kind for parameter in model.parameters.values()}
    return {name: _typed(value, kinds.get(name, Kind.TEXT)) for name, value in plan.parameters.items()}


def _typed(value: str, kind: Kind) -> str | bool | int | float:
    match kind:
        case Kind.BOOL:
            return value == "true"
        case Kind.INTEGER:
            return int(value)
        case Kind.DECIMAL:
            return float(value)
    return value


def handle_in(url: object, handle: Handle) -> str | None:
    """The handle that a link to an input carries, if it is one of the run's."""
    name = _file_name(url)
    return name.partition(".")[0] if name.startswith(handle.prefix) else None


def has_handle(url: object) -> bool:
    """Whether a link carries the handle of anything that Darkroom ever sent."""
    return HANDLE.fullmatch(_file_name(url).partition(".")[0]) is not None


def links_in(request: object) -> list[str]:
    """The web addresses that a request names: as it is, or kept as a text, in JSON or in any other form."""
    return [link for text in _texts(request) for link in WEB_ADDRESS.findall(text)]


def _file_name(url: object) -> str:
    try:
        query = dict(parse_qsl(urlsplit(url).query)) if isinstance(url, str) else {}
    except ValueError:
        return ""
    return query.get(NAMED_BY, "").partition('filename="')[2].partition('"')[0]


def _texts(request: object) -> Iterator[str]:
    """Every text in it; a text that is JSON itself is read."""
    try:
        waiting = [json.loads(request) if isinstance(request, str) else request]
    except (ValueError, RecursionError):
        waiting = [request]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(inner):
                waiting.extend(inner)
            case dict(inner):
                waiting.extend(inner.values())
