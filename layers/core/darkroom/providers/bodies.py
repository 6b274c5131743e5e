"""A plan's parameters as JSON: numbers and switches as such, by the catalog's kinds. It must not know a vendor."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from darkroom import catalog
from darkroom.catalog import Kind
from darkroom.model import Handle, Plan

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
    if not isinstance(url, str):
        return None
    try:
        query = dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return None
    name = query.get(NAMED_BY, "").partition('filename="')[2].partition('"')[0]
    return name.partition(".")[0] if name.startswith(handle.prefix) else None
