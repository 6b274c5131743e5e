"""Tests claims. An upload has one owner, is taken over only after its lease, and a worker that lost its claim writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import START
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.ledger_support import HOURS_24, LEASE, bound, claimed, make_ledger, plan, reserved, source

from darkroom.aws.job_transitions import EXECUTION_GRACE
from darkroom.aws.ledger import DynamoLedger
from darkroom.errors import LostClaim, ProcessTaken
from darkroom.model import Job, JobStatus, Submission

pytestmark = pytest.mark.emulated("dynamodb")
# DynamoDB's emulator refuses each write once, from a worker given up for dead. The table in memory refuses it in all other
# histories, in a hundredth of the time. tests/faults/test_memory_dynamodb.py shows that both answer alike.
IN_MEMORY = pytest.mark.emulated

LATER = START + timedelta(hours=1)
SOON = timedelta(milliseconds=1)


@pytest.fixture
def ledger(account: Cloud) -> DynamoLedger:
    return make_ledger(account)


def test_a_new_upload_is_claimed_with_run_and_attempt_one(ledger: DynamoLedger, account: Cloud) -> None:
    job = claimed(ledger)
    assert (job.run, job.attempt, job.status) == (1, 1, JobStatus.CLAIMED)
    assert ledger.get(job.job_id) == job
    assert account.jobs() == [job]


def test_a_duplicate_does_not_own_the_job_and_sees_it_as_it_is(ledger: DynamoLedger) -> None:
    job = claimed(ledger)
    second = ledger.claim(source(), START, START + LEASE, START + HOURS_24)
    assert (second.owned, second.job) == (False, job)


@pytest.mark.parametrize("early", [LEASE - SOON, timedelta(0)])
def test_a_claim_is_not_taken_over_before_its_lease_ends(ledger: DynamoLedger, early: timedelta) -> None:
    claimed(ledger)
    assert not ledger.claim(source(), START + early, START + 2 * LEASE, LATER).owned


def test_a_claim_is_taken_over_when_its_lease_ends_and_keeps_run_and_deadline(ledger: DynamoLedger) -> None:
    job = claimed(ledger)
    taken = ledger.claim(source(), START + LEASE, START + 2 * LEASE, LATER + HOURS_24)
    assert taken.owned
    assert (taken.job.run, taken.job.attempt, taken.job.deadline_at) == (1, 2, job.deadline_at)
    assert taken.job.lease_until == START + 2 * LEASE


def test_only_one_of_two_takeovers_wins(ledger: DynamoLedger) -> None:
    claimed(ledger)
    now = START + LEASE
    wins = [ledger.claim(source(), now, now + LEASE, LATER).owned for _ in range(2)]
    assert wins == [True, False]


def test_a_released_job_is_claimed_when_it_is_due_and_not_before(ledger: DynamoLedger) -> None:
    ledger.release(reserved(ledger), START + timedelta(seconds=30), error_code="AuthFailed", error="no key")
    assert not ledger.claim(source(), START + timedelta(seconds=29), LATER, LATER).owned
    again = ledger.claim(source(), START + timedelta(seconds=30), LATER, LATER)
    assert (again.owned, again.job.attempt, again.job.error_code) == (True, 2, "AuthFailed")


@pytest.mark.parametrize("make", [reserved, bound], ids=["SUBMITTING", "PROCESSING"])
def test_a_job_past_claimed_is_never_claimed_again(ledger: DynamoLedger, make: Callable[..., Job]) -> None:
    make(ledger)
    assert not ledger.claim(source(), START + HOURS_24, START + 2 * HOURS_24, LATER).owned


def test_a_submitting_job_is_retaken_only_after_its_lease(ledger: DynamoLedger) -> None:
    job = reserved(ledger)
    with pytest.raises(LostClaim):
        ledger.take_over(job, START + LEASE - SOON, LATER)
    assert ledger.take_over(job, START + LEASE, LATER).attempt == 2


def test_a_postponed_job_is_retaken_only_when_it_is_due(ledger: DynamoLedger) -> None:
    job = ledger.postpone(reserved(ledger), START + timedelta(seconds=60), error="the answer was lost")
    with pytest.raises(LostClaim):
        ledger.take_over(job, START + timedelta(seconds=59), LATER)
    assert ledger.take_over(job, START + timedelta(seconds=60), LATER).attempt == 2


def test_a_missing_job_is_none(ledger: DynamoLedger) -> None:
    assert ledger.get("f" * 32) is None


# Every write that a worker may still try after it lost its claim. Each entry has a function that makes a job in a state in
# which the write is allowed, and a function that makes the write.
WRITES: dict[str, tuple[Callable[..., Job], Callable[[DynamoLedger, Job], object]]] = {
    "claim_output": (claimed, lambda ledger, job: ledger.claim_output(job, OUTPUT, "stale.jpg")),
    "reserve": (claimed, lambda ledger, job: ledger.reserve(job, plan(), OUTPUT, "a.jpg", "0" * 12, LATER)),
    "release": (reserved, lambda ledger, job: ledger.release(job, LATER, error="stale")),
    "postpone": (reserved, lambda ledger, job: ledger.postpone(job, LATER, error="stale")),
    "bind": (reserved, lambda ledger, job: ledger.bind(job, Submission("p-stale", LATER), LATER)),
    "doubt": (reserved, lambda ledger, job: ledger.mark_in_doubt(job, "stale", LATER)),
    "retake submitting": (reserved, lambda ledger, job: ledger.take_over(job, LATER + HOURS_24, LATER)),
    "take_over": (bound, lambda ledger, job: ledger.take_over(job, LATER + HOURS_24, LATER)),
    "record_poll": (bound, lambda ledger, job: ledger.record_poll(job, LATER, LATER)),
    "lock_output": (bound, lambda ledger, job: ledger.lock_output(job, "a.jpg", Decimal(1), LATER, LATER + LEASE)),
    "doubt processing": (bound, lambda ledger, job: ledger.mark_in_doubt(job, "stale", LATER)),
    "settle": (bound, lambda ledger, job: ledger.settle(job, JobStatus.FAILED, Decimal(1), LATER)),
    "complete": (bound, lambda ledger, job: ledger.settle(job, JobStatus.COMPLETED, Decimal(1), LATER)),
    "reject": (claimed, lambda ledger, job: ledger.settle(job, JobStatus.REJECTED, Decimal(0), LATER)),
}


def _taken_over(ledger: DynamoLedger, job: Job) -> Job:
    if job.status is JobStatus.CLAIMED:
        return ledger.claim(source(), LATER, LATER + LEASE, LATER).job
    return ledger.take_over(job, LATER, LATER + LEASE)


@pytest.mark.parametrize("name", WRITES)
def test_a_worker_given_up_for_dead_changes_nothing(ledger: DynamoLedger, account: Cloud, name: str) -> None:
    make, write = WRITES[name]
    stale = make(ledger)
    _taken_over(ledger, stale)
    before = account.rows()
    with pytest.raises(LostClaim):
        write(ledger, stale)
    assert account.rows() == before


@IN_MEMORY
@pytest.mark.parametrize("name", WRITES)
def test_a_worker_of_another_run_changes_nothing(ledger: DynamoLedger, account: Cloud, name: str) -> None:
    make, write = WRITES[name]
    other_run = replace(make(ledger), run=2)
    before = account.rows()
    with pytest.raises(LostClaim):
        write(ledger, other_run)
    assert account.rows() == before


@IN_MEMORY
@pytest.mark.parametrize("name", WRITES)
def test_nothing_changes_a_job_that_has_ended(ledger: DynamoLedger, account: Cloud, name: str) -> None:
    make, write = WRITES[name]
    open_job = make(ledger)
    ended = ledger.settle(open_job, JobStatus.FAILED, Decimal(0), START, error_code="ProviderFailed", error="x")
    before = account.rows()
    for job in (open_job, ended):
        with pytest.raises(LostClaim):
            write(ledger, job)
    assert account.rows() == before


def test_binding_again_after_a_lost_answer_counts_as_done(ledger: DynamoLedger) -> None:
    job = reserved(ledger)
    submission = Submission("p-1", LATER)
    assert ledger.bind(job, submission, START) == ledger.bind(job, submission, START)


def test_binding_another_process_to_a_bound_job_is_refused(ledger: DynamoLedger) -> None:
    job = reserved(ledger)
    ledger.bind(job, Submission("p-1", LATER), START)
    with pytest.raises(LostClaim):
        ledger.bind(job, Submission("p-2", LATER), START)
    stored = ledger.get(job.job_id)
    assert stored is not None
    assert stored.process.process_id == "p-1"


def test_orphans_are_written_down_once_whatever_the_state(ledger: DynamoLedger) -> None:
    job = bound(ledger)
    for process_id in ("p-3", "p-2", "p-3"):
        ledger.record_orphan(job, process_id)
    stored = ledger.get(job.job_id)
    assert stored is not None
    assert stored.orphans == ("p-2", "p-3")


def test_open_jobs_leave_the_sparse_index_when_they_end(ledger: DynamoLedger, account: Cloud) -> None:
    def listed(status: str) -> int:
        return int(
            account.dynamodb.query(
                TableName="ledger",
                IndexName="OpenJobs",
                KeyConditionExpression="open_status = :s",
                ExpressionAttributeValues={":s": {"S": status}},
            )["Count"]
        )

    job = bound(ledger)
    assert (listed("CLAIMED"), listed("SUBMITTING"), listed("PROCESSING")) == (0, 0, 1)
    ledger.settle(job, JobStatus.FAILED, Decimal(0), START)
    assert listed("PROCESSING") == listed("FAILED") == 0


def test_polls_are_counted_and_the_eta_followed(ledger: DynamoLedger) -> None:
    job = ledger.record_poll(bound(ledger), LATER, LATER)
    job = ledger.record_poll(job, None, LATER)
    assert (job.polls, job.process.eta) == (2, LATER)


def test_a_polled_job_is_looked_after_a_while_past_its_next_poll(ledger: DynamoLedger) -> None:
    polled = bound(ledger)
    for next_poll in (LATER, LATER + HOURS_24):
        polled = ledger.record_poll(polled, None, next_poll)
        assert polled.due_at == next_poll + EXECUTION_GRACE


def test_only_skipped_jobs_expire(ledger: DynamoLedger, account: Cloud) -> None:
    ledger.settle(claimed(ledger), JobStatus.SKIPPED, Decimal(0), START)
    ledger.settle(claimed(ledger, source("b.jpg")), JobStatus.REJECTED, Decimal(0), START)
    expiring = [row["status"]["S"] for row in account.rows() if "expires_at" in row]
    assert expiring == ["SKIPPED"]


def test_a_claimed_process_is_bound_to_one_run(ledger: DynamoLedger) -> None:
    first, second = reserved(ledger), reserved(ledger, source("b.jpg"), output_key="b.jpg")
    submission = Submission("p-1", LATER)
    bound_first = ledger.bind(first, submission, START, claims_process=True)
    assert bound_first.status is JobStatus.PROCESSING
    assert ledger.bind(first, submission, START, claims_process=True) == bound_first
    assert (ledger.is_taken(first, "p-1"), ledger.is_taken(second, "p-1"), ledger.is_taken(second, "p-2")) == (
        False,
        True,
        False,
    )
    with pytest.raises(ProcessTaken):
        ledger.bind(second, submission, START, claims_process=True)
    assert ledger.get(second.job_id) == second
    assert ledger.bind(second, Submission("p-2", LATER), START, claims_process=True).status is JobStatus.PROCESSING


def test_a_claimed_process_is_nobody_elses_orphan(ledger: DynamoLedger) -> None:
    first, second = reserved(ledger), reserved(ledger, source("b.jpg"), output_key="b.jpg")
    ledger.record_orphan(first, "p-1", START)
    ledger.record_orphan(first, "p-1", START)
    with pytest.raises(ProcessTaken):
        ledger.record_orphan(second, "p-1", START)
    with pytest.raises(ProcessTaken):
        ledger.bind(second, Submission("p-1", LATER), START, claims_process=True)
    stored = ledger.get(second.job_id)
    assert stored is not None
    assert (stored.status, stored.orphans) == (JobStatus.SUBMITTING, ())


def test_a_claim_is_of_its_run_and_its_provider(ledger: DynamoLedger) -> None:
    job = reserved(ledger)
    ledger.bind(job, Submission("p-1", LATER), START, claims_process=True)
    assert ledger.is_taken(replace(job, run=2), "p-1")
    assert not ledger.is_taken(replace(job, run=2, provider="oxen"), "p-1")
