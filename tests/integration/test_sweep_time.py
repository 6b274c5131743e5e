"""Tests that a provider that hangs delays no other step of the sweep, and that an idle sweep reads and writes as much as the
costs page says.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.application import START, ApplicationUnderTest
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.time_support import MINUTE, Replaced

from darkroom.aws import items
from darkroom.errors import ErrorCode, OperatorFault, ProviderUnavailable, Throttled
from darkroom.model import LISTED, TERMINAL, Alarm, Job, JobStatus, ProviderProcess
from darkroom.pipeline.sweep import REMOVE_RETRY, TIME_TO_ASK
from darkroom.providers.registry import ADAPTERS

COSTS = (Path(__file__).parents[2] / "docs/costs.md").read_text()
DAY = timedelta(hours=24)
HANGS = timedelta(seconds=30)
SLOW_ENTRIES = 15


class Vendors(ApplicationUnderTest):
    """An application with several providers. Jobs are sent only to the first."""

    def __init__(self, cloud: Cloud, names: tuple[str, ...] = tuple(ADAPTERS)) -> None:
        super().__init__(cloud)
        self.vendors: dict[str, Any] = dict.fromkeys(names, self.provider)

    @property
    def _providers(self) -> dict[str, Any]:
        return self.vendors


@dataclass
class Slow:
    """A provider that needs 30 seconds to forget an entry, and then raises `trouble` if it is given."""

    application: ApplicationUnderTest
    trouble: Exception | None = None
    asked: int = 0

    def forget(self, process_id: str) -> None:
        self.asked += 1
        self.application.clock.advance(HANGS)
        if self.trouble:
            raise self.trouble

    def balance(self) -> None:
        return None


def due(application: ApplicationUnderTest, status: JobStatus, provider: str, count: int, start: int = 0) -> None:
    """Write `count` jobs with `status` that are due. The sweep forgets finished jobs at the provider and continues others."""
    like = Job(
        job_id="",
        run=1,
        attempt=1,
        status=status,
        source_bucket="b",
        source_key="k",
        source_version="v",
        source_order="o",
        created_at=START - DAY,
        deadline_at=START,
        provider=provider,
        process=ProviderProcess(process_id="p", eta=START, submitted_at=START),
        published_at=START,
        due_at=START,
    )
    word = LISTED if status in TERMINAL else status
    for number in range(start, start + count):
        item = items.job_item(replace(like, job_id=f"{number:032x}")) | {"open_status": items.wire(word)}
        application.cloud.dynamodb.put_item(TableName=TABLE, Item=item)


@pytest.fixture
def two(account: Cloud) -> Vendors:
    """Return an application with jobs of the providers `slow` and `quick`. The sweep reaches the jobs of `slow` first."""
    application = Vendors(account, ("slow", "quick"))
    due(application, JobStatus.COMPLETED, "slow", SLOW_ENTRIES)
    due(application, JobStatus.COMPLETED, "quick", 5, start=SLOW_ENTRIES)
    return application


@pytest.mark.parametrize(
    "trouble",
    [ProviderUnavailable("no answer"), Throttled("HTTP 429"), OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401")],
    ids=str,
)
def test_a_provider_that_hangs_is_asked_once_a_run_and_others_all_the_same(two: Vendors, trouble: Exception) -> None:
    slow = two.vendors["slow"] = Slow(two, trouble)
    assert two.sweep()["Forgotten"] == 5
    assert slow.asked == 1
    two.clock.advance(MINUTE)
    two.sweep()
    assert slow.asked == 1  # after the failure, its entries wait for an hour
    two.clock.advance(REMOVE_RETRY)
    slow.trouble = None
    for _ in range(3):
        two.sweep()
    assert slow.asked == 1 + SLOW_ENTRIES


def test_a_provider_that_is_slow_is_asked_only_while_there_is_time_for_its_answer(two: Vendors) -> None:
    slow = two.vendors["slow"] = Slow(two)
    ends = two.ends
    two.sweep()
    assert 1 < slow.asked < SLOW_ENTRIES
    assert ends - TIME_TO_ASK < two.clock() <= ends - TIME_TO_ASK + HANGS


def test_steps_that_call_a_provider_come_last(two: Vendors) -> None:
    two.vendors["slow"] = Slow(two)
    due(two, JobStatus.IN_DOUBT, "quick", 1, start=100)
    two.ports["circuits"].open("quick", ErrorCode.AUTH_FAILED, "HTTP 401", START, START + DAY)
    done = two.sweep()
    assert set(two.alerts.rung) >= {Alarm.IN_DOUBT, Alarm.CIRCUIT_OPEN}
    assert list(done)[-1] == "Forgotten"


@pytest.mark.parametrize("status", [JobStatus.SUBMITTING, JobStatus.CLAIMED])
def test_a_queue_that_is_slow_ends_the_run_in_time_and_the_next_goes_on(two: Vendors, status: JobStatus) -> None:
    due(two, status, "quick", 50, start=100)
    again = two.queue.requeue

    def slowly(*what: Any) -> None:
        two.clock.advance(10)
        again(*what)

    two.ports["intake"] = Replaced(two.queue, requeue=slowly)
    ends = two.ends
    two.sweep()
    assert two.clock() <= ends
    first = len(two.queue.sent)
    two.sweep()
    assert 0 < first < len(two.queue.sent)


class Asked:
    """Wraps a client and counts its calls by name."""

    def __init__(self, client: Any) -> None:
        self._client, self.calls = client, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._client, name)


def test_a_quiet_minute_reads_what_the_costs_page_counts(account: Cloud) -> None:
    dynamodb = Asked(account.dynamodb)
    application = Vendors(Cloud(account.s3, dynamodb))
    application.sweep()
    application.clock.advance(MINUTE)
    dynamodb.calls.clear()
    application.sweep()
    queries, gets = dynamodb.calls.pop("query"), dynamodb.calls.pop("get_item")
    assert not dynamodb.calls
    units = 43_200 * (queries / 2 + gets)
    assert f"{queries} index queries of half a unit, {gets} reads of one: {units:,.0f} units" in COSTS


def test_a_quiet_quarter_of_an_hour_writes_what_the_costs_page_counts(account: Cloud) -> None:
    dynamodb = Asked(account.dynamodb)
    application = Vendors(Cloud(account.s3, dynamodb))
    application.vendors = dict.fromkeys(ADAPTERS, Slow(application))
    application.sweep()
    application.clock.advance(MINUTE * 15)
    dynamodb.calls.clear()
    application.sweep()
    quarter = dynamodb.calls["update_item"]  # refused writes are counted, too, because AWS charges for them
    application.clock.advance(MINUTE * 15)
    dynamodb.calls.clear()
    application.sweep()
    half = dynamodb.calls["update_item"]
    assert f"every 15 minutes {quarter}, every half hour {half - quarter} more" in COSTS
    assert f"its notes: {2_880 * quarter + 1_440 * (half - quarter):,}" in COSTS
