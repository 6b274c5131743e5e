"""Tests jobs that have to wait. A job that the provider did not accept is released, waits, and is sent once. When the
answer to a submit was lost, the provider's list is searched for it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT

from darkroom import catalog
from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderUnavailable,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import LEASE_MARGIN, Alarm, JobDue, JobStatus, Upload
from darkroom.pipeline.in_doubt_lookup import CLOCK_SKEW, LOOKS_AFTER
from darkroom.pipeline.message_outcomes import Done, Outcome, RetryLater

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")
NO_FUNDS = OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: top up")
LOST = SubmitInDoubt("the submit's answer was lost (ReadTimeout)")
GRACE = timedelta(seconds=catalog.load("topaz").visibility_grace_seconds)


class Killed(BaseException):
    """Raised by the provider after it has accepted a submit, so that the worker dies."""


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    return application.cloud.put("a.jpg", picture())


@pytest.mark.parametrize(
    ("answer", "soonest", "latest"),
    [(Throttled("HTTP 429", 7), 7, 36), (Throttled("HTTP 429"), 15, 44), (Throttled("HTTP 429", 9999), 900, 900),
     (NothingSent("no connection"), 15, 44)],
)  # fmt: skip
def test_an_unaccepted_job_is_released_and_sent_once_when_due(
    application: ApplicationUnderTest, upload: Upload, answer: DarkroomError, soonest: int, latest: int
) -> None:
    application.provider.refusals = [answer]
    verdict = application.submit(upload)
    job = application.job()
    assert isinstance(verdict, RetryLater)
    seconds = verdict.seconds
    assert soonest <= seconds <= latest
    due_at = START + timedelta(seconds=seconds)
    assert (job.status, job.next_attempt_at, job.due_at) == (JobStatus.CLAIMED, due_at, due_at)
    assert application.cloud.budget("topaz", MONTH)["committed"] == 0
    # A duplicate changes nothing, because the job's own message comes later.
    assert application.submit(upload) == Done(job)
    application.clock.advance(seconds)
    application.submit(upload)
    assert_sent_once(application)


def test_uploads_that_were_refused_together_do_not_come_back_together(application: ApplicationUnderTest) -> None:
    uploads = [application.cloud.put(f"{number}.jpg", picture()) for number in range(12)]
    application.provider.refusals = [Throttled("HTTP 429", 20) for _ in uploads]
    verdicts = [application.submit(upload) for upload in uploads]
    waits = [verdict.seconds for verdict in verdicts if isinstance(verdict, RetryLater)]
    assert (len(waits), min(waits) >= 20) == (12, True)
    assert len(set(waits)) > 4


@pytest.mark.parametrize("fault", [NO_KEY, NO_FUNDS])
def test_a_job_that_waits_for_an_operator_is_released_and_sent_once_when_the_sweep_brings_it(
    application: ApplicationUnderTest, upload: Upload, fault: OperatorFault
) -> None:
    application.provider.refusals = [fault]
    verdict = application.submit(upload)
    job = application.job()
    due_at = START + timedelta(seconds=900)
    assert verdict == Done(job)
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, fault.code)
    assert (job.next_attempt_at, job.due_at) == (due_at, due_at)
    assert application.cloud.budget("topaz", MONTH)["committed"] == 0
    assert application.alerts.rung == [Alarm.CIRCUIT_OPEN]
    assert application.submit(upload) == Done(job)
    application.clock.advance(899)
    assert application.sweep_and_deliver() is None
    application.clock.advance(1)
    application.sweep_and_deliver()
    assert_sent_once(application)


def assert_sent_once(application: ApplicationUnderTest) -> None:
    """Check that the job is at the provider in its first run, with no trace of its wait."""
    job = application.job()
    assert (job.status, job.run, len(application.provider.processes)) == (JobStatus.PROCESSING, 1, 1)
    assert (job.error, job.error_code, job.next_attempt_at) == (None, None, None)
    application.assert_books_balance()


@pytest.mark.parametrize("answer", [Throttled("HTTP 429", 60), NO_KEY, LOST])
def test_duplicates_of_a_waiting_job_are_acknowledged_and_the_sweep_brings_it_on(
    application: ApplicationUnderTest, upload: Upload, answer: DarkroomError
) -> None:
    application.provider.refusals = [answer]
    application.submit(upload)
    waiting = application.job()
    application.provider.faults["find"] = [NO_KEY]  # a lookup that comes too early would take this error from the list
    for _ in range(3):
        assert application.submit(upload) == Done(waiting)
    assert (application.job(), application.queue.sent, len(application.provider.faults["find"])) == (waiting, [], 1)
    application.provider.faults.clear()
    assert waiting.due_at is not None
    application.clock.now = waiting.due_at
    verdict = application.sweep_and_deliver()
    assert [what for what, _ in application.queue.sent] == [JobDue(waiting.job_id)]
    # After the grace, the list still has no process for a lost submit. The job is released and sent with its next message.
    if answer is LOST:
        assert isinstance(verdict, RetryLater)
        application.deliver(JobDue(waiting.job_id))
    assert_sent_once(application)


@pytest.mark.parametrize("fault", [NO_KEY, NO_FUNDS])
def test_an_operators_fault_waits_with_its_code_and_fails_only_at_the_deadline(
    application: ApplicationUnderTest, upload: Upload, fault: OperatorFault
) -> None:
    application.provider.refusals = [fault] * 1000
    verdict: Outcome | None = application.submit(upload)
    while application.clock() < START + DEADLINE:
        assert verdict == Done(application.job())
        assert (application.job().status, application.job().error_code) == (JobStatus.CLAIMED, fault.code)
        application.clock.advance(timedelta(hours=5))
        verdict = application.sweep_and_deliver()
    job = application.job()
    report = application.cloud.report("a.jpg")
    assert (job.status, job.error_code) == (JobStatus.FAILED, fault.code)
    assert report is not None
    assert (report["code"], application.bus.kinds) == (fault.code, ["Job Failed"])
    application.assert_books_balance()


def test_throttled_until_the_deadline_ends_as_timed_out(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.refusals = [Throttled("HTTP 429")]
    application.submit(upload)
    application.clock.advance(DEADLINE)
    application.deliver(upload)
    assert (application.job().status, application.job().error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)
    assert application.provider.processes == {}


def test_a_claim_found_after_its_deadline_is_not_sent_any_more(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    source = application.ports["sources"].find(upload)
    application.ledger.claim(source, START, START, START + DEADLINE)
    application.clock.advance(DEADLINE)
    application.deliver(upload)
    assert (application.job().error_code, application.provider.processes) == (ErrorCode.TIMED_OUT, {})


@pytest.mark.parametrize(("listed_after", "latest"), [(0, 6), (4, 6), (14, 16), (40, 46), (60, 81)])
def test_a_lost_answer_is_adopted_soon_after_the_list_shows_it(
    application: ApplicationUnderTest, upload: Upload, listed_after: int, latest: int
) -> None:
    application.provider.losses, application.provider.listed_after = [LOST], timedelta(seconds=listed_after)
    first = application.submit(upload)
    assert isinstance(first, RetryLater)
    assert application.job().status == JobStatus.SUBMITTING
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1
    application.clock.advance(first.seconds)
    application.deliver(upload)
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert application.clock() <= START + timedelta(seconds=latest)
    assert len(application.provider.processes) == len(application.executions.running) == 1
    application.assert_books_balance()


def test_a_list_without_the_submit_proves_nothing_before_the_grace_is_over(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses, application.provider.listed_after = [LOST], GRACE + CLOCK_SKEW
    application.submit(upload)
    looks = 0
    while (left := application.job()).status is JobStatus.SUBMITTING:
        assert left.next_attempt_at is not None
        application.clock.now = left.next_attempt_at
        application.submit(JobDue(left.job_id))
        looks += 1
    assert (application.clock(), looks) == (START + GRACE + CLOCK_SKEW, 4)
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert len(application.provider.processes) == 1


def test_nothing_is_looked_for_between_two_looks(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.losses, application.provider.listed_after = [LOST], timedelta(0)
    application.submit(upload)
    application.provider.faults["find"] = [NO_KEY]  # a lookup would take this error from the list
    application.clock.advance(LOOKS_AFTER[0] - timedelta(seconds=1))
    assert application.submit(upload) == Done(application.job())
    assert application.sweep_and_deliver() is None
    assert (application.job().status, len(application.provider.faults["find"])) == (JobStatus.SUBMITTING, 1)


def test_a_dead_workers_submit_is_looked_for_when_its_lease_is_over_and_excluded_after_the_grace(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses, application.provider.listed_after = [Killed()], INVOCATION + LEASE_MARGIN + GRACE
    with pytest.raises(Killed):
        application.submit(upload)
    left = application.job()
    assert left.lease_until == START + INVOCATION + LEASE_MARGIN
    application.provider.faults["find"] = [NO_KEY]  # a lookup would take this error from the list
    application.clock.now = left.lease_until - timedelta(seconds=1)
    assert application.submit(upload) == Done(left)
    assert len(application.provider.faults["find"]) == 1
    application.provider.faults.clear()
    application.clock.now = left.lease_until
    verdict = application.sweep_and_deliver()
    assert isinstance(verdict, RetryLater)
    noted = application.job().lost
    assert (noted.lost_at, noted.lost_attempt) == (left.lease_until, left.attempt)
    application.clock.advance(verdict.seconds)
    application.deliver(JobDue(left.job_id))
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert application.job().lost is None
    assert (application.provider.charged, len(application.executions.running)) == (1, 1)


def test_a_dead_workers_submit_that_the_list_shows_is_adopted_when_its_lease_is_over(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses, application.provider.listed_after = [Killed()], timedelta(0)
    with pytest.raises(Killed):
        application.submit(upload)
    application.clock.now = application.job().lease_until
    application.sweep_and_deliver()
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-1")


@pytest.mark.parametrize("answer", [LOST, ProviderUnavailable("HTTP 503")])
def test_a_lost_submit_that_the_list_excludes_is_sent_once_more(
    application: ApplicationUnderTest, upload: Upload, answer: DarkroomError
) -> None:
    application.provider.refusals = [answer]
    application.deliver(upload)
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)
    assert application.clock() <= START + timedelta(seconds=60 + 60)
    application.assert_books_balance()


@pytest.mark.parametrize("changed", [{"key": "another-key"}, {"base_url": "https://other.example.test"}])
def test_a_lost_submit_that_was_made_with_another_key_or_base_url_goes_to_a_person(
    application: ApplicationUnderTest, upload: Upload, changed: dict[str, str]
) -> None:
    application.provider.refusals = [LOST]
    application.submit(upload)
    vars(application.provider).update(changed)
    application.deliver(upload)
    assert (application.job().status, application.provider.processes) == (JobStatus.IN_DOUBT, {})
    assert "the API key or the base URL changed" in (application.job().error or "")
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1
    assert isinstance(application.deliver(upload), Done)


@pytest.mark.parametrize("base_url", ["https://api.example.test", "https://other.example.test"])
def test_a_row_of_version_0_1_0_knows_only_the_key_of_its_submit(
    application: ApplicationUnderTest, upload: Upload, monkeypatch: pytest.MonkeyPatch, base_url: str
) -> None:
    """Jobs under way when the stack is upgraded go on. Nothing shows whether the base URL changed since their submit."""
    key_digits = application.provider.key_fingerprint()[:12]
    application.provider.refusals = [LOST]
    with monkeypatch.context() as earlier_version:
        earlier_version.setattr(application.provider, "key_fingerprint", lambda: key_digits)
        application.submit(upload)
    application.provider.base_url = base_url
    application.deliver(upload)
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)


def test_a_process_found_with_another_key_is_still_adopted(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.losses = [LOST]
    application.submit(upload)
    application.provider.key = "another-key"
    application.deliver(upload)
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)


@pytest.mark.parametrize("fault", [NO_KEY, Throttled("HTTP 429"), ProviderUnavailable("HTTP 503")])
def test_a_list_that_cannot_be_read_is_asked_again(
    application: ApplicationUnderTest, upload: Upload, fault: DarkroomError
) -> None:
    application.provider.losses, application.provider.faults = [LOST], {"find": [fault] * 3}
    application.deliver(upload)
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)


def test_a_list_that_cannot_be_read_until_the_deadline_goes_to_a_person(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses, application.provider.faults = [LOST], {"find": [NO_KEY] * 9}
    application.submit(upload)
    application.clock.advance(DEADLINE)
    application.deliver(upload)
    assert application.job().status is JobStatus.IN_DOUBT
    application.assert_books_balance()


def test_of_two_processes_the_first_is_adopted_and_the_other_cancelled(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses = [LOST]
    application.submit(upload)
    twin = replace(application.provider.processes["process-1"], process_id="process-2")
    application.provider.processes["process-2"] = twin
    application.deliver(upload)
    job = application.job()
    assert (job.process.process_id, job.orphans, application.provider.charged) == ("process-1", ("process-2",), 1)


def test_a_bind_that_loses_cancels_its_own_process_and_writes_it_down(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    submit = application.provider.submit

    def slow(*args: object) -> object:
        answer = submit(*args)  # type: ignore[arg-type]
        job = application.job()
        application.ledger.mark_in_doubt(
            application.ledger.take_over(job, START + DEADLINE, START + DEADLINE), "given up for dead", START
        )
        return answer

    application.provider.submit = slow  # type: ignore[assignment, method-assign]
    application.deliver(upload)
    assert (application.job().status, application.job().orphans) == (JobStatus.IN_DOUBT, ("process-1",))
    assert application.provider.charged == 0


def test_a_source_deleted_while_its_job_waits_is_withdrawn(application: ApplicationUnderTest, upload: Upload) -> None:
    application.provider.refusals = [Throttled("HTTP 429")]
    verdict = application.submit(upload)
    assert isinstance(verdict, RetryLater)
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    application.deliver(upload)
    assert (application.job().status, application.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (application.cloud.keys(), application.bus.kinds, application.provider.processes) == (
        set(),
        ["Job Cancelled"],
        {},
    )


def test_a_source_deleted_while_its_submit_is_in_doubt_is_still_adopted(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    application.provider.losses = [LOST]
    application.submit(upload)
    application.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    application.deliver(upload)
    assert (application.job().status, application.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
