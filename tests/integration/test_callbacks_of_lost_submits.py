"""Callbacks about submits whose answer was lost: each proves that the run was accepted, so that none is sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import picture
from tests.fakes.aws_account import Cloud
from tests.integration.callback_support import CallbackApplication, ended_at_the_vendor

from darkroom.aws.ledger import DynamoLedger
from darkroom.errors import Inapplicable, SubmitInDoubt, Throttled
from darkroom.model import Job, JobDue, JobStatus
from darkroom.pipeline.callback import CallbackOutcome
from darkroom.pipeline.message_outcomes import Done


@pytest.fixture
def application(account: Cloud) -> CallbackApplication:
    return CallbackApplication(account)


def lost(application: CallbackApplication) -> Job:
    application.provider.losses.append(SubmitInDoubt("a time-out"))
    application.submit(application.cloud.put("a.jpg", picture()))
    return application.job()


def test_a_callback_about_a_lost_submit_lets_it_be_looked_up_at_once(application: CallbackApplication) -> None:
    job = lost(application)
    assert job.next_attempt_at > application.clock()
    assert application.call_back().outcome is CallbackOutcome.DUE
    assert application.queue.sent[-1] == (JobDue(job.job_id), 0)
    ended_at_the_vendor(application)
    application.submit(JobDue(job.job_id))
    assert application.job().status is JobStatus.PROCESSING
    assert application.job().process.process_id == "process-1"
    assert not application.waits.begin(application.job())


def test_a_callback_that_is_repeated_makes_a_lost_submit_due_once(application: CallbackApplication) -> None:
    lost(application)
    sent = len(application.queue.sent)
    outcomes = [application.call_back().outcome for _ in range(3)]
    assert outcomes == [CallbackOutcome.DUE, CallbackOutcome.NOTED, CallbackOutcome.NOTED]
    assert len(application.queue.sent) == sent + 1


def test_a_lost_submit_that_a_worker_looks_up_is_left_to_it(application: CallbackApplication) -> None:
    job = lost(application)
    application.clock.advance(timedelta(minutes=1))
    application.ledger.take_over(job, application.clock(), application.ends)
    sent, before = len(application.queue.sent), application.row()
    assert application.call_back().outcome is CallbackOutcome.NOTED
    assert len(application.queue.sent) == sent
    assert application.row()["due_at"] == before["due_at"]


def test_a_refused_submit_about_which_the_vendor_has_called_back_is_looked_up_and_not_sent_again(
    application: CallbackApplication,
) -> None:
    """The callback may be about an earlier submit of the run, which the refusal does not concern."""

    def refused(*given: Any) -> Any:
        application.call_back(process_id="nobodys", url=given[4])
        raise Throttled("HTTP 429")

    application.provider.submit = refused  # type: ignore[method-assign]
    application.submit(application.cloud.put("a.jpg", picture()))
    assert application.job().status is JobStatus.CLAIMED
    application.provider.submit = _never_called  # type: ignore[method-assign]
    let_the_lookup_end(application)
    assert application.job().status is JobStatus.IN_DOUBT
    assert "a callback named process nobodys" in (application.job().error or "")
    with pytest.raises(Inapplicable, match=r"a callback named process nobodys, so .* use --force"):
        application.operate.resubmit("a.jpg")


def test_the_process_that_a_callback_names_is_not_believed_to_be_the_jobs(application: CallbackApplication) -> None:
    job = lost(application)
    application.call_back(process_id="of-another-job")
    application.submit(JobDue(job.job_id))
    assert application.job().process.process_id == "process-1"


def test_a_list_that_a_callback_contradicts_proves_nothing(application: CallbackApplication) -> None:
    """The list would show that nothing was accepted, and the job would be paid a second time."""
    application.provider.listed_after = timedelta(days=1)
    job = lost(application)
    application.call_back()
    application.clock.advance(timedelta(minutes=5))
    outcome = application.submit(JobDue(job.job_id))
    assert isinstance(outcome, Done)
    assert (outcome.job.status, len(application.provider.processes)) == (JobStatus.IN_DOUBT, 1)
    assert "a callback named process process-1" in (outcome.job.error or "")


def test_a_callback_contradicts_a_list_even_if_the_vendor_knows_its_process_no_longer(
    application: CallbackApplication,
) -> None:
    """Another user of the account may have cleared the list, with the process that was charged."""
    job = lost(application)
    ended_at_the_vendor(application)
    application.call_back()
    application.provider.processes.clear()
    application.clock.advance(timedelta(minutes=5))
    application.submit(JobDue(job.job_id))
    application.sweep_and_deliver()
    assert (application.job().status, application.provider.processes) == (JobStatus.IN_DOUBT, {})
    assert application.job().reservation is not None
    assert "a callback named process process-1" in (application.job().error or "")


def test_a_callback_that_comes_while_the_list_is_read_is_not_lost(application: CallbackApplication) -> None:
    job = lost(application)
    application.provider.processes.clear()
    find = application.provider.find

    def found_nothing(*given: Any) -> Any:
        application.call_back()
        return find(*given)

    application.provider.find = found_nothing  # type: ignore[method-assign]
    application.clock.advance(timedelta(minutes=5))
    application.submit(JobDue(job.job_id))
    assert application.job().status is JobStatus.SUBMITTING
    application.clock.advance(timedelta(minutes=10))  # the lease is over
    application.sweep_and_deliver()
    assert (application.job().status, application.provider.processes) == (JobStatus.IN_DOUBT, {})


def let_the_lookup_end(application: CallbackApplication) -> None:
    for _ in range(10):
        application.clock.advance(timedelta(minutes=1))
        application.sweep_and_deliver()


def _never_called(*given: Any) -> Any:
    raise AssertionError("the run is sent again")


@pytest.mark.parametrize("word", ["Pending", "Processing", "Completed"])
def test_any_word_about_a_lost_submit_proves_that_it_was_accepted(application: CallbackApplication, word: str) -> None:
    application.provider.listed_after = timedelta(days=1)
    lost(application)
    assert application.call_back(word).status_code == 204
    application.provider.submit = _never_called  # type: ignore[method-assign]
    let_the_lookup_end(application)
    assert application.job().status is JobStatus.IN_DOUBT
    assert "a callback named process process-1" in (application.job().error or "")


def test_a_word_that_comes_before_the_answer_is_lost_proves_it_too(application: CallbackApplication) -> None:
    def told_and_lost(*given: Any) -> Any:
        submit(*given)
        application.call_back("Processing", url=given[4])
        raise SubmitInDoubt("a time-out")

    submit = application.provider.submit
    application.provider.listed_after = timedelta(days=1)
    application.provider.submit = told_and_lost  # type: ignore[method-assign]
    application.submit(application.cloud.put("a.jpg", picture()))
    application.provider.submit = _never_called  # type: ignore[method-assign]
    let_the_lookup_end(application)
    assert application.job().status is JobStatus.IN_DOUBT


def excluded(application: CallbackApplication) -> Job:
    """A lost submit that was accepted, which the list excludes because it lags for too long. It is about to be sent again."""
    application.provider.listed_after = timedelta(hours=1)
    job = lost(application)
    application.clock.advance(timedelta(minutes=5))
    application.submit(JobDue(job.job_id))
    assert application.job().status is JobStatus.CLAIMED
    application.provider.submit = _never_called  # type: ignore[method-assign]
    return application.job()


@pytest.mark.parametrize("word", ["Processing", "Completed"])
def test_a_callback_before_a_lost_submit_is_sent_again_keeps_it_from_being_sent(
    application: CallbackApplication, word: str
) -> None:
    job = excluded(application)
    assert application.call_back(word).outcome is CallbackOutcome.NOTED
    application.submit(JobDue(job.job_id))
    assert (application.job().status, application.job().attempt) == (JobStatus.SUBMITTING, job.attempt + 1)
    let_the_lookup_end(application)
    assert application.job().status is JobStatus.IN_DOUBT
    assert len(application.provider.processes) == 1
    application.assert_books_balance()


def test_a_callback_while_the_credits_of_the_second_submit_are_reserved_keeps_it_from_being_sent(
    application: CallbackApplication,
) -> None:
    job = excluded(application)
    claim_output = DynamoLedger.claim_output

    def told_meanwhile(*given: Any) -> Any:
        application.call_back("Processing")
        return claim_output(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoLedger, "claim_output", told_meanwhile)
        application.submit(JobDue(job.job_id))
    let_the_lookup_end(application)
    assert application.job().status is JobStatus.IN_DOUBT


def test_a_lost_submit_that_the_list_shows_after_its_callback_is_bound(application: CallbackApplication) -> None:
    job = excluded(application)
    application.call_back("Processing")
    application.provider.listed_after = timedelta(0)
    application.submit(JobDue(job.job_id))
    let_the_lookup_end(application)
    assert application.job().status is JobStatus.PROCESSING
    assert application.waits.begin(application.job())  # it was not said that the process has ended


def test_a_person_who_sends_a_doubted_job_again_overrules_its_callbacks(application: CallbackApplication) -> None:
    job = excluded(application)
    submit = type(application.provider).submit.__get__(application.provider)
    application.call_back("Processing")
    application.submit(JobDue(job.job_id))
    let_the_lookup_end(application)
    application.provider.submit = submit  # type: ignore[method-assign]
    application.operate.resubmit(job.job_id, force=True)
    application.submit(JobDue(job.job_id))
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 2)


def test_a_word_that_is_not_final_and_is_repeated_is_written_once_and_causes_no_look(
    application: CallbackApplication,
) -> None:
    lost(application)
    sent = len(application.queue.sent)
    assert application.call_back("Processing").outcome is CallbackOutcome.NOTED
    before = application.row()
    assert application.call_back("Processing", process_id="another").outcome is CallbackOutcome.NOT_FINAL
    assert (application.row(), len(application.queue.sent)) == (before, sent)
    assert not {"told_at", "times_told"} & before.keys()
