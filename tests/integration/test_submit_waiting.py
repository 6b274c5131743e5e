"""Waiting is not failing: an unaccepted job is released, waits, and is sent once; a lost submit is looked up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, START, World, picture
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
from darkroom.pipeline.in_doubt import CLOCK_SKEW
from darkroom.pipeline.outcomes import Done, Outcome, RetryLater

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")
NO_FUNDS = OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: top up")
LOST = SubmitInDoubt("the submit's answer was lost (ReadTimeout)")
GRACE = timedelta(seconds=catalog.load("topaz").visibility_grace_seconds)


class Killed(BaseException):
    """The worker died after the provider had accepted."""


@pytest.fixture
def upload(world: World) -> Upload:
    return world.cloud.put("a.jpg", picture())


@pytest.mark.parametrize(
    ("answer", "soonest", "latest"),
    [(Throttled("HTTP 429", 7), 7, 36), (Throttled("HTTP 429"), 15, 44), (Throttled("HTTP 429", 9999), 900, 900),
     (NothingSent("no connection"), 15, 44)],
)  # fmt: skip
def test_an_unaccepted_job_is_released_and_sent_once_when_due(
    world: World, upload: Upload, answer: DarkroomError, soonest: int, latest: int
) -> None:
    world.provider.refusals = [answer]
    verdict = world.submit(upload)
    job = world.job()
    assert isinstance(verdict, RetryLater)
    seconds = verdict.seconds
    assert soonest <= seconds <= latest
    due_at = START + timedelta(seconds=seconds)
    assert (job.status, job.next_attempt_at, job.due_at) == (JobStatus.CLAIMED, due_at, due_at)
    assert world.cloud.budget("topaz", MONTH)["committed"] == 0
    assert world.submit(upload) == Done(job)  # a duplicate changes nothing; the job's own message comes later
    world.clock.advance(seconds)
    world.submit(upload)
    assert_sent_once(world)


def test_uploads_that_were_refused_together_do_not_come_back_together(world: World) -> None:
    uploads = [world.cloud.put(f"{number}.jpg", picture()) for number in range(12)]
    world.provider.refusals = [Throttled("HTTP 429", 20) for _ in uploads]
    verdicts = [world.submit(upload) for upload in uploads]
    waits = [verdict.seconds for verdict in verdicts if isinstance(verdict, RetryLater)]
    assert (len(waits), min(waits) >= 20) == (12, True)
    assert len(set(waits)) > 4


@pytest.mark.parametrize("fault", [NO_KEY, NO_FUNDS])
def test_a_job_that_waits_for_an_operator_is_released_and_sent_once_when_the_sweep_brings_it(
    world: World, upload: Upload, fault: OperatorFault
) -> None:
    world.provider.refusals = [fault]
    verdict = world.submit(upload)
    job = world.job()
    due_at = START + timedelta(seconds=900)
    assert verdict == Done(job)
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, fault.code)
    assert (job.next_attempt_at, job.due_at) == (due_at, due_at)
    assert world.cloud.budget("topaz", MONTH)["committed"] == 0
    assert world.bell.rung == [Alarm.CIRCUIT_OPEN]
    assert world.submit(upload) == Done(job)
    world.clock.advance(899)
    assert world.sweep_and_deliver() is None
    world.clock.advance(1)
    world.sweep_and_deliver()
    assert_sent_once(world)


def assert_sent_once(world: World) -> None:
    """Check that the job is at the provider, as if it had never waited."""
    job = world.job()
    assert (job.status, job.run, len(world.provider.processes)) == (JobStatus.PROCESSING, 1, 1)
    assert (job.error, job.error_code, job.next_attempt_at) == (None, None, None)
    world.assert_books_balance()


@pytest.mark.parametrize("answer", [Throttled("HTTP 429", 60), NO_KEY, LOST])
def test_duplicates_of_a_waiting_job_are_acknowledged_and_the_sweep_brings_it_on(
    world: World, upload: Upload, answer: DarkroomError
) -> None:
    world.provider.refusals = [answer]
    world.submit(upload)
    waiting = world.job()
    world.provider.faults["find"] = [NO_KEY]  # a lookup that comes too early would use it up
    for _ in range(3):
        assert world.submit(upload) == Done(waiting)
    assert (world.job(), world.queue.sent, len(world.provider.faults["find"])) == (waiting, [], 1)
    world.provider.faults.clear()
    assert waiting.due_at is not None
    world.clock.now = waiting.due_at
    verdict = world.sweep_and_deliver()
    assert [what for what, _ in world.queue.sent] == [JobDue(waiting.job_id)]
    if answer is LOST:  # the list excludes it: released, and sent with the next message
        assert isinstance(verdict, RetryLater)
        world.submit(JobDue(waiting.job_id))
    assert_sent_once(world)


@pytest.mark.parametrize("fault", [NO_KEY, NO_FUNDS])
def test_an_operators_fault_waits_with_its_code_and_fails_only_at_the_deadline(
    world: World, upload: Upload, fault: OperatorFault
) -> None:
    world.provider.refusals = [fault] * 1000
    verdict: Outcome | None = world.submit(upload)
    while world.clock() < START + DEADLINE:
        assert verdict == Done(world.job())
        assert (world.job().status, world.job().error_code) == (JobStatus.CLAIMED, fault.code)
        world.clock.advance(timedelta(hours=5))
        verdict = world.sweep_and_deliver()
    job = world.job()
    report = world.cloud.report("a.jpg")
    assert (job.status, job.error_code) == (JobStatus.FAILED, fault.code)
    assert report is not None
    assert (report["code"], world.bus.kinds) == (fault.code, ["Job Failed"])
    world.assert_books_balance()


def test_throttled_until_the_deadline_ends_as_timed_out(world: World, upload: Upload) -> None:
    world.provider.refusals = [Throttled("HTTP 429")]
    world.submit(upload)
    world.clock.advance(DEADLINE)
    world.deliver(upload)
    assert (world.job().status, world.job().error_code) == (JobStatus.FAILED, ErrorCode.TIMED_OUT)
    assert world.provider.processes == {}


def test_a_claim_found_after_its_deadline_is_not_sent_any_more(world: World, upload: Upload) -> None:
    source = world.ports["sources"].find(upload)
    world.ledger.claim(source, START, START, START + DEADLINE)
    world.clock.advance(DEADLINE)
    world.deliver(upload)
    assert (world.job().error_code, world.provider.processes) == (ErrorCode.TIMED_OUT, {})


def test_a_lost_answer_is_looked_for_after_the_grace_and_adopted(world: World, upload: Upload) -> None:
    world.provider.losses, world.provider.listed_after = [LOST], timedelta(seconds=60)
    first = world.submit(upload)
    job = world.job()
    assert isinstance(first, RetryLater)
    assert (job.status, first.seconds >= 60) == (JobStatus.SUBMITTING, True)
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1
    world.clock.advance(first.seconds)
    world.deliver(upload)
    assert (world.job().status, world.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert len(world.provider.processes) == len(world.executions.running) == 1
    world.assert_books_balance()


def test_nothing_is_looked_for_before_the_grace_is_over(world: World, upload: Upload) -> None:
    world.provider.losses, world.provider.listed_after = [LOST], timedelta(seconds=60)
    world.submit(upload)
    world.provider.faults["find"] = [NO_KEY]  # a lookup would use it up
    world.clock.advance(timedelta(seconds=59) + CLOCK_SKEW)
    assert world.submit(upload) == Done(world.job())
    assert world.sweep_and_deliver() is None
    assert (world.job().status, len(world.provider.faults["find"])) == (JobStatus.SUBMITTING, 1)
    world.provider.faults.clear()
    world.clock.advance(1)
    world.sweep_and_deliver()
    assert (world.job().status, world.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert len(world.provider.processes) == 1


def test_a_dead_workers_submit_is_looked_for_no_sooner_than_its_lease_and_the_grace_are_over(
    world: World, upload: Upload
) -> None:
    world.provider.losses, world.provider.listed_after = [Killed()], INVOCATION + LEASE_MARGIN + GRACE
    with pytest.raises(Killed):
        world.submit(upload)
    left = world.job()
    assert left.lease_until == START + INVOCATION + LEASE_MARGIN
    world.provider.faults["find"] = [NO_KEY]  # a lookup would use it up
    world.clock.now = left.lease_until
    for verdict in (world.sweep_and_deliver(), world.submit(upload)):
        assert isinstance(verdict, RetryLater)
        assert timedelta(seconds=verdict.seconds) >= GRACE
    assert (world.job().status, len(world.provider.faults["find"])) == (JobStatus.SUBMITTING, 1)
    world.provider.faults.clear()
    world.clock.advance(GRACE + CLOCK_SKEW)
    world.submit(JobDue(left.job_id))
    assert (world.job().status, world.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
    assert (world.provider.charged, len(world.executions.running)) == (1, 1)


@pytest.mark.parametrize("answer", [LOST, ProviderUnavailable("HTTP 503")])
def test_a_lost_submit_that_the_list_excludes_is_sent_once_more(
    world: World, upload: Upload, answer: DarkroomError
) -> None:
    world.provider.refusals = [answer]
    world.deliver(upload)
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.PROCESSING, 1)
    assert world.clock() <= START + timedelta(seconds=60 + 60)
    world.assert_books_balance()


def test_a_lost_submit_that_was_made_with_another_key_goes_to_a_person(world: World, upload: Upload) -> None:
    world.provider.refusals = [LOST]
    world.submit(upload)
    world.provider.key = "another-key"
    world.deliver(upload)
    assert (world.job().status, world.provider.processes) == (JobStatus.IN_DOUBT, {})
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1
    assert isinstance(world.deliver(upload), Done)


def test_a_process_found_with_another_key_is_still_adopted(world: World, upload: Upload) -> None:
    world.provider.losses = [LOST]
    world.submit(upload)
    world.provider.key = "another-key"
    world.deliver(upload)
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.PROCESSING, 1)


@pytest.mark.parametrize("fault", [NO_KEY, Throttled("HTTP 429"), ProviderUnavailable("HTTP 503")])
def test_a_list_that_cannot_be_read_is_asked_again(world: World, upload: Upload, fault: DarkroomError) -> None:
    world.provider.losses, world.provider.faults = [LOST], {"find": [fault] * 3}
    world.deliver(upload)
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.PROCESSING, 1)


def test_a_list_that_cannot_be_read_until_the_deadline_goes_to_a_person(world: World, upload: Upload) -> None:
    world.provider.losses, world.provider.faults = [LOST], {"find": [NO_KEY] * 9}
    world.submit(upload)
    world.clock.advance(DEADLINE)
    world.deliver(upload)
    assert world.job().status is JobStatus.IN_DOUBT
    world.assert_books_balance()


def test_of_two_processes_the_first_is_adopted_and_the_other_cancelled(world: World, upload: Upload) -> None:
    world.provider.losses = [LOST]
    world.submit(upload)
    twin = replace(world.provider.processes["process-1"], process_id="process-2")
    world.provider.processes["process-2"] = twin
    world.deliver(upload)
    job = world.job()
    assert (job.process.process_id, job.orphans, world.provider.charged) == ("process-1", ("process-2",), 1)


def test_a_bind_that_loses_cancels_its_own_process_and_writes_it_down(world: World, upload: Upload) -> None:
    submit = world.provider.submit

    def slow(*args: object) -> object:
        answer = submit(*args)  # type: ignore[arg-type]
        job = world.job()
        world.ledger.mark_in_doubt(
            world.ledger.take_over(job, START + DEADLINE, START + DEADLINE), "given up for dead", START
        )
        return answer

    world.provider.submit = slow  # type: ignore[assignment, method-assign]
    world.deliver(upload)
    assert (world.job().status, world.job().orphans) == (JobStatus.IN_DOUBT, ("process-1",))
    assert world.provider.charged == 0


def test_a_source_deleted_while_its_job_waits_is_withdrawn(world: World, upload: Upload) -> None:
    world.provider.refusals = [Throttled("HTTP 429")]
    verdict = world.submit(upload)
    assert isinstance(verdict, RetryLater)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    world.deliver(upload)
    assert (world.job().status, world.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (world.cloud.keys(), world.bus.sent, world.provider.processes) == (set(), [], {})


def test_a_source_deleted_while_its_submit_is_in_doubt_is_still_adopted(world: World, upload: Upload) -> None:
    world.provider.losses = [LOST]
    world.submit(upload)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    world.deliver(upload)
    assert (world.job().status, world.job().process.process_id) == (JobStatus.PROCESSING, "process-1")
