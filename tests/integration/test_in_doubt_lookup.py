"""When a lost submit is looked for, when the vendor's list counts as a proof, and what is taken over from its entry."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fakes.application import DEADLINE, START, ApplicationUnderTest, picture

from darkroom import catalog
from darkroom.errors import ProviderUnavailable, SubmitInDoubt
from darkroom.model import Job, JobDue, JobStatus
from darkroom.pipeline.in_doubt_lookup import CLOCK_SKEW, LIST_MARGIN
from darkroom.pipeline.message_outcomes import RetryLater

LOST = SubmitInDoubt("the submit's answer was lost (ReadTimeout)")
GRACE = timedelta(seconds=catalog.load("topaz").visibility_grace_seconds)
REACH = timedelta(hours=catalog.load("topaz").list_reach_hours)


def lost(application: ApplicationUnderTest, *, accepted: bool = True) -> Job:
    """Return a job whose answer was lost at START, whether or not its submit was accepted."""
    lost: list[BaseException] = [LOST]
    application.provider.losses, application.provider.refusals = (lost, []) if accepted else ([], [LOST])
    application.submit(application.cloud.put("a.jpg", picture()))
    return application.job()


@pytest.mark.parametrize(
    ("waited", "pause"),
    [(5, timedelta(minutes=1)), (600, timedelta(minutes=5)), (7200, timedelta(minutes=15))],
    ids=["at once", "after ten minutes", "after two hours"],
)
def test_a_list_that_cannot_be_read_is_asked_ever_more_seldom(
    application: ApplicationUnderTest, waited: int, pause: timedelta
) -> None:
    """The pause is half of the time since the reservation, from one minute to a quarter of an hour."""
    job = lost(application)
    application.clock.advance(waited)
    application.provider.faults["find"] = [ProviderUnavailable("HTTP 503")]
    outcome = application.submit(JobDue(job.job_id))
    assert application.job().next_attempt_at == application.clock() + pause
    assert outcome == RetryLater(min(int(pause.total_seconds()) + 1, 900), "HTTP 503")


def test_a_list_that_cannot_be_read_at_the_deadline_goes_to_a_person(application: ApplicationUnderTest) -> None:
    job = lost(application)
    application.clock.now = START + DEADLINE
    application.provider.faults["find"] = [ProviderUnavailable("HTTP 503")]
    application.submit(JobDue(job.job_id))
    assert application.job().status is JobStatus.IN_DOUBT


def test_the_look_at_the_end_of_the_grace_proves_that_nothing_was_accepted(application: ApplicationUnderTest) -> None:
    """The last look is planned for this very time, and the job need not wait for one more."""
    job = lost(application, accepted=False)
    application.clock.now = START + GRACE + CLOCK_SKEW
    assert application.submit(JobDue(job.job_id)) == RetryLater(0, "a.jpg is sent again")
    assert (application.job().status, application.job().reservation) == (JobStatus.CLAIMED, None)


def test_an_adopted_process_is_polled_at_the_eta_that_the_list_shows(application: ApplicationUnderTest) -> None:
    application.provider.eta_after = timedelta(minutes=10)
    job = lost(application)
    application.clock.advance(5)
    application.submit(JobDue(job.job_id))
    (state,) = application.executions.running.values()
    assert (application.job().process.eta, state.poll_at) == (START + timedelta(minutes=10),) * 2


@pytest.mark.parametrize(
    ("age", "status", "said"),
    [
        (REACH - LIST_MARGIN, JobStatus.CLAIMED, "the provider never received the earlier submit"),
        (
            REACH,
            JobStatus.IN_DOUBT,
            "topaz lists the last 168 h, and the submit is older, or nearly so: a person must resolve it",
        ),
    ],
)
def test_a_list_that_no_longer_reaches_back_to_the_submit_proves_nothing(
    application: ApplicationUnderTest, age: timedelta, status: JobStatus, said: str
) -> None:
    """A local run that was killed may be repeated after more days than the vendor's list has."""
    job = lost(application, accepted=False)
    application.clock.now = START + age
    application.submit(JobDue(job.job_id))
    assert (application.job().status, application.job().error) == (status, said)
    application.assert_books_balance()
