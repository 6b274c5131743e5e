"""Tests until when a job waits behind a closed account or a pause, and that it says why."""

from __future__ import annotations

import pytest
from tests.fakes.application import START, ApplicationUnderTest
from tests.integration.time_support import QUARTER, Replaced, die, job_of, submit_and_die, uploads

from darkroom.errors import ErrorCode, OperatorFault
from darkroom.model import Job, JobStatus, Upload
from darkroom.pipeline.circuit_breaker import PROBE_WINDOW, holds_back

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")


@pytest.fixture
def waiting(application: ApplicationUnderTest) -> tuple[Upload, Upload]:
    """Return two uploads whose jobs wait, because the first one's submit was refused for its key."""
    first, second = uploads(application, 2)
    application.provider.refusals = [NO_KEY]
    for upload in (first, second):
        application.submit(upload)
    return first, second


def test_a_job_behind_a_closed_account_says_what_the_operator_must_mend(
    application: ApplicationUnderTest, waiting: tuple[Upload, Upload]
) -> None:
    job = job_of(application, waiting[1])
    assert (job.error, job.next_attempt_at) == (str(NO_KEY), START + QUARTER)


@pytest.mark.parametrize("at_once", [False, True], ids=["after the probe began", "at the same time"])
def test_a_job_beside_a_probe_says_the_same_and_waits_for_the_probes_end(
    application: ApplicationUnderTest, waiting: tuple[Upload, Upload], at_once: bool
) -> None:
    application.clock.advance(QUARTER)
    circuits = application.ports["circuits"]
    seen = circuits.get("topaz")
    submit_and_die(application, waiting[0], "provider", submit=die)
    if at_once:
        application.ports["circuits"] = Replaced(circuits, get=lambda provider: seen)
    application.submit(waiting[1])
    job = job_of(application, waiting[1])
    assert (job.error, job.next_attempt_at) == (str(NO_KEY), START + QUARTER + PROBE_WINDOW)


def test_a_job_behind_a_pause_is_tried_again_after_a_quarter_of_an_hour(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "checking a bill")
    application.submit(uploads(application, 1)[0])
    assert application.job().next_attempt_at == START + QUARTER


def test_a_key_that_cannot_be_read_is_tried_again_after_a_quarter_of_an_hour(application: ApplicationUnderTest) -> None:
    def no_key() -> str:
        raise NO_KEY

    application.ports["provider"] = Replaced(application.provider, key_fingerprint=no_key)
    application.submit(uploads(application, 1)[0])
    job = application.job()
    assert (job.status, job.error_code, job.next_attempt_at) == (JobStatus.CLAIMED, "AuthFailed", START + QUARTER)


def test_a_provider_holds_back_no_job_of_another(
    application: ApplicationUnderTest, waiting: tuple[Upload, Upload]
) -> None:
    jobs: list[Job] = application.cloud.jobs()
    assert [holds_back("topaz", job) for job in jobs] == [True, True]
    assert [holds_back("oxen", job) for job in jobs] == [False, False]
