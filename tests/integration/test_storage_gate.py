"""How long uploads wait for a check of the output bucket, and that one submit at a time has it made."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.application import START
from tests.fakes.aws_account import Cloud
from tests.integration.test_storage_check import Guarded

from darkroom.errors import StorageUnproven
from darkroom.model import JobStatus
from darkroom.pipeline.message_outcomes import Done, RetryLater
from darkroom.pipeline.storage_gate import CHECK_TAKES, TRUSTED_FOR, UNPROVEN_RETRY

MINUTE = timedelta(minutes=1)
UNDER_WAY = "the check of the output bucket is under way"


@pytest.fixture
def guarded(account: Cloud) -> Guarded:
    return Guarded(account)


def test_while_one_submit_has_the_bucket_checked_no_other_does(account: Cloud) -> None:
    class Slow(Guarded):
        def check_storage(self) -> None:
            if self.checks == 0:
                self.checks += 1
                self.submit(self.put("b.jpg"))
                self.checks -= 1
            super().check_storage()

    slow = Slow(account)
    slow.submit(slow.put("a.jpg"))
    assert slow.checks == 1
    assert {job.source_key: job.status for job in account.jobs()} == {
        "a.jpg": JobStatus.PROCESSING,
        "b.jpg": JobStatus.CLAIMED,
    }


def test_an_upload_waits_two_seconds_for_the_first_check(guarded: Guarded) -> None:
    guarded.ports["storage_checks"].take_turn(START, START + CHECK_TAKES)
    assert guarded.submit(guarded.put()) == RetryLater(3, UNDER_WAY)
    assert guarded.job().next_attempt_at == START + timedelta(seconds=2)


def test_where_the_bucket_refuses_the_message_is_done_and_the_sweep_sends_the_job(guarded: Guarded) -> None:
    guarded.s3.kind = "mistyped"
    assert guarded.submit(guarded.put()) == Done(guarded.job())


def test_what_nobody_can_check_is_looked_at_again_after_five_minutes(guarded: Guarded) -> None:
    guarded.broken = StorageUnproven("submit could not call finalize")
    guarded.submit(guarded.put("a.jpg"))
    assert guarded.job().next_attempt_at == START + UNPROVEN_RETRY
    guarded.clock.advance(UNPROVEN_RETRY - MINUTE)
    guarded.submit(guarded.put("b.jpg"))
    assert guarded.checks == 1
    guarded.clock.advance(MINUTE)
    guarded.submit(guarded.put("c.jpg"))
    assert guarded.checks == 2


def test_an_old_proof_does_not_count_while_another_submit_has_the_next_one_made(guarded: Guarded) -> None:
    guarded.submit(guarded.put("a.jpg"))
    guarded.clock.advance(TRUSTED_FOR)
    now = guarded.clock()
    guarded.ports["storage_checks"].take_turn(now, now + CHECK_TAKES)
    assert guarded.submit(guarded.put("b.jpg")) == RetryLater(3, UNDER_WAY)
    assert len(guarded.provider.processes) == 1
