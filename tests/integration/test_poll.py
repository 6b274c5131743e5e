"""When a job is polled again, and what a poll leaves to others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import START, ApplicationUnderTest, picture
from tests.integration.time_support import Replaced

from darkroom.errors import DarkroomError, ProcessUnknown, ProviderUnavailable
from darkroom.model import Job, JobStatus, ProcessState


@pytest.fixture
def job(application: ApplicationUnderTest) -> Job:
    application.deliver(application.cloud.put("a.jpg", picture()))
    return application.job()


def move_eta(application: ApplicationUnderTest, seconds: int) -> None:
    """Let the provider say that the process ends so many seconds from now."""
    known = application.provider.processes["process-1"]
    known.progress = replace(known.progress, eta=application.clock() + timedelta(seconds=seconds))


def test_a_later_eta_of_the_provider_counts(application: ApplicationUnderTest, job: Job) -> None:
    application.clock.advance(20)
    move_eta(application, 200)
    assert application.poll(job).poll_at == START + timedelta(seconds=220)


def test_an_eta_that_always_moves_on_shortens_only_the_first_three_waits(
    application: ApplicationUnderTest, job: Job
) -> None:
    application.clock.now = START + timedelta(seconds=1000)
    move_eta(application, 10)
    waits = [application.poll(job).poll_at - application.clock() for _ in range(5)]
    assert [wait.total_seconds() for wait in waits] == [10, 10, 10, 150, 150]


def test_a_job_that_ends_during_its_poll_is_not_polled_again(application: ApplicationUnderTest, job: Job) -> None:
    real = application.provider.progress

    def slow(process_id: str) -> Any:
        application.ports["provider"] = application.provider
        answer = real(process_id)
        application.operate.cancel("a.jpg")
        return answer

    application.ports["provider"] = Replaced(application.provider, progress=slow)
    assert application.poll(job).status == "ended"
    assert application.job().status is JobStatus.CANCELLED


@pytest.mark.parametrize("fault", [ProviderUnavailable("HTTP 503"), ProcessUnknown("HTTP 404")])
def test_a_cancellation_that_the_provider_does_not_confirm_is_tried_again_by_the_next_poll(
    application: ApplicationUnderTest, job: Job, fault: DarkroomError
) -> None:
    application.ports["operator_ledger"].request_cancel(job, application.clock())
    application.provider.faults["cancel"] = [fault]
    assert application.poll(job).status == "running"
    assert application.poll(job).status == "ended"
    assert application.provider.processes["process-1"].progress.state is ProcessState.CANCELLED
