"""Follows jobs by reading their rows in the ledger, whose table is documented. It never writes to the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from darkroom.errors import ErrorCode
from darkroom.model import TERMINAL, JobStatus

_BATCH = 100  # the most items of one BatchGetItem call of DynamoDB
# A claimed job with one of these codes waits for the operator, for up to JobDeadlineHours. A run on one machine does not wait
# for the operator, but reports the job and stops.
_NEEDS_OPERATOR = frozenset({ErrorCode.AUTH_FAILED, ErrorCode.OUT_OF_CREDITS})
_MAY_BE_CHARGED = frozenset({JobStatus.SUBMITTING, JobStatus.IN_DOUBT, JobStatus.PROCESSING, JobStatus.COMPLETED})


@dataclass(frozen=True)
class JobView:
    """A job as its row is now. As long as submit has not taken the upload, there is no row, and `status` is None."""

    job_id: str
    status: JobStatus | None = None
    provider: str | None = None
    model: str | None = None
    polls: int = 0
    eta: datetime | None = None
    credits_reserved: Decimal | None = None
    credits: Decimal | None = None  # the settled charge
    cost_usd: Decimal | None = None
    output_bucket: str | None = None
    output_key: str | None = None
    process_id: str | None = None  # the provider's process id, once the provider has accepted the picture
    error_code: str | None = None
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """True if the job does not change any more unless the operator acts."""
        return self.status in TERMINAL or self.status is JobStatus.IN_DOUBT or self.needs_operator

    @property
    def is_submitting(self) -> bool:
        """True if the provider's answer to the submit is not known yet."""
        return self.status is JobStatus.SUBMITTING

    @property
    def may_be_charged(self) -> bool:
        """True if the provider has the picture or may have it."""
        return self.status in _MAY_BE_CHARGED

    @property
    def needs_operator(self) -> bool:
        """True if the job waits for the owner of the account at the provider."""
        return self.status is JobStatus.CLAIMED and self.error_code in _NEEDS_OPERATOR

    @property
    def waits_because(self) -> str:
        """Why the job is not sent yet and will be tried again, or an empty text."""
        return (self.error or "") if self.status is JobStatus.CLAIMED and not self.needs_operator else ""

    @property
    def word(self) -> str:
        """The job's state as a word for people."""
        if self.status is None:
            return "UPLOADED"
        return f"{self.status.value} ({self.error_code})" if self.needs_operator else self.status.value


def read_jobs(dynamodb: Any, table: str, job_ids: Iterable[str]) -> dict[str, JobView]:
    """Return job id → the job as it is now. `dynamodb` is a boto3 client, and `table` is the ledger's name."""
    wanted = list(job_ids)
    views = {job_id: JobView(job_id) for job_id in wanted}
    for row in _rows(dynamodb, table, wanted):
        views[row["job_id"]] = view_of(row)
    return views


def view_of(row: Mapping[str, Any]) -> JobView:
    """Return a row of the ledger as a JobView. An attribute that the row lacks becomes None."""
    return JobView(
        job_id=row["job_id"],
        status=JobStatus(row["status"]),
        provider=row.get("provider"),
        model=row.get("model"),
        polls=int(row.get("polls", 0)),
        eta=_moment(row.get("eta")),
        credits_reserved=row.get("credits_reserved"),
        credits=row.get("credits"),
        cost_usd=row.get("cost_usd"),
        output_bucket=row.get("output_bucket"),
        output_key=row.get("output_key"),
        process_id=row.get("process_id"),
        error_code=row.get("error_code"),
        error=row.get("error"),
    )


def _rows(dynamodb: Any, table: str, job_ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    from boto3.dynamodb.types import (
        TypeDeserializer,
    )  # not at the top: a command says its first line before AWS is imported

    deserialize = TypeDeserializer().deserialize
    for start in range(0, len(job_ids), _BATCH):
        keys = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}} for job_id in job_ids[start : start + _BATCH]]
        request: dict[str, Any] = {table: {"Keys": keys, "ConsistentRead": True}}
        while request:
            answer = dynamodb.batch_get_item(RequestItems=request)
            for row in answer["Responses"].get(table, []):
                yield {name: deserialize(value) for name, value in row.items()}
            request = answer.get("UnprocessedKeys", {})


def _moment(text: str | None) -> datetime | None:
    with contextlib.suppress(ValueError, TypeError):
        return datetime.fromisoformat(text) if text else None
    return None
