"""The id of a paid process is bound to its job, or is recorded as an orphan's, whatever the ledger and the vendor answer."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
from tests.integration.test_between_attempts import Stubborn
from tests.integration.test_lost_by_image import KeptImages, lose, resolve, statuses
from tests.integration.time_support import Replaced

from darkroom.errors import LedgerBusy, LostClaim, ProviderUnavailable
from darkroom.model import Alarm, JobStatus, ProcessState
from darkroom.pipeline.message_outcomes import Ignored, RetryLater
from darkroom.pipeline.process_binding import BIND_ATTEMPTS, LOOK_AGAIN

ANOTHERS = LostClaim("another attempt")


@pytest.fixture
def by_link(application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch) -> ApplicationUnderTest:
    """Return an application whose vendor takes links, and whose list names nothing but which keeps the images."""
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\ncredits = 1'))
    application.provider.lists, application.provider.inputs = False, KeptImages(application)
    return application


def claimed_processes(application: ApplicationUnderTest) -> int:
    return sum(row["pk"]["S"].startswith("PROCESS#") for row in application.cloud.rows())


def let_bind_lose(application: ApplicationUnderTest) -> None:
    """Let the next bind find that another attempt owns the job."""
    application.ports["ledger"] = Stubborn(application.ledger, "bind", [ANOTHERS])


def test_binding_is_repeated_for_longer_than_a_write_takes(application: ApplicationUnderTest) -> None:
    busy: list[Exception] = [LedgerBusy("contended")] * (BIND_ATTEMPTS - 1)
    application.ports["ledger"] = Stubborn(application.ledger, "bind", busy)

    application.submit(application.cloud.put("a.jpg", picture()))

    assert application.job().status is JobStatus.PROCESSING
    assert not busy


def test_an_id_that_cannot_be_recorded_is_alarmed(
    application: ApplicationUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    application.ports["ledger"] = Stubborn(application.ledger, "bind", [LedgerBusy("contended")] * BIND_ATTEMPTS)
    upload = application.cloud.put("a.jpg", picture())

    with caplog.at_level(logging.ERROR):
        verdict = application.submit(upload)

    assert isinstance(verdict, RetryLater)
    (told,) = [record for record in caplog.records if "could not be stored" in record.message]
    assert told.__dict__["process_id"] in application.provider.processes
    application.deliver(upload)
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_a_bind_that_lost_is_not_repeated(application: ApplicationUnderTest) -> None:
    lost: list[Exception] = [LostClaim("another attempt")]
    application.ports["ledger"] = Stubborn(application.ledger, "bind", lost)

    verdict = application.submit(application.cloud.put("a.jpg", picture()))

    assert isinstance(verdict, Ignored)
    assert application.job().orphans


def test_an_orphan_that_cannot_be_cancelled_is_still_recorded_and_alarmed(application: ApplicationUnderTest) -> None:
    let_bind_lose(application)
    application.provider.faults["cancel"] = [ProviderUnavailable("HTTP 503")]
    assert isinstance(application.submit(application.cloud.put("a.jpg", picture())), Ignored)
    assert (application.job().orphans, application.alerts.rung) == (("process-1",), [Alarm.ORPHAN])


# --- processes that other jobs could take for their own, by their image's bytes


@pytest.mark.parametrize(("keeps", "link", "claimed"), [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_a_process_is_claimed_only_where_its_image_alone_could_name_it(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch, keeps: bool, link: bool, claimed: int
) -> None:
    """A claim is one more row in each transaction."""
    small_catalogs.use(monkeypatch, small_catalogs.book(f"inputs = [{'link' if link else 'upload'!r}]\ncredits = 1"))
    application.provider.inputs = KeptImages(application) if keeps else None
    application.deliver(application.cloud.put("a.jpg", picture()))
    assert (application.job().status, claimed_processes(application)) == (JobStatus.PROCESSING, claimed)


def take_by_image(application: ApplicationUnderTest) -> Any:
    """Let job a.jpg, whose submit was not accepted, take the process of job b.jpg before its answer arrives. Return the outcome
    of b's submit."""
    upload, submit = application.cloud.put("b.jpg", picture()), application.provider.submit

    def slow(*told: Any) -> Any:
        submission = submit(*told)
        application.clock.advance(85)
        application.sweep_and_deliver()
        return submission

    lose(application, "a.jpg", accepted=False)
    application.provider.refusals = []
    application.provider.submit = slow  # type: ignore[method-assign]
    outcome = application.submit(upload)
    application.provider.submit = submit  # type: ignore[method-assign]
    assert statuses(application)["a.jpg"] is JobStatus.PROCESSING
    return outcome


def test_a_job_whose_process_another_took_looks_again_when_the_list_may_show_more(
    by_link: ApplicationUnderTest,
) -> None:
    outcome = take_by_image(by_link)
    (job,) = (job for job in by_link.cloud.jobs() if job.source_key == "b.jpg")
    assert job.next_attempt_at == by_link.clock() + LOOK_AGAIN
    assert outcome == RetryLater(LOOK_AGAIN // timedelta(seconds=1) + 1, "another job has process process-1")


def test_an_orphan_for_which_another_job_waits_is_not_cancelled(by_link: ApplicationUnderTest) -> None:
    real = by_link.ledger

    def bind(job: Any, *given: Any, **named: Any) -> Any:
        if job.source_key == "b.jpg":
            raise ANOTHERS
        return real.bind(job, *given, **named)

    by_link.ports["ledger"] = Replaced(real, bind=bind)
    assert isinstance(take_by_image(by_link), Ignored)
    (process,) = by_link.provider.processes.values()
    assert process.progress.state is ProcessState.RUNNING


def test_no_other_job_takes_an_orphan_for_its_own(by_link: ApplicationUnderTest) -> None:
    by_link.provider.cancels = False
    let_bind_lose(by_link)
    assert isinstance(by_link.submit(by_link.cloud.put("b.jpg", picture())), Ignored)
    by_link.ports["ledger"] = by_link.ledger
    lose(by_link, "a.jpg", accepted=False)
    resolve(by_link)
    assert statuses(by_link)["a.jpg"] is JobStatus.IN_DOUBT
