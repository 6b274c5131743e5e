"""Rows: jobs as DynamoDB items and back. Pure translation; it must not call AWS."""

from __future__ import annotations

from collections.abc import Mapping
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
        "next_attempt_at",
        "submitted_at",
        "eta",
        "completed_at",
        "published_at",
        "cancel_requested_at",
        "due_at",
    }
)
WHOLE = frozenset({"run", "attempt", "polls"})
OPEN = frozenset({JobStatus.CLAIMED, JobStatus.SUBMITTING, JobStatus.PROCESSING, JobStatus.IN_DOUBT})

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def wire(value: object) -> dict[str, Any]:
    """One attribute value in DynamoDB's typed form."""
    match value:
        case datetime():
            value = stamp(value)
        case tuple():
            value = list(value)
        case Mapping():
            value = dict(value)
        case JobStatus() | SendMode():
            value = value.value
        case _:
            pass
    return cast(dict[str, Any], _serialize(value))


def job_key(job_id: str) -> dict[str, Any]:
    """The key of a job's row."""
    return {"pk": wire(f"JOB#{job_id}"), "sk": wire("JOB")}


def budget_key(unit: str, month: str) -> dict[str, Any]:
    """The key of a budget period: a provider's own unit, or `usd`."""
    return {"pk": wire(f"BUDGET#{unit}"), "sk": wire(month)}


def run_key(job: Job) -> dict[str, Any]:
    """The key of the row that keeps a run that was followed by another."""
    return {"pk": wire(f"JOB#{job.job_id}"), "sk": wire(f"RUN#{job.run}")}


def own_key(kind: str, name: str) -> dict[str, Any]:
    """The key of a row of Darkroom's own notes: circuits, accounts, the sweep's rounds."""
    return {"pk": wire(kind), "sk": wire(name)}


def output_row_key(bucket: str, key: str) -> dict[str, Any]:
    """The key of an output key's row."""
    return {"pk": wire(f"OUTPUT#{bucket}/{key}"), "sk": wire("OUTPUT")}


def job_item(job: Job) -> dict[str, Any]:
    """The whole row of a new job, with the attributes that its sparse indexes read."""
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
    """Whether an attribute takes no room in a row; 0 credits are something else than none."""
    return value is None or value is False or value in ((), {})


def job_of(item: Mapping[str, Any]) -> Job:
    """The job in a row; attributes it does not know (indexes, TTL) are left out. TypeError for a row with half a group."""
    row = {name: _typed(name, _deserialize(value)) for name, value in item.items()}
    groups = {name: _group(kind, row) for name, kind in GROUPS.items()}
    own = {field.name: row[field.name] for field in fields(Job) if row.get(field.name) is not None}
    unversioned = {"source_version": None}  # absent where the bucket is unversioned
    return Job(**{**unversioned, **own, **groups})


def _group(kind: type[JobGroup], row: Mapping[str, Any]) -> JobGroup | None:
    """What the row has of the group, None when it has nothing of it."""
    found = {field.name: row[field.name] for field in fields(kind) if row.get(field.name) is not None}
    return kind(**found) if found else None


def _typed(name: str, value: Any) -> Any:
    """An attribute as a job has it."""
    if value is None:
        return None
    if name in TIMES:
        return moment(value)
    if name in WHOLE:
        return int(value)
    if name == "status":
        return JobStatus(value)
    if name == "send_mode":
        return SendMode(value)
    if name == "orphans":
        return tuple(sorted(value))
    return value


def number(item: Mapping[str, Any], name: str) -> Decimal:
    """A number attribute, 0 when absent."""
    value = _deserialize(item[name]) if name in item else Decimal(0)
    return Decimal(value)


def text(item: Mapping[str, Any], name: str) -> str | None:
    """A text attribute, None when absent."""
    return str(_deserialize(item[name])) if name in item else None
