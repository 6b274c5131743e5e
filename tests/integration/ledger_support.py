"""Helpers that make jobs in each state, by calls to the ledger itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from tests.fakes.application import START
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE, Cloud

from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_table import LedgerTable
from darkroom.model import ImageFormat, Job, Limits, Plan, SourceObject, Submission

LEASE = timedelta(seconds=360)
HOURS_24 = timedelta(hours=24)
UPLOADED = START - timedelta(seconds=10)


def limits(credits: str = "0", usd: str = "0") -> Limits:
    """Return monthly limits in Topaz credits and dollars. 0 means no limit."""
    monthly = {"topaz": Decimal(credits)} if Decimal(credits) else {}
    return Limits(monthly, Decimal(usd), {}, {})


def make_ledger(cloud: Cloud, *, credits: str = "0", usd: str = "0") -> DynamoLedger:
    """Return a ledger with these monthly limits. It repeats a failed write at once, without sleeping."""
    return DynamoLedger(LedgerTable(cloud.dynamodb, TABLE, lambda seconds: None), limits(credits, usd))


def source(name: str = "a.jpg", version: str = "v1", second: int = 0) -> SourceObject:
    """Return a version of an object. A higher `second` makes a newer version."""
    return SourceObject(INPUT, name, version, "e", 100, UPLOADED + timedelta(seconds=second))


def plan(credits: str = "1", price: str = "0.12") -> Plan:
    """Return a plan that costs `credits`, at `price` dollars."""
    return Plan(
        provider="topaz",
        model="Standard V2",
        endpoint="enhance/async",
        parameters={},
        settings={"model": "Standard V2"},
        layers={},
        notes=(),
        source_format=ImageFormat.JPEG,
        output_format=ImageFormat.JPEG,
        output_width=40,
        output_height=30,
        credits=Decimal(credits),
        credit_price_usd=Decimal(price),
    )


def claimed(ledger: DynamoLedger, what: SourceObject | None = None, now: datetime = START) -> Job:
    """Claim a source and return its job. Fails if another worker owns the job."""
    claim = ledger.claim(what or source(), now, now + LEASE, now + HOURS_24)
    assert claim.owned
    return claim.job


def reserved(
    ledger: DynamoLedger,
    what: SourceObject | None = None,
    *,
    credits: str = "1",
    now: datetime = START,
    output_key: str = "a.jpg",
    price: str = "0.12",
) -> Job:
    """Return a job in the status SUBMITTING, with its credits reserved."""
    job = claimed(ledger, what, now)
    ledger.claim_output(job, OUTPUT, output_key)
    return ledger.reserve(job, plan(credits, price), OUTPUT, output_key, "f" * 12, now)


def bound(ledger: DynamoLedger, what: SourceObject | None = None, process_id: str = "p-1", **more: object) -> Job:
    """Return a job in the status PROCESSING, bound to a process at the provider."""
    job = reserved(ledger, what, **more)  # type: ignore[arg-type]
    return ledger.bind(job, Submission(process_id, START + timedelta(seconds=30)), START)
