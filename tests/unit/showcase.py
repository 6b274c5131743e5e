"""A stack in the middle of a batch: jobs in every status, two paused providers, a closed account, dead letters and a month near
its limit. All ids and times are fixed, so that what a command prints can be compared with a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.fakes.memory_dynamodb import TABLE
from tests.unit.cli_support import Stack, deployed

from darkroom.aws import items
from darkroom.model import (
    DispatchRecord,
    Job,
    JobStatus,
    Limits,
    LostAnswer,
    ProviderProcess,
    Reservation,
    SendMode,
)
from darkroom_cli.options import times

NOW = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
MONTH = "2026-11"
PRICES = {
    "topaz": Decimal("0.12"),
    "oxen": Decimal("0.0001"),
    "uwear": Decimal("0.15"),
    "aimlapi": Decimal("0.0000005"),
}
DEADLINE = timedelta(hours=24)


def job(key: str, status: JobStatus, minutes_ago: float, **facts: Any) -> Job:
    """Return a job whose upload came so many minutes before NOW. Its id depends on its key only."""
    created_at = NOW - timedelta(minutes=minutes_ago)
    return Job(
        job_id=hashlib.sha256(key.encode()).hexdigest()[:32],
        run=facts.pop("run", 1),
        attempt=facts.pop("attempt", 1),
        status=status,
        source_bucket=INPUT,
        source_key=key,
        source_version=hashlib.sha256(b"version of " + key.encode()).hexdigest()[:12],
        source_order=f"{created_at.isoformat()}#0",
        created_at=created_at,
        deadline_at=created_at + DEADLINE,
        **facts,
    )


def planned(waiting: Job, provider: str = "topaz", model: str = "Standard V2", **settings: str) -> Job:
    """Return the job with what its settings ask for."""
    return replace(waiting, provider=provider, model=model, settings={"model": model, **settings, "provider": provider})


def reserved(
    waiting: Job, credits: str = "1", provider: str = "topaz", model: str = "Standard V2", **settings: str
) -> Job:
    """Return the job with credits reserved for it."""
    reserved_at = waiting.created_at + timedelta(seconds=4)
    return replace(
        planned(waiting, provider, model, **settings),
        dispatch=DispatchRecord(
            output_bucket=OUTPUT, output_key=waiting.source_key, output_format="jpeg", send_mode=SendMode.UPLOAD,
            reserved_at=reserved_at,
        ),
        reservation=Reservation(
            credits_reserved=Decimal(credits), credit_price_usd=PRICES[provider], budget_month=MONTH, key_fingerprint="f00d",
        ),
    )  # fmt: skip


def bound(sent: Job, seconds: int = 30) -> Job:
    """Return the job with the provider's process."""
    submitted_at = sent.created_at + timedelta(seconds=6)
    process_id = f"{sent.job_id[:8]}-0000-4000-8000-{sent.job_id[:12]}"
    return replace(
        sent,
        process=ProviderProcess(
            process_id=process_id, submitted_at=submitted_at, eta=submitted_at + timedelta(seconds=seconds)
        ),
    )


def over(ended: Job, credits: str | None = None, after: float = 60, **facts: Any) -> Job:
    """Return the job as it ended, so many seconds after its upload."""
    completed_at = ended.created_at + timedelta(seconds=after)
    charge = None if credits is None else Decimal(credits)
    price = ended.reservation.credit_price_usd if ended.reservation else Decimal(0)
    cost = None if charge is None else charge * price
    return replace(ended, completed_at=completed_at, published_at=completed_at, credits=charge, cost_usd=cost, **facts)


def story() -> list[Job]:
    """Return a job in each status and for each reason to wait."""
    broke = "topaz does not accept the API key: HTTP 401"
    paused = "submits to oxen are paused: prices are being checked"
    later = NOW + timedelta(minutes=9)
    wait = {"next_attempt_at": later, "due_at": later}
    claimed = JobStatus.CLAIMED
    return [
        over(bound(reserved(replace(job("spring/lake.jpg", JobStatus.COMPLETED, 300), source_version=None), label="spring",
             scale="2")), "1", label="spring"),
        over(bound(reserved(job("spring/forest.jpg", JobStatus.COMPLETED, 290), "2")), "2", result_notes="icc=lost",
             label="spring"),
        over(bound(reserved(job("archive/1931/a very long name of a scanned negative, plate 17.tif", JobStatus.COMPLETED, 280),
             "500", "oxen", "topazlabs-image-upscale")), "500"),
        over(bound(reserved(job("spring/harbour.jpg", JobStatus.FAILED, 240))), "0", error_code="ProviderFailed",
             error="topaz ended the process with the status Failed", label="spring"),
        over(planned(job("autumn/hill.jpg", JobStatus.REJECTED, 60)), error_code="BudgetExceeded",
             error="the topaz limit of 2026-11 is 100: 1 left, this job costs 4"),
        over(job("typo.jpg", JobStatus.REJECTED, 58), after=3, error_code="InvalidSetting",
             error="the tag sclae='2' is no setting; did you mean scale?"),
        over(planned(job("old/portrait.jpg", JobStatus.CANCELLED, 55)), error="cancelled by an operator before it was sent"),
        over(job("raw/skipped.jpg", JobStatus.SKIPPED, 54), after=2),
        replace(reserved(job("doubt/bridge.jpg", JobStatus.IN_DOUBT, 200)), due_at=NOW - timedelta(minutes=20),
                error="the answer to the submit was lost, and topaz's list could not be read: a person must resolve it"),
        bound(reserved(job("autumn/river.jpg", JobStatus.PROCESSING, 2), "4", model="High Fidelity V2"), 240),
        replace(reserved(job("autumn/mill.jpg", JobStatus.SUBMITTING, 0.1)), lease_until=NOW + timedelta(minutes=6)),
        replace(reserved(job("autumn/tower.jpg", JobStatus.SUBMITTING, 3)), **wait,
                lost=LostAnswer(lost_at=NOW - timedelta(minutes=2), lost_attempt=1), error="the answer to the submit was lost"),
        replace(planned(job("catalog/shoe-1.jpg", claimed, 40)), **wait, error_code="AuthFailed", error=broke),
        replace(planned(job("catalog/shoe-2.jpg", claimed, 39)), **wait, error_code="AuthFailed", error=broke),
        replace(planned(job("archive/1932/plate 18.tif", claimed, 30), "oxen", "topazlabs-image-upscale"), **wait, error=paused),
        replace(planned(job("catalog/coat.jpg", claimed, 20), "uwear", "recraft"), **wait,
                error="submits to uwear are paused: the contract is being renewed"),
        replace(job("new/just here.jpg", claimed, 0.05), lease_until=NOW + timedelta(minutes=6)),
    ]  # fmt: skip


