"""Turns the parameters of a plan into typed JSON fields of a request. This module must not know any vendor."""

from __future__ import annotations

from typing import Any

from darkroom import catalog
from darkroom.catalog import Kind
from darkroom.model import Plan


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
