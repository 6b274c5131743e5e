"""Turns a plan's parameters into typed JSON for a request, and finds our handle in the links of an earlier request. This
module must not know any vendor."""

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
HANDLE_PARAMETER = "response-content-disposition"  # in a link to the input, this query parameter carries the handle


def json_fields(plan: Plan) -> dict[str, Any]:
    """Return the vendor's parameter names → values. Numbers and booleans have the types that the catalog gives."""
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
