"""Tests the pure decisions about a job's row: when the sweep looks at it next, and what a takeover or a settlement writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.rows import each_row

from darkroom.aws import budgets, job_transitions
from darkroom.model import LISTED, UNPUBLISHED, Job, JobStatus, LostAnswer, ProviderProcess, Reservation
from darkroom.retry_schedule import next_look_at

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
EARLIER, SOONER = NOW - timedelta(hours=5), NOW - timedelta(hours=1)
LEASE_UNTIL = NOW + timedelta(minutes=6)
PROCESS = ProviderProcess(process_id="p", eta=NOW, submitted_at=EARLIER)


def job(status: JobStatus, **more: Any) -> Job:
    return Job(
        job_id="0" * 32,
        run=1,
        attempt=2,
        status=status,
        source_bucket="in",
        source_key="a.jpg",
        source_version=None,
        source_order="o",
        created_at=EARLIER,
        deadline_at=NOW + timedelta(hours=24),
        **more,
    )


# --- after the end


def test_a_job_with_an_event_is_listed_until_its_event_is_sent() -> None:
    assert job_transitions.after_settling(job(JobStatus.PROCESSING), JobStatus.COMPLETED, NOW, ()) == (
        UNPUBLISHED, NOW + timedelta(minutes=2),
    )  # fmt: skip


def test_a_process_stays_in_the_providers_list_for_a_day_after_its_job_has_ended() -> None:
    ended = job(JobStatus.COMPLETED, provider="topaz", process=PROCESS, completed_at=SOONER)
    assert job_transitions.after_publishing(ended, NOW, ("topaz",)) == (LISTED, SOONER + timedelta(days=1))
    assert job_transitions.after_publishing(ended, NOW, ("oxen",)) == (None, None)
    assert job_transitions.after_publishing(job(JobStatus.REJECTED, provider="topaz"), NOW, ("topaz",)) == (None, None)


def test_a_doubt_stays_listed_after_its_event() -> None:
    doubt = job(JobStatus.IN_DOUBT, provider="topaz", process=PROCESS, due_at=SOONER)
    assert job_transitions.after_publishing(doubt, NOW, ("topaz",)) == (JobStatus.IN_DOUBT, SOONER)


# --- takeovers


def test_the_first_takeover_from_a_dead_worker_begins_the_time_of_failing() -> None:
    taken = job(JobStatus.SUBMITTING, lease_until=SOONER)
    assert job_transitions.after_takeover(taken, NOW, LEASE_UNTIL) == (
        NOW, max(LEASE_UNTIL, next_look_at(NOW, NOW, taken.deadline_at)),
    )  # fmt: skip


def test_a_later_takeover_keeps_it_and_waits_longer() -> None:
    taken = job(JobStatus.CLAIMED, lease_until=SOONER, failing_since=EARLIER)
    assert job_transitions.after_takeover(taken, NOW, LEASE_UNTIL) == (EARLIER, NOW + timedelta(hours=5))


def test_a_takeover_from_a_worker_that_ended_its_lease_is_no_failure() -> None:
    assert job_transitions.after_takeover(job(JobStatus.CLAIMED), NOW, LEASE_UNTIL) == (None, LEASE_UNTIL)


def test_a_job_at_the_provider_is_looked_at_as_soon_as_its_lease_is_over() -> None:
    taken = job(JobStatus.PROCESSING, lease_until=SOONER, failing_since=EARLIER)
    assert job_transitions.after_takeover(taken, NOW, LEASE_UNTIL) == (None, LEASE_UNTIL)


@each_row(
    ("times", "lost_at"),
    [
        ({"lease_until": SOONER, "next_attempt_at": NOW}, SOONER),
        ({"next_attempt_at": SOONER}, SOONER),
        ({}, EARLIER),
    ],
)
def test_an_answer_is_lost_when_its_workers_lease_ends(times: dict[str, Any], lost_at: datetime) -> None:
    """Without a lease, the job was put off, or else made."""
    assert job_transitions.lost_with_its_worker(job(JobStatus.SUBMITTING, **times)) == {
        "lost_at": lost_at, "lost_attempt": 2,
    }  # fmt: skip


def test_no_answer_is_lost_before_a_submit_or_twice() -> None:
    noted = LostAnswer(lost_at=EARLIER, lost_attempt=1)
    assert job_transitions.lost_with_its_worker(job(JobStatus.CLAIMED, lease_until=SOONER)) == {}
    assert job_transitions.lost_with_its_worker(job(JobStatus.SUBMITTING, lease_until=SOONER, lost=noted)) == {}


# --- money


@each_row(("charged", "overrun"), [("4", None), ("5", None), ("6", Decimal(1))])
def test_only_a_charge_above_the_reservation_is_an_overrun(charged: str, overrun: Decimal | None) -> None:
    reserved = Reservation(credits_reserved=Decimal(5), credit_price_usd=Decimal("0.1"), budget_month="2026-11")
    in_credits, _ = budgets.settlements(
        job(JobStatus.PROCESSING, provider="topaz", reservation=reserved), Decimal(charged)
    )
    assert in_credits.add.get("overrun") == overrun
    assert (in_credits.add["reserved"], in_credits.add["spent"]) == (-5, Decimal(charged))
