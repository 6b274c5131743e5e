"""Tests how a result gets to its place: one version is written at a time, and each result says of itself what is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes import small_catalogs
from tests.fakes import tagged_pictures as pictures
from tests.fakes.application import DEADLINE, RETENTION, ApplicationUnderTest, picture
from tests.integration.time_support import LEASE, Replaced, WorkerDied, die

from darkroom.errors import ResultNotReady, SourceDenied
from darkroom.model import Job, JobStatus, PollState, ProcessState

OPEN = 'output_formats = ["jpeg", "png"]\nformat_is_open = true\ncredits = 1'
TAGGED = pictures.tagged_jpeg(6, profile=pictures.wide_gamut())


def completed(application: ApplicationUnderTest, body: bytes | None = None, number: int = 1) -> Job:
    """Upload a version of a.jpg, and return its job, whose result is ready at the provider."""
    upload = application.cloud.put("a.jpg", body or picture())
    application.deliver(replace(upload, sequencer=f"{number:02}"))
    application.provider.become(ProcessState.COMPLETED)
    return next(job for job in application.cloud.jobs() if job.source_version == upload.version_id)


def during_the_write(application: ApplicationUnderTest, act: Callable[[], PollState]) -> list[PollState]:
    """Let `act` be called when the next result is about to be written. Return a list that gets its answer."""
    outputs, answers = application.ports["outputs"], list[PollState]()

    def write(*args: Any) -> None:
        application.ports["outputs"] = outputs
        answers.append(act())
        outputs.write(*args)

    application.ports["outputs"] = Replaced(outputs, write=write)
    return answers


# --- one writer at a time


@pytest.mark.parametrize("is_open", [False, True], ids=["one format", "any format"])
def test_while_a_version_is_written_no_other_is(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    if is_open:
        small_catalogs.use(monkeypatch, small_catalogs.book(OPEN))
        application.provider.draw = lambda plan: picture(form="png")
    old, new = completed(application, number=1), completed(application, number=2)
    answers = during_the_write(application, lambda: application.finalize(new))
    application.finalize(old)
    assert [answer.status for answer in answers] == ["running"]
    key = "a.png" if is_open else "a.jpg"
    assert application.cloud.head(key)["Metadata"]["darkroom-job"] == old.job_id
    application.clock.advance(60)
    assert application.finalize(new).status == "COMPLETED"
    assert application.cloud.head(key)["Metadata"]["darkroom-job"] == new.job_id


def test_a_paid_result_that_waits_for_another_version_is_not_given_up_however_late_it_is(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(OPEN))
    application.provider.draw = lambda plan: picture(form="png")
    old, new = completed(application, number=1), completed(application, number=2)
    application.clock.advance(DEADLINE + RETENTION)
    answers = during_the_write(application, lambda: application.finalize(new))
    application.finalize(old)
    assert [answer.status for answer in answers] == ["running"]
    application.clock.advance(60)
    assert application.finalize(new).status == "COMPLETED"


# --- where a result comes from


def test_a_staged_result_that_is_gone_is_fetched_from_a_provider_that_keeps_it_too(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))
    application.provider.ends_as, application.provider.charges = ProcessState.COMPLETED, Decimal("1.5")
    application.submit(application.cloud.put("a.jpg", picture()))
    job = application.job()
    assert job.require_process().staged
    application.ports["staging"].drop(job.job_id, job.require_process().process_id)
    application.finalize(job)
    assert (application.job().status, application.job().credits) == (JobStatus.COMPLETED, Decimal("1.5"))


def test_a_result_of_another_size_is_refused_with_both_sizes(application: ApplicationUnderTest) -> None:
    job = completed(application)
    application.provider.processes["process-1"].result = picture(41, 31)
    with pytest.raises(ResultNotReady, match="the result is 41×31, the provider reported 40×30"):
        application.finalize(job)


# --- what a result says of itself


def test_a_result_that_an_earlier_attempt_put_in_place_keeps_its_notes(application: ApplicationUnderTest) -> None:
    job = completed(application, TAGGED)
    application.ports["ledger"] = Replaced(application.ledger, settle=die)
    with pytest.raises(WorkerDied):
        application.finalize(job)
    application.ports["ledger"] = application.ledger
    application.clock.advance(LEASE)
    application.finalize(job)
    assert (application.job().status, application.job().result_notes) == (JobStatus.COMPLETED, "icc=lost")
    assert application.cloud.versions("a.jpg") == 1


def test_what_an_older_version_lost_is_not_said_of_a_newer_one(application: ApplicationUnderTest) -> None:
    application.finalize(completed(application, TAGGED, number=1))
    assert application.job().result_notes == "icc=lost"
    newer = completed(application, number=2)
    application.finalize(newer)
    ended = application.ledger.get(newer.job_id)
    assert ended is not None
    assert (ended.status, ended.result_notes) == (JobStatus.COMPLETED, None)


@pytest.mark.parametrize(
    ("error", "why"), [(SourceDenied("the key is disabled"), "the key is disabled"), (OSError("a secret"), "OSError")]
)
def test_the_log_says_why_a_result_lacks_tags_and_quotes_only_darkrooms_own_errors(
    application: ApplicationUnderTest, caplog: pytest.LogCaptureFixture, error: Exception, why: str
) -> None:
    def tags(source: object) -> None:
        raise error

    job = completed(application)
    application.ports["sources"] = Replaced(application.ports["sources"], tags=tags)
    application.finalize(job)
    (record,) = [record for record in caplog.records if "lacks headers or tags" in record.message]
    assert record.__dict__["why"] == why
