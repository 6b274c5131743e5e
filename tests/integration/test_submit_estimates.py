"""Tests models whose price only the vendor knows. Its estimate is reserved. Without an estimate, nothing is reserved or
sent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud

from darkroom import catalog
from darkroom.errors import DarkroomError, ErrorCode, OperatorFault, ProviderUnavailable, Throttled
from darkroom.model import JobStatus, Limits, Upload
from darkroom.pipeline.message_outcomes import Done, RetryLater

TOPAZ = catalog.load("topaz")
NO_FUNDS = OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: top up")
BUSY = [Throttled("HTTP 429: busy"), ProviderUnavailable("HTTP 503: later")]


def without_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    models = {name: replace(model, mp_per_credit=None) for name, model in TOPAZ.models.items()}
    book = replace(TOPAZ, models=models)
    monkeypatch.setattr(catalog, "load", lambda provider: book)


@pytest.fixture
def unpriced(application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch) -> ApplicationUnderTest:
    without_a_price(monkeypatch)
    application.provider.estimated = Decimal("7.5")
    return application


@pytest.fixture
def upload(account: Cloud) -> Upload:
    return account.put("a.jpg", picture(), tags="scale=2")


def assert_nothing_reserved_or_sent(application: ApplicationUnderTest) -> None:
    assert (application.job().reservation, application.provider.processes) == (None, {})
    assert application.cloud.budget("topaz", MONTH).get("committed", 0) == 0
    application.assert_books_balance()


def test_what_the_vendor_says_it_will_cost_is_reserved(unpriced: ApplicationUnderTest, upload: Upload) -> None:
    assert isinstance(unpriced.submit(upload), Done)
    job = unpriced.job()
    assert (job.status, job.reservation.credits_reserved) == (JobStatus.PROCESSING, Decimal("7.5"))
    booked = unpriced.cloud.budget("topaz", MONTH)
    assert (booked["reserved"], booked["committed"]) == (Decimal("7.5"), Decimal("7.5"))
    assert unpriced.cloud.budget("usd", MONTH)["reserved"] == Decimal("0.9")
    unpriced.assert_books_balance()


def test_the_vendor_is_asked_once_with_the_images_own_size(unpriced: ApplicationUnderTest, upload: Upload) -> None:
    unpriced.submit(upload)
    assert unpriced.provider.estimates == [("Standard V2", 40, 30)]


def test_the_job_is_settled_with_what_the_vendor_charges(unpriced: ApplicationUnderTest, upload: Upload) -> None:
    job = unpriced.complete(upload, credits=Decimal(7))
    assert (job.status, job.credits) == (JobStatus.COMPLETED, 7)
    booked = unpriced.cloud.budget("topaz", MONTH)
    assert (booked["spent"], booked["committed"]) == (7, 7)
    unpriced.assert_books_balance()


def test_a_model_with_a_price_asks_for_no_estimate(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.estimated = Decimal("7.5")
    application.submit(upload)
    assert (application.provider.estimates, application.job().reservation.credits_reserved) == ([], 1)


@pytest.mark.parametrize("answer", BUSY)
def test_an_estimate_that_fails_waits_and_is_asked_again(
    unpriced: ApplicationUnderTest, upload: Upload, answer: DarkroomError
) -> None:
    unpriced.provider.faults["estimate"] = [answer]
    verdict = unpriced.submit(upload)
    job = unpriced.job()
    assert isinstance(verdict, RetryLater)
    assert (job.status, job.error, job.provider) == (JobStatus.CLAIMED, str(answer), "topaz")
    assert job.next_attempt_at == job.due_at == START + timedelta(seconds=verdict.seconds)
    assert_nothing_reserved_or_sent(unpriced)
    assert unpriced.submit(upload) == Done(job)
    unpriced.clock.advance(verdict.seconds)
    unpriced.submit(upload)
    assert (unpriced.job().status, unpriced.job().error) == (JobStatus.PROCESSING, None)
    assert len(unpriced.provider.processes) == 1
    unpriced.assert_books_balance()


def test_an_estimate_that_names_no_credits_is_none(unpriced: ApplicationUnderTest, upload: Upload) -> None:
    unpriced.provider.estimated = None
    verdict = unpriced.submit(upload)
    assert isinstance(verdict, RetryLater)
    assert "does not say what Standard V2 will cost: nothing is sent" in (unpriced.job().error or "")
    assert unpriced.job().status is JobStatus.CLAIMED
    assert_nothing_reserved_or_sent(unpriced)
    unpriced.provider.estimated = Decimal(2)
    unpriced.deliver(upload)
    assert unpriced.job().reservation.credits_reserved == 2


@pytest.mark.parametrize("answer", [*BUSY, None])
def test_without_an_estimate_until_the_deadline_the_job_fails_unpaid(
    unpriced: ApplicationUnderTest, upload: Upload, answer: DarkroomError | None
) -> None:
    unpriced.provider.estimated = None
    unpriced.provider.faults["estimate"] = [answer] * 9 if answer else []
    unpriced.submit(upload)
    unpriced.clock.advance(DEADLINE)
    unpriced.deliver(upload)
    assert (unpriced.job().status, unpriced.job().error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)
    assert unpriced.cloud.report("a.jpg") is not None
    assert_nothing_reserved_or_sent(unpriced)


def test_an_account_fault_in_an_estimate_opens_the_circuit(unpriced: ApplicationUnderTest, upload: Upload) -> None:
    unpriced.provider.faults["estimate"] = [NO_FUNDS]
    assert unpriced.submit(upload) == Done(unpriced.job())
    job = unpriced.job()
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, ErrorCode.OUT_OF_CREDITS)
    assert_nothing_reserved_or_sent(unpriced)
    unpriced.submit(unpriced.cloud.put("b.jpg", picture()))
    assert (len(unpriced.provider.estimates), unpriced.provider.processes) == (
        1,
        {},
    )  # the second job waits, so no estimate is asked for it
    unpriced.clock.advance(901)
    while any(job.status is JobStatus.CLAIMED for job in unpriced.cloud.jobs()):
        unpriced.sweep_and_deliver()
        unpriced.clock.advance(60)
        assert unpriced.clock() < START + timedelta(hours=1)
    assert {job.status for job in unpriced.cloud.jobs()} == {JobStatus.PROCESSING}
    assert len(unpriced.provider.processes) == 2
    unpriced.assert_books_balance()


LIMITS = {
    "tag": ("max_credits=7.4", Limits({}, Decimal(0), {}, {}), ErrorCode.PRICE_ABOVE_LIMIT),
    "job": ("", Limits({}, Decimal(0), {"topaz": Decimal("7.4")}, {}), ErrorCode.PRICE_ABOVE_LIMIT),
    "month": ("", Limits({"topaz": Decimal("7.4")}, Decimal(0), {}, {}), ErrorCode.BUDGET_EXCEEDED),
    "dollars": ("", Limits({}, Decimal("0.89"), {}, {}), ErrorCode.BUDGET_EXCEEDED),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_an_estimate_above_a_limit_is_refused_unpaid(
    account: Cloud, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    tags, limits, code = LIMITS[limit]
    without_a_price(monkeypatch)
    application = ApplicationUnderTest(account, limits=limits)
    application.provider.estimated = Decimal("7.5")
    application.deliver(account.put("a.jpg", picture(), tags=tags))
    report = account.report("a.jpg")
    assert (application.job().status, application.job().error_code) == (JobStatus.REJECTED, code)
    assert report is not None
    assert (report["code"], application.bus.kinds) == (code, ["Job Rejected"])
    assert_nothing_reserved_or_sent(application)
