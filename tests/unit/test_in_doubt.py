"""Tests how a job in doubt after a synchronous call is resolved if the provider's log also shows refused attempts of
the same run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.rows import each_row

from darkroom.errors import ErrorCode
from darkroom.model import (
    DispatchRecord,
    FoundProcess,
    Handle,
    Job,
    JobStatus,
    LostAnswer,
    ProcessState,
    Reservation,
    SendMode,
    Submission,
)
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.kept_input_lookup import KeptInputLookup
from darkroom.pipeline.message_outcomes import Done

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
JOB_ID = "a" * 32
PRICE = Decimal(210_000)
FAILED, LOST = ProcessState.FAILED, ProcessState.EXPIRED


def found(attempt: int, state: ProcessState, suffix: str = "") -> FoundProcess:
    """Return the entry that the provider's log shows for an attempt."""
    name = f"{JOB_ID}-1-{attempt}"
    return FoundProcess(name, name + suffix, state, None, NOW, PRICE if state is LOST else Decimal(0))


@dataclass
class Record:
    """Replaces the provider and all that resolving a doubt may change. It shows the list `shown` and records what was done."""

    shown: tuple[FoundProcess, ...] | None
    ended: list[tuple[object, ...]] = field(default_factory=list)
    name: str = "aimlapi"
    inputs: None = None

    def key_fingerprint(self) -> str:
        return "key"

    def find(self, handle: Handle, *rest: object) -> tuple[FoundProcess, ...] | None:
        return self.shown if rest else None  # a call without `rest` asks for staged results, and there are none

    def orphan(self, provider: object, job: Job, process_id: str) -> None:
        self.ended.append(("orphan", process_id))

    def bind(self, provider: object, job: Job, submission: Submission) -> Done:
        self.ended.append(("bind", submission.process_id))
        return Done(job)

    def fail(self, job: Job, code: ErrorCode, why: str, credits: Decimal = Decimal(0)) -> Job:
        self.ended.append((code, credits))
        return job

    def leave_in_doubt(self, job: Job, why: str) -> Job:
        self.ended.append(("doubt",))
        return job


def settled(
    *shown: FoundProcess, attempt: int = 4, send_mode: SendMode = SendMode.SYNCHRONOUS_LINK, looks: int = 1
) -> list[tuple[object, ...]] | None:
    """Resolve the doubt about the attempt before `attempt`, after `looks` lookups. Return what was done; None if nothing was
    accepted."""
    record: Any = Record(shown)
    job = Job(
        job_id=JOB_ID,
        run=1,
        attempt=attempt + looks - 1,
        status=JobStatus.SUBMITTING,
        source_bucket="in",
        source_key="a.png",
        source_version=None,
        source_order="1",
        created_at=NOW,
        deadline_at=NOW + timedelta(days=1),
        provider="aimlapi",
        dispatch=DispatchRecord(
            output_bucket="out", output_key="a.png", output_format="png", send_mode=send_mode, reserved_at=NOW
        ),
        reservation=Reservation(
            credits_reserved=PRICE, credit_price_usd=Decimal(1), budget_month="2026-11", key_fingerprint="key"
        ),
        lost=LostAnswer(lost_at=NOW - timedelta(hours=1), lost_attempt=attempt - 1),
    )
    in_doubt = InDoubt(
        ledger=record,
        staging=record,
        providers={"aimlapi": record},
        binding=record,
        settlement=record,
        find_by_image=KeptInputLookup(sources=record, ledger=record, clock=lambda: NOW),
        clock=lambda: NOW,
    )
    verdict = in_doubt.resolve(job)
    assert (verdict is None) is (record.ended == [])
    return record.ended or None


def test_a_refused_attempt_does_not_hide_a_later_one_that_was_paid() -> None:
    assert settled(found(1, FAILED), found(3, LOST)) == [(ErrorCode.RESULT_LOST, PRICE)]
    assert settled(found(1, FAILED), found(2, FAILED), found(3, LOST)) == [(ErrorCode.RESULT_LOST, PRICE)]


def test_a_refused_attempt_does_not_hide_one_that_runs() -> None:
    running = found(3, ProcessState.RUNNING)
    assert settled(found(1, FAILED), running) == [("bind", running.process_id)]


@each_row("attempts", [(1,), (2,), (1, 2)])
def test_refused_attempts_alone_decide_nothing(attempts: tuple[int, ...]) -> None:
    """The lost attempt may be one of these or none of them, because other workers may have tried since."""
    assert settled(*(found(attempt, FAILED) for attempt in attempts)) == [("doubt",)]


def test_an_empty_list_proves_the_call_absent() -> None:
    assert settled() is None


@each_row("suffix", ["", ".png"])
def test_the_failure_of_the_attempt_that_was_lost_ends_the_job(suffix: str) -> None:
    assert settled(found(1, FAILED), found(3, FAILED, suffix)) == [(ErrorCode.PROVIDER_FAILED, 0)]
    assert settled(found(9, FAILED), attempt=10) == [(ErrorCode.PROVIDER_FAILED, 0)]


@each_row("looks", [1, 2, 7])
def test_the_lost_attempt_is_known_however_often_was_looked_since(looks: int) -> None:
    assert settled(found(3, FAILED), looks=looks) == [(ErrorCode.PROVIDER_FAILED, 0)]
    assert settled(found(2, FAILED), looks=looks) == [("doubt",)]


def test_an_attempt_whose_number_only_begins_alike_is_another() -> None:
    assert settled(found(1, FAILED), attempt=11) == [("doubt",)]


def test_two_that_were_paid_are_one_too_many() -> None:
    first, second = found(2, LOST), found(3, LOST)
    assert settled(found(1, FAILED), first, second) == [("orphan", second.process_id), (ErrorCode.RESULT_LOST, PRICE)]


def test_a_failed_double_of_what_was_paid_is_told_and_a_refused_attempt_is_not() -> None:
    double = FoundProcess("double", f"{JOB_ID}-1-3", FAILED, None, NOW)
    shown = found(1, FAILED), found(3, LOST), double
    assert settled(*shown) == [("orphan", "double"), (ErrorCode.RESULT_LOST, PRICE)]


def test_at_a_queue_what_lives_is_adopted_before_what_failed() -> None:
    first, second = found(1, FAILED), found(3, ProcessState.RUNNING)
    assert settled(first, second, send_mode=SendMode.LINK) == [
        ("orphan", first.process_id),
        ("bind", second.process_id),
    ]
    assert settled(first, send_mode=SendMode.LINK) == [("bind", first.process_id)]
