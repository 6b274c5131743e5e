"""Tests output keys. Each belongs to one source and has one writer at a time, and an older result never replaces a newer one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import START
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.ledger_support import LEASE, bound, claimed, make_ledger, source

from darkroom.aws.ledger import DynamoLedger
from darkroom.errors import LostClaim, OutputCollision, ResultNotReady
from darkroom.model import Job, JobStatus

pytestmark = pytest.mark.emulated("dynamodb")

UNTIL = START + LEASE


@pytest.fixture
def ledger(account: Cloud) -> DynamoLedger:
    return make_ledger(account)


def version(ledger: DynamoLedger, number: int) -> Job:
    """Return the job of version `number` of one key. Its process is running at the provider."""
    return bound(ledger, source(version=f"v{number}", second=number), process_id=f"p-{number}")


def placed(ledger: DynamoLedger, job: Job) -> Job:
    assert ledger.lock_output(job, "a.jpg", Decimal(1), START, UNTIL)
    return ledger.settle(job, JobStatus.COMPLETED, Decimal(1), START, output_key=job.dispatch.output_key)


def test_another_source_at_the_same_output_key_is_refused_by_name(ledger: DynamoLedger, account: Cloud) -> None:
    ledger.claim_output(claimed(ledger, source("a.png")), OUTPUT, "a.jpeg")
    other = claimed(ledger, source("a.tiff"))
    with pytest.raises(OutputCollision, match=r"'a\.jpeg' belongs to 'darkroom-in/a\.png'; 'darkroom-in/a\.tiff'"):
        ledger.claim_output(other, OUTPUT, "a.jpeg")


def test_other_versions_of_a_source_share_its_output_key(ledger: DynamoLedger) -> None:
    for number in (1, 2):
        ledger.claim_output(claimed(ledger, source(version=f"v{number}")), OUTPUT, "a.jpg")


def test_an_older_version_is_told_that_a_newer_one_stands_there(ledger: DynamoLedger) -> None:
    old, new = version(ledger, 1), version(ledger, 2)
    placed(ledger, new)
    assert ledger.lock_output(old, "a.jpg", Decimal(1), START, UNTIL) is False


def test_a_newer_version_replaces_an_older_one(ledger: DynamoLedger) -> None:
    old, new = version(ledger, 1), version(ledger, 2)
    placed(ledger, old)
    assert ledger.lock_output(new, "a.jpg", Decimal(1), START, UNTIL) is True


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_a_second_writer_waits_for_the_first(ledger: DynamoLedger, first: int, second: int) -> None:
    jobs = {number: version(ledger, number) for number in (1, 2)}
    assert ledger.lock_output(jobs[first], "a.jpg", Decimal(1), START, UNTIL)
    with pytest.raises(ResultNotReady):
        ledger.lock_output(jobs[second], "a.jpg", Decimal(1), START, UNTIL)


def test_a_dead_writer_is_waited_for_no_longer_than_its_time(ledger: DynamoLedger) -> None:
    old, new = version(ledger, 1), version(ledger, 2)
    assert ledger.lock_output(old, "a.jpg", Decimal(1), START, UNTIL)
    assert ledger.lock_output(new, "a.jpg", Decimal(1), UNTIL, UNTIL + LEASE) is True


def test_a_writer_that_lost_its_turn_cannot_complete(ledger: DynamoLedger, account: Cloud) -> None:
    old, new = version(ledger, 1), version(ledger, 2)
    assert ledger.lock_output(old, "a.jpg", Decimal(1), START, UNTIL)
    assert ledger.lock_output(new, "a.jpg", Decimal(1), UNTIL, UNTIL + LEASE)
    before = account.rows()
    with pytest.raises(LostClaim):
        ledger.settle(old, JobStatus.COMPLETED, Decimal(1), UNTIL, output_key=old.dispatch.output_key)
    assert account.rows() == before


def test_a_writer_may_begin_again(ledger: DynamoLedger) -> None:
    job = version(ledger, 1)
    assert ledger.lock_output(job, "a.jpg", Decimal(1), START, UNTIL)
    assert ledger.lock_output(
        ledger.take_over(job, START + timedelta(seconds=1), UNTIL), "a.jpg", Decimal(1), START, UNTIL
    )


def test_completing_frees_the_key_for_the_next_writer(ledger: DynamoLedger) -> None:
    old, new = version(ledger, 1), version(ledger, 2)
    placed(ledger, old)
    assert placed(ledger, new).status is JobStatus.COMPLETED


def test_a_superseded_result_leaves_the_newer_one_in_its_place(ledger: DynamoLedger) -> None:
    old, new, newest = (version(ledger, number) for number in (1, 2, 3))
    placed(ledger, new)
    done = ledger.settle(old, JobStatus.COMPLETED, Decimal(1), START, output_key="x.jpg", superseded=True)
    assert (done.superseded, done.dispatch.output_key) == (True, "x.jpg")
    assert ledger.lock_output(newest, "a.jpg", Decimal(1), START, UNTIL)