def put(stack: Stack, *jobs: Job) -> None:
    """Write the rows of jobs as the ledger has them."""
    for each in jobs:
        row = items.job_item(each)
        if each.is_terminal:
            del row["open_status"]
        if "due_at" not in row and not each.is_terminal:
            row["due_at"] = items.wire(each.lease_until or each.created_at)
        stack.application.cloud.dynamodb.put_item(TableName=TABLE, Item=row)


def booked(stack: Stack, unit: str, month: str, **numbers: str) -> None:
    """Write the row of a month."""
    amounts = {name: items.wire(Decimal(value)) for name, value in numbers.items()}
    committed = Decimal(numbers.get("reserved", "0")) + Decimal(numbers.get("spent", "0"))
    row = {**items.budget_key(unit, month), **amounts, "committed": items.wire(committed)}
    stack.application.cloud.dynamodb.put_item(TableName=TABLE, Item=row)


@contextmanager
def showcase() -> Iterator[Stack]:
    """Yield the stack. Its clock stands at NOW."""
    limits = Limits({"topaz": Decimal(400)}, Decimal(50), {}, PRICES)
    with deployed(limits, ALLOWED_PROVIDERS=",".join(PRICES)) as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "_now", lambda: NOW)
        stack.application.clock.now = NOW
        put(stack, *story())
        stack.application.cloud.put("spring/lake.jpg", b"", tags="label=spring&scale=2")
        lake = next(each for each in story() if each.source_key == "spring/lake.jpg")
        result = {**items.output_row_key(OUTPUT, lake.source_key), "source_uri": items.wire(lake.source_uri)}
        result |= {"newest_job": items.wire(lake.job_id), "newest_order": items.wire(lake.source_order)}
        stack.application.cloud.dynamodb.put_item(TableName=TABLE, Item=result)
        again = next(each for each in story() if each.source_key == "spring/harbour.jpg")
        first = over(replace(again, run=1), "1", error_code="ResultLost", error="topaz no longer had the result")
        put(stack, replace(again, run=2))
        earlier = {**items.job_item(first), **items.run_key(first)}
        for name in ("open_status", "source_uri", "day", "due_at"):
            earlier.pop(name, None)
        stack.application.cloud.dynamodb.put_item(TableName=TABLE, Item=earlier)
        booked(stack, "usd", MONTH, limit="50", reserved="1.32", spent="46.41", jobs="412")
        booked(stack, "topaz", MONTH, limit="400", reserved="11", spent="386", jobs="401")
        booked(stack, "oxen", MONTH, limit="0", reserved="0", spent="5500", jobs="11")
        booked(stack, "usd", "2026-10", limit="50", reserved="0", spent="49.92", jobs="416")
        booked(stack, "topaz", "2026-10", limit="400", reserved="0", spent="416", overrun="2", jobs="416")
        circuits = stack.application.ports["circuits"]
        circuits.pause("oxen", "prices are being checked", NOW - timedelta(hours=2))
        circuits.pause("uwear", "the contract is being renewed", NOW - timedelta(days=1))
        fault = "topaz does not accept the API key: HTTP 401"
        circuits.open("topaz", "AuthFailed", fault, NOW - timedelta(minutes=41), NOW + timedelta(minutes=4))
        sqs, dead_letters, _ = stack.queues
        for number in range(3):
            sqs.send_message(QueueUrl=dead_letters, MessageBody=f'{{"dead": {number}}}')
        stack.application.ports["api_keys"] = Keys({"topaz": "a", "oxen": "b", "uwear": "c"})
        ring(stack, "IntakeDlqAlarm", "TopazCircuitAlarm")
        yield stack


@dataclass(frozen=True)
class Keys:
    """The API keys in the stack's secret."""

    keys: Mapping[str, str] = field(repr=False)

    def get(self, provider: str) -> str:
        return self.keys.get(provider, "")


def ring(stack: Stack, *ringing: str) -> None:
    """Make the stack's alarms, of which some ring. Another stack has an alarm that rings too.

    The names end as CloudFormation's do: with 12 letters of both cases and digits, in older stacks with capital letters only.
    """
    cloudwatch = stack.client("cloudwatch")
    for number, name in enumerate((*ringing, "SweepSilentAlarm", "other")):
        end = "12IAZU18MYTSF" if number % 2 else "6FYjhWgyxz06"
        full = f"darkroom-{name}-{end}" if name != "other" else f"darkroom-test-IntakeDlqAlarm-{end}"
        cloudwatch.put_metric_alarm(
            AlarmName=full, MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Threshold=1, Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        cloudwatch.set_alarm_state(
            AlarmName=full, StateValue="OK" if name == "SweepSilentAlarm" else "ALARM", StateReason="test"
        )
