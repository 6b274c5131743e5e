"""Reads and writes the messages of the intake queue, and writes the details of events about jobs. All functions are pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import unquote_plus

from darkroom.model import Job, JobDue, JobStatus, Upload
from darkroom.timestamps import stamp

MAX_DELAY_SECONDS = 900  # the longest delay of a message that SQS allows (DelaySeconds)

EVENT_SOURCE = "darkroom"  # the source field of our events and of our own messages
JOB_ID = re.compile("[0-9a-f]{32}")
JOB_DUE = "Job Due"  # our own message on the intake queue; it has the job's id, because the object may be gone

DETAIL_TYPES = {
    JobStatus.COMPLETED: "Job Completed",
    JobStatus.FAILED: "Job Failed",
    JobStatus.REJECTED: "Job Rejected",
    JobStatus.CANCELLED: "Job Cancelled",
    JobStatus.IN_DOUBT: "Job In Doubt",
}

# The public attributes of a job. Events and reports show no others.
PUBLIC = (
    "job_id", "run", "attempt", "status", "source_bucket", "source_key", "source_version", "provider", "model",
    "settings", "process_id", "credits_reserved", "credits", "credit_price_usd", "cost_usd", "budget_month",
    "output_bucket", "output_key", "error_code", "error", "created_at", "submitted_at", "eta", "completed_at", "polls",
    "label", "superseded", "result_notes", "told_by",
)  # fmt: skip


class MalformedMessage(ValueError):
    """The intake queue must not contain such a message. SQS moves the message to the dead-letter queue."""


def parse_message(body: str) -> tuple[Upload | JobDue, ...]:
    """Return the uploads or the due job that a queue message names. Return an empty tuple for any other event. Raises
    MalformedMessage.

    EventBridge's "Object Created" event has one key, which is not encoded. S3's own notification has records with URL-encoded
    keys.
    """
    try:
        message = json.loads(body)
        if message.get("detail-type") == JOB_DUE:
            detail = message["detail"]
            return (JobDue(_job_id(detail["job_id"]), detail.get("after_failure") is True),)
        if "Records" in message:
            return tuple(_from_s3_notification(record) for record in message["Records"] if _is_creation(record))
        if message.get("Event") == "s3:TestEvent":
            return ()
        if message["detail-type"] != "Object Created":
            return ()
        return (_from_event(message["detail"]),)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedMessage(f"not an S3 notification: {type(error).__name__}") from None


def is_repeated(record: Mapping[str, Any]) -> bool:
    """Return whether SQS has delivered this record before. Then the earlier receive did not acknowledge it."""
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", "1")) > 1


def _job_id(value: object) -> str:
    if not isinstance(value, str) or not JOB_ID.fullmatch(value):
        raise TypeError("job_id")
    return value


def _is_creation(record: Mapping[str, Any]) -> bool:
    return str(record["eventName"]).removeprefix("s3:").startswith("ObjectCreated:")


def _from_s3_notification(record: Mapping[str, Any]) -> Upload:
    s3_object = record["s3"]["object"]
    return Upload(
        bucket=str(record["s3"]["bucket"]["name"]),
        key=unquote_plus(s3_object["key"]),
        version_id=_version(s3_object.get("versionId")),
        etag=_etag(s3_object.get("eTag")),
        sequencer=s3_object.get("sequencer"),
    )


def _from_event(detail: Mapping[str, Any]) -> Upload:
    s3_object = detail["object"]
    if not isinstance(s3_object["key"], str):
        raise TypeError("key")
    return Upload(
        bucket=str(detail["bucket"]["name"]),
        key=s3_object["key"],
        version_id=_version(s3_object.get("version-id")),
        etag=_etag(s3_object.get("etag")),
        sequencer=s3_object.get("sequencer"),
    )


def _version(value: str | None) -> str | None:
    return value if value and value != "null" else None


def _etag(value: str | None) -> str | None:
    return value.strip('"') if value else None


def to_message(what: Upload | JobDue) -> str:
    """Return the queue message for an upload, in EventBridge's form, or for a due job. `parse_message` reads it back.

    The text is ASCII, because SQS refuses some characters that a key may have, such as U+FFFE (SQS API reference, SendMessage).
    """
    if isinstance(what, JobDue):
        detail = {"job_id": what.job_id} | ({"after_failure": True} if what.after_failure else {})
        return json.dumps({"source": EVENT_SOURCE, "detail-type": JOB_DUE, "detail": detail})
    return _object_created_event(what)


def _object_created_event(upload: Upload) -> str:
    fields_of_object = {
        "key": upload.key,
        "version-id": upload.version_id,
        "etag": upload.etag,
        "sequencer": upload.sequencer,
    }
    s3_object = {name: value for name, value in fields_of_object.items() if value is not None}
    detail = {"bucket": {"name": upload.bucket}, "object": s3_object}
    return json.dumps({"source": EVENT_SOURCE, "detail-type": "Object Created", "detail": detail})


def event_detail(job: Job) -> dict[str, object]:
    """Return the job's public attributes for events and reports, as JSON types. Attributes without a value are left out.

    If an end of the job's model is announced, `retires` is the earliest announced day, and `replaced_by` names its successor.
    """
    attributes = job.attributes
    detail = {name: plain(attributes[name]) for name in PUBLIC} | _end_of_model(job)
    return {name: value for name, value in detail.items() if value is not None}


def _end_of_model(job: Job) -> dict[str, object]:
    from darkroom import catalog  # not at the top, because poll reads no catalog, and sweep seldom does

    known = job.provider in catalog.providers() and job.model
    model = catalog.load(job.provider or "").models.get(job.model or "") if known else None
    if model is None or model.lifecycle.warns_on is None:
        return {}
    return {"retires": model.lifecycle.warns_on.isoformat(), "replaced_by": model.lifecycle.replaced_by}


def plain(value: object) -> object:
    """Return the value of an attribute as a JSON type."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return stamp(value)
        case Enum():
            return value.value
        case Mapping():
            return dict(value)
        case tuple():
            return list(value)
        case _:
            return value
