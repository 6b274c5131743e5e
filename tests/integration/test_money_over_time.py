"""Tests the budgets over several months: refunds, overruns, changed prices, and submits whose outcome nobody knows. Each
is booked in the month of its reservation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.time_support import MINUTE, job_of

from darkroom.errors import ErrorCode, ResultNotReady, SubmitInDoubt
from darkroom.model import Alarm, Job, JobStatus, Limits, ProcessState, Upload
from darkroom.pipeline.finalize import MAX_SILENCE

NEXT_MONTH = "2026-12"
LOST = SubmitInDoubt("the submit's answer was lost (ReadTimeout)")


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    return application.cloud.put("a.jpg", picture())


def at_work(application: ApplicationUnderTest, upload: Upload) -> Job:
    application.deliver(upload)
    return application.job()


def end(
    application: ApplicationUnderTest, state: ProcessState = ProcessState.COMPLETED, credits: Decimal | None = None
) -> Job:
    application.provider.become(state, application.job().process.process_id, credits)
    application.finalize(application.job())
    return application.job()


def price(usd: str, *, monthly_usd: str = "0") -> Limits:
    return Limits({}, Decimal(monthly_usd), {}, {"topaz": Decimal(usd)})


def test_a_job_settled_in_the_next_month_belongs_to_the_month_of_its_reservation(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.clock.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    at_work(application, upload)
    application.clock.advance(5 * MINUTE)
    job = end(application)
    assert (job.status, job.reservation.budget_month) == (JobStatus.COMPLETED, MONTH)
    assert application.cloud.budget("topaz", MONTH)["spent"] == 1
    assert application.cloud.budget("topaz", NEXT_MONTH) == {}
    application.assert_books_balance()


def test_a_job_that_waits_over_the_turn_is_paid_from_the_month_in_which_it_is_sent(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.clock.now = datetime(2026, 11, 30, 23, 50, tzinfo=UTC)
    application.operate.pause("topaz", "a bill")
    application.submit(upload)
    application.operate.resume("topaz")
    application.clock.advance(timedelta(hours=1))
    application.sweep_and_deliver()
    assert (application.job().status, application.job().reservation.budget_month) == (JobStatus.PROCESSING, NEXT_MONTH)
    assert application.cloud.budget("topaz", MONTH) == {}
    application.assert_books_balance()


def test_a_doubt_resubmitted_after_the_turn_moves_to_the_new_month(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.lists, application.provider.refusals = False, [LOST]
    application.deliver(upload)
    application.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    application.operate.resubmit("a.jpg")
    application.submit(application.queue.sent[-1][0])
    assert application.cloud.budget("topaz", MONTH)["committed"] == 0
    assert application.cloud.budget("topaz", NEXT_MONTH)["reserved"] == 1
    application.assert_books_balance()


def test_what_the_provider_could_not_do_is_refunded_in_its_month(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    at_work(application, upload)
    application.clock.now = datetime(2026, 12, 1, 0, 5, tzinfo=UTC)
    job = end(application, ProcessState.FAILED)
    booked = application.cloud.budget("topaz", MONTH)
    assert (job.status, job.error_code, job.credits) == (JobStatus.FAILED, ErrorCode.PROVIDER_FAILED, 0)
    assert (booked["committed"], booked["spent"], booked["jobs"]) == (0, 0, 1)
    application.assert_books_balance()


def test_a_refund_makes_room_for_another_job(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=Limits({"topaz": Decimal(1)}, Decimal(0), {}, {}))
    at_work(application, application.cloud.put("a.jpg", picture()))
    end(application, ProcessState.FAILED)
    other = application.cloud.put("b.jpg", picture())
    application.deliver(other)
    assert job_of(application, other).status is JobStatus.PROCESSING
    application.assert_books_balance()


def test_a_charge_over_the_reservation_is_booked_whole_and_calls_for_a_person(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    at_work(application, upload)
    job = end(application, credits=Decimal(3))
    booked = application.cloud.budget("topaz", MONTH)
    assert (job.status, job.credits, application.alerts.rung) == (JobStatus.COMPLETED, 3, [Alarm.OVERRUN])
    assert (booked["spent"], booked["overrun"], booked["reserved"]) == (3, 2, 0)
    assert application.cloud.budget("usd", MONTH)["overrun"] == 2 * (job.reservation.credit_price_usd)
    application.assert_books_balance()


def test_an_overrun_counts_against_the_limit(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=Limits({"topaz": Decimal(3)}, Decimal(0), {}, {}))
    at_work(application, application.cloud.put("a.jpg", picture()))
    end(application, credits=Decimal(3))
    other = application.cloud.put("b.jpg", picture())
    application.deliver(other)
    assert (job_of(application, other).error_code, application.provider.charged) == (ErrorCode.BUDGET_EXCEEDED, 1)


def test_a_charge_under_the_reservation_gives_the_rest_back(application: ApplicationUnderTest) -> None:
    upload = application.cloud.put("a.jpg", picture(), tags="output_width=8000")
    reserved = at_work(application, upload).reservation.credits_reserved
    assert reserved == 2
    assert end(application, credits=Decimal(1)).credits == 1
    assert application.cloud.budget("topaz", MONTH)["committed"] == 1
    assert application.alerts.rung == []
    application.assert_books_balance()


def test_a_price_that_changes_while_a_job_runs_does_not_change_the_jobs(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=price("0.10"))
    at_work(application, account.put("a.jpg", picture()))
    application.limits = price("0.50")
    application.ledger = application.ports["ledger"] = application.make_ledger(account.dynamodb)
    job = end(application)
    assert (job.reservation.credit_price_usd, job.cost_usd) == (Decimal("0.10"), Decimal("0.10"))
    assert account.budget("usd", MONTH)["committed"] == Decimal("0.10")
    second = application.complete(account.put("b.jpg", picture()))
    assert second.cost_usd == Decimal("0.50")
    application.assert_books_balance()


def test_a_job_that_is_sent_again_is_reserved_at_the_price_of_that_day(account: Cloud) -> None:
    application = ApplicationUnderTest(account, limits=price("0.10"))
    application.provider.refusals = [LOST]
    upload = account.put("a.jpg", picture())
    application.submit(upload)
    application.limits = price("0.50")
    application.ledger = application.ports["ledger"] = application.make_ledger(account.dynamodb)
    application.deliver(upload)
    assert (application.job().status, account.budget("usd", MONTH)["reserved"]) == (
        JobStatus.PROCESSING,
        Decimal("0.50"),
    )
    application.assert_books_balance()


def test_a_finished_process_the_provider_forgot_is_lost_and_settled_with_its_charge(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = at_work(application, upload)
    application.provider.become(ProcessState.COMPLETED, credits=Decimal(2))
    application.provider.faults["result"] = [ResultNotReady("HTTP 500")]
    with pytest.raises(ResultNotReady):
        application.finalize(job)
    application.provider.forget(job.process.process_id)
    application.clock.advance(job.deadline_at - application.clock() + MAX_SILENCE)
    application.finalize(job)
    ended = application.job()
    assert (ended.status, ended.error_code, ended.credits) == (JobStatus.FAILED, ErrorCode.RESULT_LOST, 2)
    assert application.cloud.budget("topaz", MONTH)["spent"] == 2
    assert (application.cloud.report("a.jpg") or {})["code"] == "ResultLost"
    application.assert_books_balance()


def test_an_older_versions_success_keeps_a_newer_versions_report(application: ApplicationUnderTest) -> None:
    older = replace(application.cloud.put("a.jpg", picture()), sequencer="01")
    application.deliver(older)
    newer = replace(application.cloud.put("a.jpg", b"no picture"), sequencer="02")
    application.deliver(newer)
    application.provider.become(ProcessState.COMPLETED)
    application.finalize(job_of(application, older))
    assert job_of(application, older).status is JobStatus.COMPLETED
    assert application.cloud.keys(OUTPUT) == {"a.jpg", "_failed/a.jpg.json"}


def test_a_newer_versions_success_takes_an_older_versions_report_away(application: ApplicationUnderTest) -> None:
    application.deliver(replace(application.cloud.put("a.jpg", b"no picture"), sequencer="01"))
    newer = replace(application.cloud.put("a.jpg", picture()), sequencer="02")
    application.complete(newer)
    assert application.cloud.keys(OUTPUT) == {"a.jpg"}


@pytest.mark.parametrize("accepted", [True, False])
def test_a_lost_submit_at_a_vendor_without_a_list_is_a_persons_and_stays_reserved(
    application: ApplicationUnderTest, upload: Upload, accepted: bool
) -> None:
    application.provider.lists = False
    application.provider.losses, application.provider.refusals = ([LOST], []) if accepted else ([], [LOST])
    application.deliver(upload)
    assert (application.job().status, application.alerts.rung) == (JobStatus.IN_DOUBT, [Alarm.IN_DOUBT])
    assert (application.cloud.budget("topaz", MONTH)["reserved"], len(application.provider.processes)) == (
        1,
        int(accepted),
    )
    application.clock.advance(timedelta(days=2))
    application.sweep_and_deliver()
    application.deliver(upload)
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.IN_DOUBT, int(accepted))
    application.assert_books_balance()


def sent_with_a_newer_key(application: ApplicationUnderTest, upload: Upload, *, accepted: bool) -> None:
    """Submit the upload with a new API key, as another container might do. Afterwards, this container still has the old key."""
    application.provider.key = "new-key"
    application.provider.losses, application.provider.refusals = ([LOST], []) if accepted else ([], [LOST])
    application.submit(upload)
    application.provider.key, application.provider.next_key = "old-key", "new-key"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_rotated_key_is_read_again_before_the_list_is_judged(
    application: ApplicationUnderTest, upload: Upload, accepted: bool
) -> None:
    sent_with_a_newer_key(application, upload, accepted=accepted)
    application.deliver(upload)
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert (application.provider.key, application.provider.charged, application.alerts.rung) == ("new-key", 1, [])
    application.assert_books_balance()


def test_an_empty_list_under_another_key_proves_nothing(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.refusals = [LOST]
    application.submit(upload)
    application.provider.key = application.provider.next_key = "another-accounts-key"
    application.deliver(upload)
    assert (application.job().status, application.provider.processes, application.alerts.rung) == (
        JobStatus.IN_DOUBT,
        {},
        [Alarm.IN_DOUBT],
    )
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_of_two_matches_the_first_is_adopted_and_the_other_cancelled_and_written_down(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses = [LOST]
    application.submit(upload)
    first = application.provider.processes["process-1"]
    application.provider.processes["process-2"] = replace(first, process_id="process-2")
    application.deliver(upload)
    job = end(application)
    assert (job.status, job.process.process_id, job.orphans) == (JobStatus.COMPLETED, "process-1", ("process-2",))
    assert application.provider.processes["process-2"].progress.state is ProcessState.CANCELLED
    assert (application.provider.charged, application.alerts.rung) == (1, [Alarm.ORPHAN])
    application.assert_books_balance()
