"""Tests how reconcile compares a provider's account with the ledger. Only credits that Darkroom
did not spend count as drift, and drift is shown until an operator accepts it.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import TABLE

from darkroom.aws.account_comparisons import DynamoProviderAccounts
from darkroom.aws.ledger_table import LedgerTable
from darkroom.errors import DarkroomError, ErrorCode, KeyMissing, OperatorFault, ProviderUnavailable, Throttled
from darkroom.model import Alarm, Balance, Job, JobStatus, ProcessState, WarningMetric

HALF_HOUR = timedelta(minutes=30)


def account_holds(application: ApplicationUnderTest, total: int) -> None:
    """Set the credits that the vendor's account shows."""
    application.provider.account = Balance(Decimal(total), Decimal(0), Decimal(total))


def held(application: ApplicationUnderTest) -> int:
    assert application.provider.account is not None
    return int(application.provider.account.total)


def look(application: ApplicationUnderTest) -> Decimal:
    """Let half an hour pass, compare the account with the ledger, and return the drift."""
    application.clock.advance(HALF_HOUR)
    found = application.reconcile.compare("topaz")
    assert found is not None
    return found.drift


def at_work(application: ApplicationUnderTest, number: int = 1) -> Job:
    """Return a job that is running at the provider. The provider has not charged for it yet."""
    application.deliver(application.cloud.put(f"{number}.jpg", picture()))
    return next(job for job in application.cloud.jobs() if job.source_key == f"{number}.jpg")


def finish(application: ApplicationUnderTest, job: Job) -> None:
    """Let the provider complete the job's process and charge one credit for it."""
    application.provider.become(ProcessState.COMPLETED, job.process.process_id)
    account_holds(application, held(application) - 1)


@pytest.fixture
def known(application: ApplicationUnderTest) -> ApplicationUnderTest:
    """Return an application whose provider has 100 credits, after a first comparison with the ledger."""
    account_holds(application, 100)
    assert application.reconcile.compare("topaz") is not None
    return application


def test_a_vendor_without_an_account_has_no_drift(application: ApplicationUnderTest) -> None:
    assert (application.reconcile(), application.reconcile.compare("topaz"), application.alerts.rung) == (0, None, [])
    assert application.alerts.noted == []


def test_the_first_comparison_sets_the_baseline_whatever_it_finds(application: ApplicationUnderTest) -> None:
    application.complete(application.cloud.put("a.jpg", picture()))
    account_holds(application, 37)
    assert (look(application), look(application), application.alerts.rung) == (0, 0, [])


def test_our_own_jobs_are_no_drift_before_and_after_they_are_charged_and_settled(known: ApplicationUnderTest) -> None:
    job = at_work(known)
    assert look(known) == 0
    finish(known, job)
    assert look(known) == 0  # the provider has charged, but the ledger has not booked it yet
    known.finalize(job)
    assert look(known) == 0
    assert known.job().status is JobStatus.COMPLETED


def test_the_sums_that_are_compared_are_those_of_the_months(known: ApplicationUnderTest) -> None:
    accounts = DynamoProviderAccounts(LedgerTable(known.cloud.dynamodb, TABLE, lambda seconds: None))
    reserved, spent = accounts.booked("topaz")
    job = at_work(known)
    assert accounts.booked("topaz") == (reserved + job.reservation.credits_reserved, spent)
    assert (reserved, accounts.booked("oxen")) == (0, (0, 0))


def test_a_job_that_was_not_charged_is_no_drift(known: ApplicationUnderTest) -> None:
    job = at_work(known)
    known.provider.become(ProcessState.FAILED)
    known.finalize(job)
    assert look(known) == 0


def test_a_charge_over_the_reservation_is_no_drift_once_it_is_booked(known: ApplicationUnderTest) -> None:
    job = at_work(known)
    known.provider.become(ProcessState.COMPLETED, job.process.process_id, Decimal(3))
    account_holds(known, 97)
    known.finalize(job)
    assert look(known) == 0


def test_what_somebody_else_spends_is_drift(known: ApplicationUnderTest) -> None:
    account_holds(known, 93)
    assert (look(known), known.reconcile(), known.alerts.rung) == (7, 1, [Alarm.DRIFT])


def test_drift_is_alarmed_at_every_comparison_until_it_is_explained(known: ApplicationUnderTest) -> None:
    account_holds(known, 93)
    for _ in range(3):
        known.clock.advance(HALF_HOUR)
        known.sweep()
    assert known.alerts.rung == [Alarm.DRIFT] * 3


def test_the_sweep_compares_the_account_every_half_hour(known: ApplicationUnderTest) -> None:
    account_holds(known, 93)
    for _ in range(30):
        known.clock.advance(60)
        known.sweep()
    assert known.alerts.rung == [Alarm.DRIFT]


