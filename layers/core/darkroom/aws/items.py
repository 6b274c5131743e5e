"""Converts jobs to DynamoDB items and back, and makes the keys of all rows. All functions are pure and must not call AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from darkroom.model import GROUPS, Job, JobGroup, JobStatus, SendMode
from darkroom.timestamps import moment, stamp

TIMES = frozenset(
    {
        "created_at",
        "reserved_at",
        "deadline_at",
        "lease_until",
        "lost_at",
        "next_attempt_at",
        "denied_since",
        "failing_since",
        "submitted_at",
        "eta",
        "completed_at",
        "published_at",
        "cancel_requested_at",
        "due_at",
        "told_at",
    }
)
WHOLE = frozenset({"run", "attempt", "lost_attempt", "polls"})
OPEN = frozenset({JobStatus.CLAIMED, JobStatus.SUBMITTING, JobStatus.PROCESSING, JobStatus.IN_DOUBT})

# attribute → the function that makes the type of its field; the other attributes are texts, numbers and maps as they are
CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TIMES, moment),
    **dict.fromkeys(WHOLE, int),
    "status": JobStatus,
    "send_mode": SendMode,
    "orphans": lambda members: tuple(sorted(members)),
}

OWN_FIELDS = tuple(field.name for field in fields(Job))
GROUP_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in GROUPS.values()}

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def wire(value: object) -> dict[str, Any]:
    """Return an attribute value in DynamoDB's typed form."""
    if type(value) is str:  # most values are texts, and boto3 would check a dozen other types first
        return {"S": value}
    if type(value) is int:
        return {"N": str(value)}
    match value:
        case datetime():
            return {"S": stamp(value)}
        case JobStatus() | SendMode():
            return {"S": value.value}
        case tuple():
            value = list(value)
        case Mapping():
            value = dict(value)
        case _:
            pass
    return cast(dict[str, Any], _serialize(value))


def job_key(job_id: str) -> dict[str, Any]:
    """Return the key of a job's row."""
    return {"pk": wire(f"JOB#{job_id}"), "sk": wire("JOB")}


def budget_key(unit: str, month: str) -> dict[str, Any]:
    """Return the key of a month's budget row. `unit` is the provider's name, or `usd` for the dollars of all providers."""
    return {"pk": wire(f"BUDGET#{unit}"), "sk": wire(month)}


def process_row_key(provider: str, process_id: str) -> dict[str, Any]:
    """Return the key of the row of a process that a run has claimed."""
    return {"pk": wire(f"PROCESS#{provider}/{process_id}"), "sk": wire("PROCESS")}


def run_key(job: Job) -> dict[str, Any]:
    """Return the key of the row that keeps the job's run after a rerun."""
    return {"pk": wire(f"JOB#{job.job_id}"), "sk": wire(f"RUN#{job.run}")}


def own_key(kind: str, name: str) -> dict[str, Any]:
    """Return the key of a row with Darkroom's own state: a circuit, an account, or the sweep's progress."""
    return {"pk": wire(kind), "sk": wire(name)}


def output_row_key(bucket: str, key: str) -> dict[str, Any]:
    """Return the key of the row that belongs to an output key."""
    return {"pk": wire(f"OUTPUT#{bucket}/{key}"), "sk": wire("OUTPUT")}


def job_item(job: Job) -> dict[str, Any]:
    """Return the whole item of a new job, including the attributes of the sparse indexes."""
    item = {name: wire(value) for name, value in job.attributes.items() if not is_absent(value)}
    return (
        item
        | job_key(job.job_id)
        | {
            "open_status": wire(job.status),
            "source_uri": wire(job.source_uri),
            "day": wire(stamp(job.created_at)[:10]),
        }
    )


def is_absent(value: object) -> bool:
    """Return whether an attribute with that value is left out of an item. The number 0 is not left out."""
    return value is None or value is False or value in ((), {})


def job_of(item: Mapping[str, Any]) -> Job:
    """Return the job from an item. The attributes of the indexes and the TTL are ignored. Raises TypeError if a group of
    attributes is incomplete."""
    row = {name: _typed(name, _plain(value)) for name, value in item.items()}
    groups = {name: _group(kind, row) for name, kind in GROUPS.items()}
    own = {name: row[name] for name in OWN_FIELDS if row.get(name) is not None}
    unversioned = {"source_version": None}  # the attribute is absent if the bucket is unversioned
    return Job(**{**unversioned, **own, **groups})


def _group(kind: type[JobGroup], row: Mapping[str, Any]) -> JobGroup | None:
    """Return the group of attributes from an item, or None if the item has none of them."""
    found = {name: row[name] for name in GROUP_FIELDS[kind] if row.get(name) is not None}
    return kind(**found) if found else None


def _plain(value: Any) -> Any:
    return value["S"] if "S" in value else _deserialize(value)


def _typed(name: str, value: Any) -> Any:
    """Return the value of an attribute in the type that the field of `Job` has."""
    convert = CONVERTERS.get(name)
    return value if value is None or convert is None else convert(value)


def number(item: Mapping[str, Any], name: str) -> Decimal:
    """Return a number attribute, or 0 if it is absent."""
    value = _deserialize(item[name]) if name in item else Decimal(0)
    return Decimal(value)


def text(item: Mapping[str, Any], name: str) -> str | None:
    """Return a text attribute, or None if it is absent."""
    return str(_plain(item[name])) if name in item else None
