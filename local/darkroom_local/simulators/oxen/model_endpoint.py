"""Describe a model as GET /ai/models/{id} does, with its price and its schema.

For the first model, the schema is the one that the vendor had in 2026-09. The simulator's settings may allow fewer words for
a choice and rename the field that holds the schema. The checks of requests must not read this module, because they take the
same facts from `published_facts`.
"""

from __future__ import annotations

from typing import Any

from darkroom_local.simulators.oxen.published_facts import (
    INPUT,
    INPUT_FORMATS,
    MODEL,
    UNITS_PER_USD,
    Choice,
    Number,
    Rule,
    Text,
)
from darkroom_local.simulators.oxen.request_checks import Rules

_CREATED = 1_750_000_000  # a Unix time; assumed


def model_entry(model: str, price_units: int, rules: Rules, schema_field: str) -> dict[str, Any]:
    """Return the JSON form of a model. Its `cost_per_image` is in US dollars; `price_units` is in units of 0.0001 dollars."""
    return {
        "id": model,
        "object": "model",
        "created": _CREATED,
        "owned_by": "oxen",
        "display_name": "Topaz Image Upscaler" if model == MODEL else model,
        "description": "Professional-grade image upscaling powered by AI, from Topaz Labs.",
        "summary": "Professional AI image upscaling",
        "model_type": "base",
        "endpoint": "/images/generate",
        "capabilities": {"input": ["image"], "output": ["image"]},
        "pricing": {"method": "per_image", "cost_per_image": price_units / UNITS_PER_USD},
        "fine_tuning": None,
        "deployments": [],
        "developer": {"name": "Topaz Labs", "logo": None},
        "source_model": None,
        "image_url": None,
        "released_at": None,
        schema_field: _schema(rules),
    }


def _schema(rules: Rules) -> dict[str, Any]:
    formats = f"{', '.join(INPUT_FORMATS[:-1])}, or {INPUT_FORMATS[-1]}"
    properties: dict[str, Any] = {
        INPUT: {
            "title": "Input Image",
            "description": f"Image to use as reference. Must be {formats}.",
            "type": "string",
            "format": "uri",
            "x-order": 0,
        }
    }
    for place, (name, rule) in enumerate(rules.items(), 1):
        named = {"title": rule.title, "description": rule.description}
        properties[name] = {**named, **_described(rule), "x-order": place}
    return {"title": "Input", "type": "object", "required": [INPUT], "basic": [INPUT], "properties": properties}


def _described(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, Choice):
        return {"type": "string", "enum": list(rule.words), "default": rule.default}
    if isinstance(rule, Number):
        return {"type": "integer", "minimum": rule.lowest, "maximum": rule.highest}
    return {"type": "string", "maxLength": rule.longest_characters} if isinstance(rule, Text) else {"type": "boolean"}