def test_drift_beside_our_own_spending_is_told_apart(known: ApplicationUnderTest) -> None:
    job = at_work(known)
    finish(known, job)
    known.finalize(job)
    account_holds(known, held(known) - 5)
    assert look(known) == 5


def test_a_top_up_makes_no_drift(known: ApplicationUnderTest) -> None:
    account_holds(known, 600)
    assert (look(known), look(known)) == (0, 0)
    account_holds(known, 599)
    assert look(known) == 1


def test_a_top_up_does_not_hide_a_drift_that_was_found(known: ApplicationUnderTest) -> None:
    account_holds(known, 90)
    assert look(known) == 10
    account_holds(known, 590)
    assert (look(known), look(known)) == (10, 10)


def test_a_top_up_between_a_charge_and_its_booking_makes_no_drift(known: ApplicationUnderTest) -> None:
    job = at_work(known)
    finish(known, job)
    assert look(known) == 0  # the provider has charged, but the ledger has not booked it yet
    known.finalize(job)
    account_holds(known, held(known) + 50)
    assert (look(known), look(known)) == (0, 0)


def test_a_top_up_smaller_than_our_spending_hides_no_later_drift(known: ApplicationUnderTest) -> None:
    for number in range(1, 6):
        job = at_work(known, number)
        finish(known, job)
        known.finalize(job)
    account_holds(known, held(known) + 3)  # 98 credits, still fewer than the 100 of the last comparison
    assert look(known) == 0
    account_holds(known, held(known) - 3)
    assert look(known) == 3


def test_a_job_charged_before_the_first_look_and_booked_after_it_hides_no_later_drift(
    application: ApplicationUnderTest,
) -> None:
    job = at_work(application)
    account_holds(application, 100)
    finish(application, job)
    assert look(application) == 0
    application.finalize(job)
    assert look(application) == 0
    account_holds(application, held(application) - 1)
    assert look(application) == 1


def test_a_job_that_ends_and_settles_while_the_vendor_answers_makes_no_later_drift(
    known: ApplicationUnderTest,
) -> None:
    job, balance = at_work(known), known.provider.balance

    def slowly() -> Balance | None:
        answer = balance()
        finish(known, job)
        known.finalize(job)
        known.provider.balance = balance  # type: ignore[method-assign]
        return answer

    known.provider.balance = slowly  # type: ignore[method-assign]
    assert look(known) == 0
    assert known.job().status is JobStatus.COMPLETED
    assert look(known) == 0


def test_an_accepted_drift_is_over_and_the_next_is_found(known: ApplicationUnderTest) -> None:
    account_holds(known, 90)
    assert look(known) == 10
    known.reconcile.accept("topaz")
    known.reconcile.accept("topaz")
    assert (look(known), known.reconcile()) == (0, 0)
    account_holds(known, 88)
    assert look(known) == 2


TROUBLE = [Throttled("HTTP 429"), OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401"), ProviderUnavailable("HTTP 503")]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
def test_an_account_that_cannot_be_read_says_nothing_and_loses_nothing(
    known: ApplicationUnderTest, trouble: DarkroomError
) -> None:
    account_holds(known, 90)
    known.provider.faults["balance"] = [trouble] * 3
    assert (known.reconcile(), known.alerts.rung) == (0, [])
    known.reconcile.accept("topaz")
    assert known.sweep() == {}
    assert (
        known.alerts.noted == [WarningMetric.ACCOUNT_UNREAD] * 3
    )  # without this warning, nobody would know that the account cannot be read, and drift could stay unseen for weeks
    assert look(known) == 10


def test_a_provider_without_a_key_has_no_account_to_read_and_is_not_counted(known: ApplicationUnderTest) -> None:
    known.provider.faults["balance"] = [KeyMissing("the secret holds no key for topaz")]
    assert known.reconcile.compare("topaz") is None
    assert known.alerts.noted == []


def test_comparing_changes_no_job_and_no_budget(known: ApplicationUnderTest) -> None:
    at_work(known)
    account_holds(known, 1)
    before = [row for row in known.cloud.rows() if not row["pk"]["S"].startswith("ACCOUNT#")]
    look(known)
    known.reconcile.accept("topaz")
    assert [row for row in known.cloud.rows() if not row["pk"]["S"].startswith("ACCOUNT#")] == before


def test_the_smallest_drift_is_an_alarm(known: ApplicationUnderTest) -> None:
    known.provider.account = Balance(Decimal("99.9"), Decimal(0), Decimal("99.9"))
    assert (known.reconcile(), known.alerts.rung) == (1, [Alarm.DRIFT])


def test_what_was_spent_before_a_drift_was_accepted_hides_no_later_one(known: ApplicationUnderTest) -> None:
    for number in range(3):
        job = at_work(known, number)
        finish(known, job)
        known.finalize(job)
    known.reconcile.accept("topaz")
    account_holds(known, held(known) - 4)
    assert look(known) == 4
