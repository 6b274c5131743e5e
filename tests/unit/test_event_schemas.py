"""Tests that the schemas in events/schema/ are schemas, name what events have, and allow the samples in events/.

The integration tests hold every event that they cause to the same schemas (`tests/fakes/messaging.py`), and
`tests/e2e/test_events.py` those of a deployed stack.
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator
from tests import event_schemas
from tests.rows import each_row

from darkroom import queue_messages
from darkroom.errors import ErrorCode

KINDS = {kind: status for status, kind in queue_messages.DETAIL_TYPES.items()}
JOB = event_schemas.schemas()[event_schemas.SHARED]
WORKED_OUT = {"retires", "replaced_by"}  # `event_detail` adds them where the model's end is announced


def sample(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (event_schemas.EVENTS / event_schemas.file_name(kind)).read_text(encoding="utf-8")
    )
    return loaded


def test_each_detail_type_has_a_schema_and_no_schema_is_left_over() -> None:
    assert {event_schemas.SHARED, *map(event_schemas.file_name, KINDS)} == set(event_schemas.schemas())


@each_row("name", event_schemas.schemas())
def test_a_schema_is_of_the_dialect_that_it_names_and_has_its_version_in_its_id(name: str) -> None:
    schema = event_schemas.schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:darkroom:event:{name.removesuffix('.json')}:{schema['version']}"


def test_the_schema_names_every_public_attribute_of_a_job_and_no_other() -> None:
    assert set(JOB["properties"]) == set(queue_messages.PUBLIC) | WORKED_OUT


def test_each_attribute_is_explained() -> None:
    assert all(one["description"].endswith(".") for one in JOB["properties"].values())


def test_the_schema_has_every_error_code() -> None:
    assert JOB["properties"]["error_code"]["enum"] == [code.value for code in ErrorCode]


@each_row("kind", KINDS)
def test_a_schema_allows_the_sample_of_its_detail_type(kind: str) -> None:
    assert event_schemas.wrongs(sample(kind)) == []
    assert sample(kind)["detail"]["status"] == KINDS[kind]


@each_row(
    ("name", "value"),
    [
        ("job_id", "9F2C"), ("job_id", None), ("run", 0), ("run", "1"), ("status", "SKIPPED"), ("settings", []),
        ("created_at", "22 May 2026"), ("polls", -1), ("error_code", "Unknown"), ("credits_reserved", "2"), ("link", "x"),
    ],
)  # fmt: skip
@each_row("kind", KINDS)
def test_a_schema_refuses_an_attribute_of_another_form(kind: str, name: str, value: object) -> None:
    event = sample(kind)
    event["detail"][name] = value
    assert event_schemas.wrongs(event)


@each_row("kind", KINDS)
def test_a_schema_refuses_an_event_without_a_required_attribute_and_one_of_another_status(kind: str) -> None:
    own = event_schemas.schemas()[event_schemas.file_name(kind)]["properties"]["detail"]["required"]
    for name in [*JOB["required"], *own]:
        event = sample(kind)
        del event["detail"][name]
        assert event_schemas.wrongs(event), name
    for status in set(KINDS.values()) - {KINDS[kind]}:
        event = sample(kind)
        event["detail"]["status"] = status.value
        assert event_schemas.wrongs(event), status
