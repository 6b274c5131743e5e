"""Gathers what `darkroom status` shows: one look at a stack, by a bounded number of reads.

Each part that may not be read is named with its reason, and the others are shown. Nothing is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from darkroom.model import BudgetMonth, Circuit, JobStatus
from darkroom_cli.status.waiting import Wait, waits

if TYPE_CHECKING:
    from darkroom_cli.stack.deployment import Deployment

USD = "usd"
MOST_OF_TODAY = 1000  # jobs of today whose ends are counted; if there are more, the newest are
MOST_WAITING = 500  # open jobs of each status whose reasons are read
COUNTED_ENDS = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED, JobStatus.SKIPPED)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Unread:
    """A part that could not be read, and why."""

    why: str


@dataclass(frozen=True)
class ProviderFacts:
    """A provider that uploads may name. `has_key` says whether the secret has a key for it; no part of a key is here."""

    name: str
    is_default: bool
    has_key: bool | Unread
    circuit: Circuit | None  # None = submits pass


@dataclass(frozen=True)
class Spend:
    """What is booked this month against one limit; `limit` 0 = none."""

    booked: BudgetMonth
    limit: Decimal

    @property
    def left(self) -> Decimal | None:
        """What may still be reserved, None without a limit."""
        return max(self.limit - self.booked.committed, Decimal(0)) if self.limit else None


@dataclass(frozen=True)
class Today:
    """The uploads since midnight UTC. If `counted` is less than `uploads`, `ends` counts the newest only."""

    uploads: int
    counted: int
    ends: Mapping[str, int]  # final status → number
    codes: Mapping[str, int]  # error code → number of jobs without a result


@dataclass(frozen=True)
class StatusFacts:
    """One look at a stack."""

    at: datetime
    stack: str
    input_bucket: str
    output_bucket: str
    providers: Sequence[ProviderFacts]
    spend: Sequence[Spend]
    open: Mapping[str, int]  # open status → number
    today: Today
    waits: Sequence[Wait]
    dead_letters: int | Unread
    intake: int | Unread  # messages on the intake queue
    alarms: Sequence[str] | Unread  # those that ring now
    storage_refusal: str | None  # why the output bucket takes no results


def gather(deployed: Deployment) -> StatusFacts:
    """Read everything. Raises NoDeployment, LedgerNotOwned, LedgerBusy, and errors of AWS for the ledger's table."""
    container, now = deployed.container, deployed.clock()
    configuration = container.configuration
    providers = _providers(deployed)
    circuits = {each.name: each.circuit for each in providers if each.circuit}
    opened = deployed.job_queries.count_open()
    waiting = (
        job
        for status, number in opened.items()
        if number
        for job in islice(deployed.operator_ledger.jobs(status=status), MOST_WAITING)
    )
    check = container.adapters.storage_checks.last()
    refusal = check.refusal if check else None
    sqs, dead_letters, intake = deployed.queues
    return StatusFacts(
        at=now,
        stack=configuration.stack.stack,
        input_bucket=deployed.input_bucket,
        output_bucket=configuration.output_bucket,
        providers=providers,
        spend=_spend(deployed, [each.name for each in providers], f"{now:%Y-%m}"),
        open=opened,
        today=_today(deployed, now),
        waits=waits(waiting, circuits, refusal),
        dead_letters=readable(lambda: _messages(sqs, dead_letters)),
        intake=readable(lambda: _messages(sqs, intake)),
        alarms=readable(lambda: _alarms(deployed.client("cloudwatch"), configuration.stack.stack)),
        storage_refusal=refusal,
    )


def readable(read: Callable[[], Value]) -> Value | Unread:
    """Return what `read` returns, or why it cannot be read: a permission is missing, or the provider's secret."""
    from botocore.exceptions import BotoCoreError, ClientError

    from darkroom.errors import ProviderSilent

    try:
        return read()
    except ClientError as error:
        return Unread(f"{error.operation_name}: {error.response['Error'].get('Code', 'refused')}")
    except (BotoCoreError, ProviderSilent) as error:
        return Unread(str(error))


def _providers(deployed: Deployment) -> list[ProviderFacts]:
    from darkroom.providers.registry import ADAPTERS

    adapters, configuration = deployed.container.adapters, deployed.container.configuration
    names = sorted(configuration.allowed_providers(ADAPTERS), key=lambda name: (name != configuration.provider, name))
    keys = readable(lambda: {name: bool(adapters.api_keys.get(name)) for name in names})
    return [
        ProviderFacts(
            name=name,
            is_default=name == configuration.provider,
            has_key=keys if isinstance(keys, Unread) else keys[name],
            circuit=adapters.circuits.get(name),
        )
        for name in names
    ]


def _spend(deployed: Deployment, providers: Sequence[str], month: str) -> list[Spend]:
    limits = deployed.container.adapters.limits
    wanted = {USD: limits.monthly_usd} | {name: limits.monthly_credits.get(name, Decimal(0)) for name in providers}
    return [Spend(deployed.job_queries.month(unit, month), limit) for unit, limit in wanted.items()]


def _today(deployed: Deployment, now: datetime) -> Today:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = now + timedelta(minutes=1)  # clocks differ
    uploads = deployed.job_queries.count_uploaded(midnight, end)
    jobs = list(islice(deployed.job_queries.uploaded(midnight, end), MOST_OF_TODAY))
    ends = Counter(job.status.value for job in jobs)
    without_result = (JobStatus.FAILED, JobStatus.REJECTED, JobStatus.CANCELLED)
    codes = Counter(job.error_code for job in jobs if job.error_code and job.status in without_result)
    return Today(
        max(uploads, len(jobs)), len(jobs), {status.value: ends[status.value] for status in COUNTED_ENDS}, dict(codes)
    )


def _messages(sqs: Any, queue: str) -> int:
    """Return about how many messages are on the queue, whether somebody has received them or not."""
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)
    return sum(int(answer["Attributes"].get(name, 0)) for name in names)


def _alarms(cloudwatch: Any, stack: str) -> list[str]:
    """Return the names of the stack's alarms that ring, without the stack's name and CloudFormation's suffix."""
    own = re.compile(rf"{re.escape(stack)}-([A-Za-z]+Alarm)(-[A-Za-z0-9]+)?")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
    ringing = (alarm for page in pages for alarm in page.get("MetricAlarms", []) if alarm["StateValue"] == "ALARM")
    names = (alarm["AlarmName"] for alarm in ringing)
    return sorted(found[1] for name in names if (found := own.fullmatch(name)))
