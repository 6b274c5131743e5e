"""Waiting is not failing: what nobody accepted is given back, waits, and is sent once; what was lost is looked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.cloud import INPUT
from tests.fakes.world import DEADLINE, MONTH, START, World, picture

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderUnavailable,
    SubmitInDoubt,
    Throttled,
)  # fmt: skip
from darkroom.model import JobStatus, Upload
from darkroom.pipeline.verdicts import Done, Later

NO_KEY = OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401: no such key")
NO_FUNDS = OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402: top up")
LOST = SubmitInDoubt("the submit's answer was lost (ReadTimeout)")


@pytest.fixture
def upload(world: World) -> Upload:
    return world.cloud.put("a.jpg", picture())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(Throttled("HTTP 429", 7), 7), (Throttled("HTTP 429"), 30), (Throttled("HTTP 429", 9999), 900),
     (NothingSent("no connection"), 30), (NO_KEY, 900), (NO_FUNDS, 900)],
)  # fmt: skip
def test_what_nobody_accepted_is_given_back_and_sent_once_when_due(
    world: World, upload: Upload, answer: DarkroomError, seconds: int
) -> None:
    world.provider.refusals = [answer]
    verdict = world.submit(upload)
    job = world.job()
    assert isinstance(verdict, Later)
    assert verdict.seconds == seconds
    assert (job.status, job.next_attempt_at) == (JobStatus.CLAIMED, START + timedelta(seconds=seconds))
    assert world.cloud.budget("topaz", MONTH)["committed"] == 0
    early = world.submit(upload)
    assert isinstance(early, Later)
    world.clock.advance(seconds)
    world.deliver(upload)
    job = world.job()
    assert (job.status, job.run, len(world.provider.processes)) == (JobStatus.PROCESSING, 1, 1)
    assert (job.error, job.error_code, job.next_attempt_at) == (None, None, None)
    world.assert_books_balance()


@pytest.mark.parametrize("fault", [NO_KEY, NO_FUNDS])
def test_an_operators_fault_waits_with_its_code_and_fails_only_at_the_deadline(
    world: World, upload: Upload, fault: OperatorFault
) -> None:
    world.provider.refusals = [fault] * 1000
    while world.clock() < START + DEADLINE:
        verdict = world.submit(upload)
        assert isinstance(verdict, Later)
        assert (world.job().status, world.job().error_code) == (JobStatus.CLAIMED, fault.code)
        world.clock.advance(timedelta(hours=5))
    world.deliver(upload)
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
    assert isinstance(first, Later)
    assert (job.status, first.seconds >= 60) == (JobStatus.SUBMITTING, True)
    assert world.cloud.budget("topaz", MONTH)["reserved"] == 1
    world.clock.advance(first.seconds)
    world.deliver(upload)
    assert (world.job().status, world.job().process_id) == (JobStatus.PROCESSING, "process-1")
    assert len(world.provider.processes) == len(world.executions.running) == 1
    world.assert_books_balance()


def test_nothing_is_looked_for_before_the_grace_is_over(world: World, upload: Upload) -> None:
    world.provider.losses, world.provider.listed_after = [LOST], timedelta(seconds=60)
    world.submit(upload)
    world.clock.advance(59)
    assert isinstance(world.submit(upload), Later)
    assert (world.job().status, len(world.provider.processes)) == (JobStatus.SUBMITTING, 1)


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
    assert (job.process_id, job.orphans, world.provider.charged) == ("process-1", ("process-2",), 1)


def test_a_bind_that_loses_cancels_its_own_process_and_writes_it_down(world: World, upload: Upload) -> None:
    submit = world.provider.submit

    def slow(*args: object) -> object:
        answer = submit(*args)  # type: ignore[arg-type]
        job = world.job()
        world.ledger.doubt(world.ledger.retake(job, START + DEADLINE, START + DEADLINE), "given up for dead", START)
        return answer

    world.provider.submit = slow  # type: ignore[assignment, method-assign]
    world.deliver(upload)
    assert (world.job().status, world.job().orphans) == (JobStatus.IN_DOUBT, ("process-1",))
    assert world.provider.charged == 0


def test_a_source_deleted_while_its_job_waits_is_withdrawn(world: World, upload: Upload) -> None:
    world.provider.refusals = [Throttled("HTTP 429")]
    verdict = world.submit(upload)
    assert isinstance(verdict, Later)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    world.deliver(upload)
    assert (world.job().status, world.job().error_code) == (JobStatus.CANCELLED, ErrorCode.SOURCE_GONE)
    assert (world.cloud.keys(), world.bus.sent, world.provider.processes) == (set(), [], {})


def test_a_source_deleted_while_its_submit_is_in_doubt_is_still_adopted(world: World, upload: Upload) -> None:
    world.provider.losses = [LOST]
    world.submit(upload)
    world.cloud.s3.delete_object(Bucket=INPUT, Key="a.jpg", VersionId=upload.version_id)
    world.deliver(upload)
    assert (world.job().status, world.job().process_id) == (JobStatus.PROCESSING, "process-1")
