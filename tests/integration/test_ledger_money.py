"""Tests that no reservation exceeds a limit, that each run is settled once, and that budgets equal the sum of their jobs."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import MONTH, START, ApplicationUnderTest
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.ledger_support import LEASE, bound, claimed, make_ledger, plan, reserved, source

from darkroom.aws import budgets, job_transitions, output_claims
from darkroom.errors import BudgetExceeded, LostClaim
from darkroom.model import JobStatus, Submission

pytestmark = pytest.mark.emulated("dynamodb")


def committed(account: Cloud, unit: str = "topaz", month: str = MONTH) -> Decimal:
    return account.budget(unit, month).get("committed", Decimal(0))


def test_the_first_reservation_of_a_month_makes_both_rows(account: Cloud) -> None:
    reserved(make_ledger(account, credits="10", usd="5"), credits="2")
    assert account.budget("topaz", MONTH) == {"limit": 10, "reserved": 2, "committed": 2, "spent": 0, "jobs": 1}
    assert account.budget("usd", MONTH) == {
        "limit": 5,
        "reserved": Decimal("0.24"),
        "committed": Decimal("0.24"),
        "spent": 0,
        "jobs": 1,
    }


@pytest.mark.parametrize(("credits", "usd"), [("6", "0"), ("0", "0.72")], ids=["credits", "dollars"])
def test_a_limit_is_filled_to_the_last_unit_and_not_beyond(account: Cloud, credits: str, usd: str) -> None:
    ledger = make_ledger(account, credits=credits, usd=usd)
    for number in range(3):  # 3 × 2 credits fill the limit exactly
        reserved(ledger, source(f"{number}.jpg"), credits="2", output_key=f"{number}.jpg")
    before = committed(account)
    with pytest.raises(BudgetExceeded):
        reserved(ledger, source("4.jpg"), credits="0.01", output_key="4.jpg")
    assert (before, committed(account)) == (6, 6)
    assert [job.status for job in account.jobs()].count(JobStatus.SUBMITTING) == 3


def test_a_refusal_says_what_was_left_and_what_was_asked(account: Cloud) -> None:
    ledger = make_ledger(account, credits="10")
    reserved(ledger, credits="7")
    with pytest.raises(BudgetExceeded, match=r"topaz limit of 2026-11 is 10: 3 left, this job costs 4"):
        reserved(ledger, source("b.jpg"), credits="4", output_key="b.jpg")


def test_a_dollar_refusal_names_the_dollars(account: Cloud) -> None:
    ledger = make_ledger(account, credits="100", usd="1")
    reserved(ledger, credits="5")
    with pytest.raises(BudgetExceeded, match=r"USD limit of 2026-11 is 1: 0\.40 left, this job costs 0\.60"):
        reserved(ledger, source("b.jpg"), credits="5", output_key="b.jpg")
    assert committed(account) == 5


@pytest.mark.parametrize(("credits", "usd"), [("5", "0"), ("0", "0.60")])
def test_a_price_above_the_whole_limit_is_refused_in_a_month_without_rows(
    account: Cloud, credits: str, usd: str
) -> None:
    with pytest.raises(BudgetExceeded, match="this job alone costs"):
        reserved(make_ledger(account, credits=credits, usd=usd), credits="6")
    assert committed(account) == 0


def test_without_limits_anything_is_granted_and_counted(account: Cloud) -> None:
    reserved(make_ledger(account), credits="100000")
    assert committed(account) == 100000


def test_a_limit_lowered_later_grants_nothing_more(account: Cloud) -> None:
    reserved(make_ledger(account, credits="10"), credits="8")
    with pytest.raises(BudgetExceeded, match="0 left"):
        reserved(make_ledger(account, credits="5"), source("b.jpg"), credits="1", output_key="b.jpg")


def test_a_burst_never_passes_the_limit(account: Cloud) -> None:
    ledger = make_ledger(account, credits="10", usd="1")
    granted = 0
    for number in range(15):
        try:
            reserved(ledger, source(f"{number}.jpg"), output_key=f"{number}.jpg")
            granted += 1
        except BudgetExceeded:
            pass
    assert (granted, committed(account), committed(account, "usd")) == (8, 8, Decimal("0.96"))


def test_releasing_gives_everything_back(account: Cloud) -> None:
    ledger = make_ledger(account, credits="5")
    job = ledger.release(reserved(ledger, credits="5"), START, error="throttled")
    assert (job.status, job.reservation) == (JobStatus.CLAIMED, None)
    assert account.budget("topaz", MONTH) == {"limit": 5, "reserved": 0, "committed": 0, "spent": 0, "jobs": 0}
    reserved(ledger, source("b.jpg"), credits="5", output_key="b.jpg")


@pytest.mark.parametrize(("charged", "overrun"), [("3", None), ("2", None), ("0", None), ("5", Decimal(2))])
def test_a_settlement_books_what_was_charged(account: Cloud, charged: str, overrun: Decimal | None) -> None:
    ledger = make_ledger(account, credits="10")
    job = ledger.settle(bound(ledger, credits="3"), JobStatus.FAILED, Decimal(charged), START)
    booked = account.budget("topaz", MONTH)
    assert (booked["reserved"], booked["spent"], booked["committed"]) == (0, Decimal(charged), Decimal(charged))
    assert booked.get("overrun") == overrun
    assert (job.credits, job.cost_usd) == (Decimal(charged), Decimal(charged) * Decimal("0.12"))


def test_an_overrun_that_passes_the_limit_is_booked_and_nothing_more_is_granted(account: Cloud) -> None:
    ledger = make_ledger(account, credits="4")
    ledger.settle(bound(ledger, credits="3"), JobStatus.FAILED, Decimal(6), START)
    assert committed(account) == 6
    with pytest.raises(BudgetExceeded, match="0 left"):
        reserved(ledger, source("b.jpg"), output_key="b.jpg")


def test_a_settlement_goes_to_the_month_and_price_of_its_reservation(account: Cloud) -> None:
    turn = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    ledger = make_ledger(account, credits="10", usd="10")
    job = reserved(ledger, credits="3", now=turn, price="0.50")
    job = ledger.bind(job, Submission("p-1", turn), turn)
    job = ledger.settle(job, JobStatus.FAILED, Decimal(2), turn + timedelta(hours=2))
    assert (job.reservation.budget_month, job.cost_usd) == ("2026-11", Decimal("1.00"))
    assert (committed(account), committed(account, "usd")) == (2, 1)
    assert account.budget("topaz", "2026-12") == {}


def test_settling_twice_books_once(account: Cloud) -> None:
    ledger = make_ledger(account)
    job = bound(ledger, credits="3")
    ended = ledger.settle(job, JobStatus.FAILED, Decimal(3), START)
    for again in (job, ended):
        with pytest.raises(LostClaim):
            ledger.settle(again, JobStatus.FAILED, Decimal(3), START)
    assert committed(account) == 3


def test_a_doubt_keeps_the_reservation_until_a_person_settles_it(account: Cloud) -> None:
    ledger = make_ledger(account, credits="5")
    job = ledger.mark_in_doubt(reserved(ledger, credits="3"), "nobody can tell", START)
    assert (job.status, account.budget("topaz", MONTH)["reserved"]) == (JobStatus.IN_DOUBT, 3)
    ledger.settle(job, JobStatus.FAILED, Decimal(0), START)
    assert committed(account) == 0


def test_a_job_refused_before_its_reservation_touches_no_budget(account: Cloud) -> None:
    ledger = make_ledger(account, credits="5")
    job = ledger.settle(claimed(ledger), JobStatus.REJECTED, Decimal(0), START, error_code="InvalidSetting")
    assert (job.credits, account.budget("topaz", MONTH)) == (None, {})


def test_a_refused_reservation_changes_no_row(account: Cloud) -> None:
    ledger = make_ledger(account, credits="10", usd="0.1")
    job = claimed(ledger)
    before = account.rows()
    with pytest.raises(BudgetExceeded):
        ledger.reserve(job, plan("1"), OUTPUT, "a.jpg", "0" * 12, START)
    assert account.rows() == before


def test_budgets_equal_the_sum_of_their_jobs_after_any_history(application: ApplicationUnderTest) -> None:
    play_any_history(application, seed=0)


@pytest.mark.emulated  # in memory a history takes a hundredth of the time
@pytest.mark.parametrize("seed", range(1, 9))
def test_the_table_in_memory_keeps_the_same_books(application: ApplicationUnderTest, seed: int) -> None:
    play_any_history(application, seed)


def play_any_history(application: ApplicationUnderTest, seed: int) -> None:
    """Reserve, release, settle and bind jobs at random. Then check that the budgets equal the sum of their jobs."""
    dice = random.Random(seed)
    ledger = make_ledger(application.cloud, credits="20", usd="3")
    for number in range(12):
        now = START + timedelta(days=dice.choice([0, 12]))
        try:
            job = reserved(
                ledger, source(f"{number}.jpg"), credits=str(dice.randint(1, 6)), now=now, output_key=f"{number}.jpg"
            )
        except BudgetExceeded:
            continue
        match dice.randrange(5):
            case 0:
                ledger.release(job, now)
            case 1:
                ledger.mark_in_doubt(job, "?", now)
            case 2:
                ledger.settle(job, JobStatus.REJECTED, Decimal(0), now)
            case 3:
                job = ledger.bind(job, Submission(f"p-{number}", now), now)
                ledger.settle(job, JobStatus.FAILED, Decimal(dice.randint(0, 8)), now + LEASE)
            case _:
                pass
    application.assert_books_balance()


def test_no_condition_holds_arithmetic() -> None:
    clauses = [
        text
        for module in (budgets, job_transitions, output_claims)
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str)
    ]
    assert sum("#" in text for text in clauses) >= 9
    assert not [text for text in clauses if set(text) & set("+-*/")]
