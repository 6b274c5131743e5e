"""Validates Darkroom's events against the schemas in events/schema/, which consumers use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

EVENTS = Path(__file__).parents[1] / "events"
FOLDER = EVENTS / "schema"
SHARED = "job.json"  # has the attributes; each other file is the schema of one detail-type


def file_name(detail_type: str) -> str:
    """Return the file of a detail-type's schema and of its sample: `Job Completed` is `job-completed.json`."""
    return f"{detail_type.lower().replace(' ', '-')}.json"


@cache
def schemas() -> Mapping[str, dict[str, Any]]:
    """Return all schemas by their file names."""
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}


@cache
def validator(detail_type: str) -> Draft202012Validator:
    """Return the validator of a detail-type's events. Raises KeyError if it has no schema."""
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas().values()
    )
    return Draft202012Validator(schemas()[file_name(detail_type)], registry=registry)


def wrongs(event: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an event as a consumer receives it. An attribute that no schema names is wrong, too."""
    found = [f"{error.json_path}: {error.message}" for error in validator(event["detail-type"]).iter_errors(event)]
    unknown = event.get("detail", {}).keys() - schemas()[SHARED]["properties"].keys()
    return [*found, *(f"$.detail.{name}: no schema names it" for name in sorted(unknown))]


def check(detail_type: str, detail: Mapping[str, object]) -> None:
    """Raise AssertionError unless the schema of the detail-type allows an event with this detail."""
    event = {"source": "darkroom", "detail-type": detail_type, "detail": dict(detail)}
    assert not (found := wrongs(event)), f"{detail_type}: {found}"
