"""Tests what the ledger's writes leave to those who come after: the sweep, another worker, another version, a late message."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import START
from tests.fakes.aws_account import OUTPUT, TABLE, Cloud
from tests.integration.ledger_support import HOURS_24, LEASE, bound, claimed, make_ledger, plan, reserved, source
from tests.integration.time_support import Replaced

from darkroom.aws.job_transitions import EXECUTION_GRACE
from darkroom.aws.ledger import EXECUTION_STARTS, DynamoLedger
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.aws.operator_ledger import DynamoOperatorLedger
from darkroom.errors import JobExpired, LostClaim, OutputBusy
from darkroom.model import ANY_FORMAT, ImageFormat, Job, JobStatus, SourceObject, Submission

LATER = START + timedelta(hours=1)
DAYS_30 = timedelta(days=30)
DAYS_90 = timedelta(days=90)


@pytest.fixture
def ledger(account: Cloud) -> DynamoLedger:
    return make_ledger(account)


def with_client(ledger: DynamoLedger, **methods: Any) -> DynamoLedger:
    """Return the ledger, whose client has other methods."""
    return replace(ledger, table=LedgerTable(Replaced(ledger.table.client, **methods), TABLE))  # type: ignore[arg-type]


# --- the sweep


def test_the_sweep_does_not_look_at_a_submit_while_its_worker_lives(ledger: DynamoLedger) -> None:
    assert reserved(ledger).due_at == START + LEASE


def test_the_sweep_gives_an_execution_time_to_start(ledger: DynamoLedger) -> None:
    assert bound(ledger).due_at == START + EXECUTION_STARTS


def test_the_sweep_gives_an_execution_time_to_continue_its_job(ledger: DynamoLedger) -> None:
    assert ledger.postpone(bound(ledger), LATER).due_at == LATER + EXECUTION_GRACE


# --- another worker


def test_a_worker_that_is_overtaken_right_after_its_reservation_does_not_own_the_submit(ledger: DynamoLedger) -> None:
    job = claimed(ledger)
    ledger.claim_output(job, OUTPUT, "a.jpg")

    def slow(**asked: Any) -> Any:
        answer = ledger.table.client.transact_write_items(**asked)
        submitting = ledger.get(job.job_id)
        assert submitting is not None
        ledger.take_over(submitting, START + LEASE, START + 2 * LEASE)
        return answer

    with pytest.raises(LostClaim):
        with_client(ledger, transact_write_items=slow).reserve(job, plan(), OUTPUT, "a.jpg", "f" * 12, START)


def test_a_bind_to_another_workers_submit_is_lost(ledger: DynamoLedger) -> None:
    first = reserved(ledger)
    ledger.take_over(first, START + LEASE, LATER)
    with pytest.raises(LostClaim):
        ledger.bind(first, Submission("p-1", LATER), LATER)


def test_a_late_submit_is_not_lost_if_the_next_run_was_bound_to_its_process_by_a_person(ledger: DynamoLedger) -> None:
    operator = DynamoOperatorLedger(ledger.table)
    first = reserved(ledger)
    ended = ledger.settle(first, JobStatus.FAILED, Decimal(0), START)
    second = ledger.take_over(operator.rerun(ended, START, LATER), START, LATER)
    second = ledger.reserve(second, plan(), OUTPUT, "a.jpg", "f" * 12, START)
    adopted = operator.adopt(ledger.mark_in_doubt(second, "lost", START), "p-1", START, LATER)
    assert ledger.bind(first, Submission("p-1", LATER), START) == adopted  # else the process would be cancelled


def test_no_orphan_is_noted_for_a_job_that_does_not_exist_and_none_is_called_taken(ledger: DynamoLedger) -> None:
    known = reserved(ledger)
    unknown = replace(known, job_id="0" * 32)
    before = ledger.table.client.scan(TableName=TABLE)["Items"]
    for claimed_at in (None, START):
        with pytest.raises(ConditionFailed):
            ledger.record_orphan(unknown, "p-1", claimed_at)
    assert ledger.table.client.scan(TableName=TABLE)["Items"] == before


# --- the claims of processes


def process_rows(account: Cloud) -> list[Any]:
    return [row for row in account.rows() if row["sk"]["S"] == "PROCESS"]


def test_a_process_that_no_other_job_can_find_has_no_row(account: Cloud, ledger: DynamoLedger) -> None:
    bound(ledger)
    assert process_rows(account) == []


def test_a_claim_of_a_process_outlives_the_vendors_list(account: Cloud, ledger: DynamoLedger) -> None:
    ledger.bind(reserved(ledger), Submission("p-1", LATER), START, claims_process=True)
    (row,) = process_rows(account)
    assert row["expires_at"] == {"N": str(int((START + DAYS_30).timestamp()))}


# --- a late message


def claim(ledger: DynamoLedger, what: SourceObject, age: timedelta) -> Job:
    now = START + age
    return ledger.claim(what, now, now + LEASE, now + HOURS_24).job


def test_an_old_upload_is_claimed_unless_its_job_has_ended_and_expired(account: Cloud, ledger: DynamoLedger) -> None:
    ledger = replace(ledger, kept=DAYS_90)
    ended = ledger.settle(claim(ledger, source(), timedelta(0)), JobStatus.FAILED, Decimal(0), START)
    assert claim(ledger, source(), DAYS_90).status is JobStatus.FAILED  # its row has not expired yet
    account.dynamodb.delete_item(TableName=TABLE, Key={"pk": {"S": f"JOB#{ended.job_id}"}, "sk": {"S": "JOB"}})
    with pytest.raises(JobExpired):
        claim(ledger, source(), DAYS_90)
    assert claim(ledger, source("never-seen.jpg"), DAYS_90).status is JobStatus.CLAIMED


# --- another version


OPEN = replace(plan(), other_formats=(ImageFormat.PNG,))


def open_formats(ledger: DynamoLedger, second: int = 0) -> Job:
    """Return a job whose result may be a JPEG or a PNG. Its process is running at the provider."""
    job = claimed(ledger, source(version=f"v{second}", second=second))
    for key in ("a.jpg", "a.png"):
        ledger.claim_output(job, OUTPUT, key)
    reserved_job = ledger.reserve(job, OPEN, OUTPUT, "a.jpg", "f" * 12, START)
    return ledger.bind(reserved_job, Submission(f"p-{second}", START), START)


def test_a_job_notes_whether_its_result_may_have_another_format(ledger: DynamoLedger) -> None:
    assert reserved(ledger, source("b.jpg"), output_key="b.jpg").require_dispatch().output_format == "jpeg"
    assert open_formats(ledger).require_dispatch().output_format == ANY_FORMAT


def test_a_result_is_recorded_at_the_key_of_its_own_format(ledger: DynamoLedger) -> None:
    job = open_formats(ledger)
    assert ledger.lock_output(job, "a.png", Decimal(1), START, START + LEASE)
    ledger.settle(job, JobStatus.COMPLETED, Decimal(1), START, output_key="a.png")
    assert [ledger.has_result(OUTPUT, key) for key in ("a.jpg", "a.png")] == [False, True]


def test_a_version_that_runs_again_waits_for_a_newer_one_that_is_being_written(ledger: DynamoLedger) -> None:
    operator = DynamoOperatorLedger(ledger.table)
    old, new = open_formats(ledger, 1), open_formats(ledger, 2)
    assert ledger.lock_output(old, "a.jpg", Decimal(1), START, START + LEASE)
    ended = ledger.settle(old, JobStatus.COMPLETED, Decimal(1), START, output_key="a.jpg")
    again = ledger.take_over(operator.rerun(ended, START, LATER), START, LATER)
    again = ledger.reserve(again, OPEN, OUTPUT, "a.jpg", "f" * 12, START)
    again = ledger.bind(again, Submission("p-3", START), START)
    assert ledger.lock_output(new, "a.jpg", Decimal(1), START, START + LEASE)
    with pytest.raises(OutputBusy):  # a result of its own version is there, and that is no newer one
        ledger.lock_output(again, "a.jpg", Decimal(1), START, START + LEASE)
