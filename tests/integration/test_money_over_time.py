"""Money over months and doubts: the month of the reservation, refunds, overruns, changed prices, and unknown
outcomes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import MONTH, World, picture
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.time_support import MINUTE, job_of

from darkroom.errors import ErrorCode, ResultNotReady, SubmitInDoubt
from darkroom.model import Alarm, Job, JobStatus, Limits, ProcessState, Upload
from darkroom.pipeline.finalize import MAX_SILENCE

NEXT_MONTH = "2026-12"
LOST = SubmitInDoubt("the submit's answer was lost (ReadTimeout)")


@pytest.fixture
def upload(world: World) -> Upload:
    return world.cloud.put("a.jpg", picture())


def at_work(world: World, upload: Upload) -> Job:
    world.deliver(upload)
    return world.job()


def end(world: World, state: ProcessState = ProcessState.COMPLETED, credits: Decimal | None = None) -> Job:
    world.provider.become(state, world.job().process.process_id, credits)
    world.finalize(world.job())
    return world.job()


def price(usd: str, *, monthly_usd: str = "0") -> Limits:
    return Limits({}, Decimal(monthly_usd), {}, {"topaz": Decimal(usd)})


def test_a_job_settled_in_the_next_month_belongs_to_the_month_of_its_reservation(world: World, upload: Upload) -> None:
    world.clock.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    at_work(world, upload)
    world.clock.advance(5 * MINUTE)
    job = end(world)
    assert (job.status, job.reservation.budget_month) == (JobStatus.COMPLETED, MONTH)
    assert world.cloud.budget("topaz", MONTH)["spent"] == 1
    assert world.cloud.budget("topaz", NEXT_MONTH) == {}
    world.assert_books_balance()


def test_a_job_that_waits_over_the_turn_is_paid_from_the_month_in_which_it_is_sent(
    world: World, upload: Upload
) -> None:
    world.clock.now = datetime(2026, 11, 30, 23, 50, tzinfo=UTC)
    world.operate.pause("topaz", "a bill")
    world.submit(upload)
    world.operate.resume("topaz")
    world.clock.advance(timedelta(hours=1))
    world.sweep_and_deliver()
    assert (world.job().status, world.job().reservation.budget_month) == (JobStatus.PROCESSING, NEXT_MONTH)
    assert world.cloud.budget("topaz", MONTH) == {}
    world.assert_books_balance()


def test_a_doubt_resubmitted_after_the_turn_moves_to_the_new_month(world: World, upload: Upload) -> None:
    world.provider.lists, world.provider.refusals = False, [LOST]
    world.deliver(upload)
    world.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    world.operate.resubmit("a.jpg")
    world.submit(world.queue.sent[-1][0])
    assert world.cloud.budget("topaz", MONTH)["committed"] == 0
    assert world.cloud.budget("topaz", NEXT_MONTH)["reserved"] == 1
    world.assert_books_balance()


def test_what_the_provider_could_not_do_is_refunded_in_its_month(world: World, upload: Upload) -> None:
    at_work(world, upload)
    world.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    job = end(world, ProcessState.FAILED)
    booked = world.cloud.budget("topaz", MONTH)
    assert (job.status, job.error_code, job.credits) == (JobStatus.FAILED, ErrorCode.PROVIDER_FAILED, 0)
    assert (booked["committed"], booked["spent"], booked["jobs"]) == (0, 0, 1)
    world.assert_books_balance()


def test_a_refund_makes_room_for_another_job(account: Cloud) -> None:
    world = World(account, limits=Limits({"topaz": Decimal(1)}, Decimal(0), {}, {}))
    at_work(world, world.cloud.put("a.jpg", picture()))
    end(world, ProcessState.FAILED)
    other = world.cloud.put("b.jpg", picture())
    world.deliver(other)
    assert job_of(world, other).status is JobStatus.PROCESSING
    world.assert_books_balance()


def test_a_charge_over_the_reservation_is_booked_whole_and_calls_for_a_person(world: World, upload: Upload) -> None:
    at_work(world, upload)
    job = end(world, credits=Decimal(3))
    booked = world.cloud.budget("topaz", MONTH)
    assert (job.status, job.credits, world.bell.rung) == (JobStatus.COMPLETED, 3, [Alarm.OVERRUN])
    assert (booked["spent"], booked["overrun"], booked["reserved"]) == (3, 2, 0)
    assert world.cloud.budget("usd", MONTH)["overrun"] == 2 * (job.reservation.credit_price_usd)
    world.assert_books_balance()


def test_an_overrun_counts_against_the_limit(account: Cloud) -> None:
    world = World(account, limits=Limits({"topaz": Decimal(3)}, Decimal(0), {}, {}))
    at_work(world, world.cloud.put("a.jpg", picture()))
    end(world, credits=Decimal(3))
    other = world.cloud.put("b.jpg", picture())
    world.deliver(other)
    assert (job_of(world, other).error_code, world.provider.charged) == (ErrorCode.BUDGET_EXCEEDED, 1)


def test_a_charge_under_the_reservation_gives_the_rest_back(world: World) -> None:
    upload = world.cloud.put("a.jpg", picture(), tags="output_width=8000")
    reserved = at_work(world, upload).reservation.credits_reserved
    assert reserved == 2
    assert end(world, credits=Decimal(1)).credits == 1
    assert world.cloud.budget("topaz", MONTH)["committed"] == 1
    assert world.bell.rung == []
    world.assert_books_balance()


def test_a_price_that_changes_while_a_job_runs_does_not_change_the_jobs(account: Cloud) -> None:
    world = World(account, limits=price("0.10"))
    at_work(world, account.put("a.jpg", picture()))
    world.limits = price("0.50")
    world.ledger = world.ports["ledger"] = world.make_ledger(account.dynamodb)
    job = end(world)
    assert (job.reservation.credit_price_usd, job.cost_usd) == (Decimal("0.10"), Decimal("0.10"))
    assert account.budget("usd", MONTH)["committed"] == Decimal("0.10")
    second = world.complete(account.put("b.jpg", picture()))
    assert second.cost_usd == Decimal("0.50")
    world.assert_books_balance()


def test_a_job_that_is_sent_again_is_reserved_at_the_price_of_that_day(account: Cloud) -> None:
    world = World(account, limits=price("0.10"))
    world.provider.refusals = [LOST]
    upload = account.put("a.jpg", picture())
    world.submit(upload)
    world.limits = price("0.50")
    world.ledger = world.ports["ledger"] = world.make_ledger(account.dynamodb)
    world.deliver(upload)
    assert (world.job().status, account.budget("usd", MONTH)["reserved"]) == (JobStatus.PROCESSING, Decimal("0.50"))
    world.assert_books_balance()


def test_a_finished_process_the_provider_forgot_is_lost_and_settled_with_its_charge(
    world: World, upload: Upload
) -> None:
    job = at_work(world, upload)
    world.provider.become(ProcessState.COMPLETED, credits=Decimal(2))
    world.provider.faults["result"] = [ResultNotReady("HTTP 500")]
    with pytest.raises(ResultNotReady):
        world.finalize(job)
    world.provider.forget(job.process.process_id)
    world.clock.advance(job.deadline_at - world.clock() + MAX_SILENCE)
    world.finalize(job)
    ended = world.job()
    assert (ended.status, ended.error_code, ended.credits) == (JobStatus.FAILED, ErrorCode.RESULT_LOST, 2)
    assert world.cloud.budget("topaz", MONTH)["spent"] == 2
    assert (world.cloud.report("a.jpg") or {})["code"] == "ResultLost"
    world.assert_books_balance()


def test_an_older_versions_success_keeps_a_newer_versions_report(world: World) -> None:
    older = replace(world.cloud.put("a.jpg", picture()), sequencer="01")
    world.deliver(older)
    newer = replace(world.cloud.put("a.jpg", b"no picture"), sequencer="02")
    world.deliver(newer)
    world.provider.become(ProcessState.COMPLETED)
    world.finalize(job_of(world, older))
    assert job_of(world, older).status is JobStatus.COMPLETED
    assert world.cloud.keys(OUTPUT) == {"a.jpg", "_failed/a.jpg.json"}


def test_a_newer_versions_success_takes_an_older_versions_report_away(world: World) -> None:
    world.deliver(replace(world.cloud.put("a.jpg", b"no picture"), sequencer="01"))
    newer = replace(world.cloud.put("a.jpg", picture()), sequencer="02")
    world.complete(newer)
    assert world.cloud.keys(OUTPUT) == {"a.jpg"}


@pytest.mark.parametrize("accepted", [True, False])
def test_a_lost_submit_at_a_vendor_without_a_list_is_a_persons_and_stays_reserved(
    world: World, upload: Upload, accepted: bool
) -> None:
    world.provider.lists = False
    world.provider.losses, world.provider.refusals = ([LOST], []) if accepted else ([], [LOST])
    world.deliver(upload)
    assert (world.job().status, world.bell.rung) == (JobStatus.IN_DOUBT, [Alarm.IN_DOUBT])
    assert (world.cloud.budget("topaz", MONTH)["reserved"], len(world.provider.processes)) == (1, int(accepted))
    world.clock.advance(timedelta(days=2))
    world.sweep_and_deliver()
    world.deliver(upload)
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.IN_DOUBT, int(accepted))
    world.assert_books_balance()


def sent_with_a_newer_key(world: World, upload: Upload, *, accepted: bool) -> None:
    """Let another container, which had read the new key, send it; this one still holds the old key."""
    world.provider.key = "new-key"
    world.provider.losses, world.provider.refusals = ([LOST], []) if accepted else ([], [LOST])
    world.submit(upload)
    world.provider.key, world.provider.next_key = "old-key", "new-key"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_rotated_key_is_read_again_before_the_list_is_judged(world: World, upload: Upload, accepted: bool) -> None:
    sent_with_a_newer_key(world, upload, accepted=accepted)
    world.deliver(upload)
    assert (world.job().status, world.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert (world.provider.key, world.provider.charged, world.bell.rung) == ("new-key", 1, [])
    world.assert_books_balance()


def test_an_empty_list_under_another_key_proves_nothing(world: World, upload: Upload) -> None:
    world.provider.refusals = [LOST]
    world.submit(upload)
    world.provider.key = world.provider.next_key = "another-accounts-key"
    world.deliver(upload)
    assert (world.job().status, world.provider.processes, world.bell.rung) == (JobStatus.IN_DOUBT, {}, [Alarm.IN_DOUBT])
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_of_two_matches_the_first_is_adopted_and_the_other_cancelled_and_written_down(
    world: World, upload: Upload
) -> None:
    world.provider.losses = [LOST]
    world.submit(upload)
    first = world.provider.processes["process-1"]
    world.provider.processes["process-2"] = replace(first, process_id="process-2")
    world.deliver(upload)
    job = end(world)
    assert (job.status, job.process.process_id, job.orphans) == (JobStatus.COMPLETED, "process-1", ("process-2",))
    assert world.provider.processes["process-2"].progress.state is ProcessState.CANCELLED
    assert (world.provider.charged, world.bell.rung) == (1, [Alarm.ORPHAN])
    world.assert_books_balance()
