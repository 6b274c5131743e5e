"""What an operator decides about doubts, which jobs a command means, and refusals that name the right command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, World, picture
from tests.fakes.aws_account import INPUT
from tests.integration.time_support import MINUTE, Replaced, committed, follow

from darkroom.errors import ErrorCode, Inapplicable, OperatorFault, ProviderUnavailable, SubmitInDoubt, Throttled
from darkroom.model import Job, JobStatus, ProcessState, Upload
from darkroom.pipeline.operator_commands import OperatorCommands


@pytest.fixture
def upload(world: World) -> Upload:
    return world.cloud.put("a.jpg", picture())


def in_doubt(world: World, upload: Upload, *, accepted: bool = True) -> Job:
    """Return a job whose submit was lost at a vendor without a list."""
    lost = [SubmitInDoubt("lost")]
    world.provider.lists = False
    world.provider.losses, world.provider.refusals = (lost, []) if accepted else ([], lost)
    world.deliver(upload)
    assert world.job().status is JobStatus.IN_DOUBT
    return world.job()


def late_in_doubt(world: World, upload: Upload) -> Job:
    """Return a job bound to a process that could not be cancelled at its deadline."""
    world.deliver(upload)
    world.clock.advance(DEADLINE)
    world.provider.cancels = False
    world.finalize(world.job())
    return world.job()


@pytest.mark.parametrize(
    "verdict",
    [
        lambda operate, attempt: operate.adopt("a.jpg", "process-1", force=True, attempt=attempt),
        lambda operate, attempt: operate.resubmit("a.jpg", attempt=attempt),
        lambda operate, attempt: operate.abandon("a.jpg", attempt=attempt),
    ],
    ids=["adopt", "resubmit", "abandon"],
)
def test_a_decision_about_an_earlier_attempt_does_not_apply_to_this_one(
    world: World, upload: Upload, verdict: Callable[[OperatorCommands, int], Job]
) -> None:
    job = in_doubt(world, upload)
    with pytest.raises(Inapplicable, match=f"at attempt {job.attempt}, not {job.attempt - 1}"):
        verdict(world.operate, job.attempt - 1)
    assert world.job() == job
    assert verdict(world.operate, job.attempt).status is not JobStatus.IN_DOUBT


def test_an_adopted_process_is_followed_to_its_result(world: World, upload: Upload) -> None:
    in_doubt(world, upload)
    world.provider.lists = True
    adopted = world.operate.adopt("a.jpg", "process-1")
    assert (adopted.status, adopted.process.process_id, len(world.executions.running)) == (
        JobStatus.PROCESSING,
        "process-1",
        1,
    )
    world.provider.become(ProcessState.COMPLETED)
    assert follow(world).status is JobStatus.COMPLETED
    assert (world.provider.charged, world.cloud.keys()) == (1, {"a.jpg"})
    world.assert_books_balance()


def test_a_doubt_adopted_after_its_deadline_gets_a_new_one(world: World, upload: Upload) -> None:
    job = late_in_doubt(world, upload)
    world.clock.advance(timedelta(days=3))
    adopted = world.operate.adopt(job.job_id, "process-1")
    assert adopted.deadline_at == world.clock() + DEADLINE
    assert world.poll(adopted).status == "running"


def test_a_process_the_provider_does_not_know_is_not_adopted(world: World, upload: Upload) -> None:
    in_doubt(world, upload)
    with pytest.raises(Inapplicable, match="knows no process process-7"):
        world.operate.adopt("a.jpg", "process-7")
    assert world.job().status is JobStatus.IN_DOUBT


def test_a_foreign_process_is_adopted_only_by_force(world: World, upload: Upload) -> None:
    in_doubt(world, upload)
    world.provider.lists = True
    own = world.provider.processes["process-1"]
    foreign = replace(own, process_id="foreign", handle=replace(own.handle, job_id="f" * 32))
    world.provider.processes["foreign"] = foreign
    with pytest.raises(Inapplicable, match="--force"):
        world.operate.adopt("a.jpg", "foreign")
    assert world.job().status is JobStatus.IN_DOUBT
    assert world.operate.adopt("a.jpg", "foreign", force=True).process.process_id == "foreign"


def test_a_resubmitted_job_is_sent_again_and_paid_once(world: World, upload: Upload) -> None:
    in_doubt(world, upload, accepted=False)
    world.operate.resubmit("a.jpg")
    assert (world.job().status, committed(world)) == (JobStatus.CLAIMED, 0)
    world.submit(world.queue.sent[-1][0])
    assert (world.job().status, world.job().run, world.provider.charged) == (JobStatus.PROCESSING, 1, 1)
    world.assert_books_balance()


def test_a_resubmission_whose_message_is_lost_is_made_by_the_sweep(world: World, upload: Upload) -> None:
    in_doubt(world, upload, accepted=False)
    world.operate.resubmit("a.jpg")
    world.queue.sent.clear()
    world.sweep_and_deliver()
    assert world.job().status is JobStatus.PROCESSING


def test_a_job_that_the_list_shows_is_not_resubmitted(world: World, upload: Upload) -> None:
    in_doubt(world, upload)
    world.provider.lists = True
    with pytest.raises(Inapplicable, match=r"process-1.*--adopt"):
        world.operate.resubmit("a.jpg")
    assert (world.job().status, committed(world)) == (JobStatus.IN_DOUBT, 1)


UNREADABLE = [
    ProviderUnavailable("the provider's list has an unknown shape"),
    Throttled("429"),
    OperatorFault(ErrorCode.AUTH_FAILED, "403"),
]


@pytest.mark.parametrize("why", UNREADABLE, ids=["unavailable", "throttled", "closed"])
@pytest.mark.parametrize(
    "verdict",
    [lambda operate, force: operate.adopt("a.jpg", "foreign", force=force),
     lambda operate, force: operate.resubmit("a.jpg", force=force)],
    ids=["adopt", "resubmit"],
)  # fmt: skip
def test_only_force_resubmits_when_the_list_cannot_be_read(
    world: World, upload: Upload, verdict: Callable[[OperatorCommands, bool], Job], why: Exception
) -> None:
    in_doubt(world, upload)
    world.provider.lists = True
    own = world.provider.processes["process-1"]
    world.provider.processes["foreign"] = replace(own, process_id="foreign")
    world.provider.faults["find"] = [why, why]
    with pytest.raises(Inapplicable, match=r"list cannot be read .*use --force"):
        verdict(world.operate, False)
    assert world.job().status is JobStatus.IN_DOUBT
    assert verdict(world.operate, True).status in (JobStatus.PROCESSING, JobStatus.CLAIMED)


def test_a_run_that_has_a_process_is_not_resubmitted(world: World, upload: Upload) -> None:
    late_in_doubt(world, upload)
    world.provider.forget("process-1")
    with pytest.raises(Inapplicable, match=r"--adopt.*--abandon.*rerun"):
        world.operate.resubmit("a.jpg")
    assert world.job().status is JobStatus.IN_DOUBT


def test_a_doubt_abandoned_unpaid_gives_its_reservation_back(world: World, upload: Upload) -> None:
    in_doubt(world, upload)
    assert world.operate.abandon("a.jpg").status is JobStatus.CANCELLED
    assert (committed(world), world.cloud.keys(), world.bus.sent) == (0, set(), [])
    world.assert_books_balance()


def test_a_doubt_abandoned_with_credits_is_booked_and_reported(world: World, upload: Upload) -> None:
    in_doubt(world, upload)
    ended = world.operate.abandon("a.jpg", Decimal(1))
    assert (ended.status, ended.error_code, ended.credits) == (JobStatus.FAILED, ErrorCode.RESULT_LOST, 1)
    assert (world.cloud.report("a.jpg") or {})["code"] == "ResultLost"
    assert (world.cloud.budget("topaz", MONTH)["spent"], world.bus.kinds) == (1, ["Job Failed"])
    world.assert_books_balance()


@pytest.mark.parametrize("action", ["adopt", "resubmit", "abandon"])
def test_only_a_doubt_is_resolved(world: World, upload: Upload, action: str) -> None:
    world.deliver(upload)
    arguments = ["a.jpg", "process-1"] if action == "adopt" else ["a.jpg"]
    with pytest.raises(Inapplicable, match="PROCESSING, not IN_DOUBT"):
        getattr(world.operate, action)(*arguments)
    assert world.job().status is JobStatus.PROCESSING


@pytest.mark.parametrize("action", ["adopt", "resubmit"])
def test_a_decision_about_a_doubt_wins_over_an_earlier_cancellation(world: World, upload: Upload, action: str) -> None:
    submit, world.provider.lists = world.provider.submit, False

    def lost(*args: Any) -> Any:
        world.operate.cancel("a.jpg")
        if action == "adopt":
            submit(*args)
        raise SubmitInDoubt("lost")

    world.ports["provider"] = Replaced(world.provider, submit=lost)
    world.submit(upload)
    world.ports["provider"] = world.provider
    world.deliver(upload)
    if action == "adopt":
        world.provider.lists = True
        world.operate.adopt("a.jpg", "process-1")
    else:
        world.operate.resubmit("a.jpg")
        world.submit(world.queue.sent[-1][0])
    world.clock.advance(MINUTE)
    assert (world.job().status, world.poll(world.job()).status) == (JobStatus.PROCESSING, "running")


@pytest.mark.parametrize("reference", ["a.jpg", f"{INPUT}/a.jpg", f"s3://{INPUT}/a.jpg"])
def test_a_job_is_found_by_its_key_the_newest_first(world: World, upload: Upload, reference: str) -> None:
    world.deliver(upload)
    world.clock.advance(MINUTE)
    newer = world.cloud.put("a.jpg", picture(noise=3))
    world.deliver(newer)
    assert world.operate.find(reference).source_version == newer.version_id
    assert world.operate.find(world.operate.find(reference).job_id).created_at > START


@pytest.mark.parametrize("reference", ["b.jpg", "0" * 32, "s3://elsewhere/a.jpg", "topaz"])
def test_what_is_not_there_is_not_found(world: World, upload: Upload, reference: str) -> None:
    world.deliver(upload)
    with pytest.raises(Inapplicable, match="no job"):
        world.operate.find(reference)


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_provider_that_does_not_exist_is_neither_paused_nor_resumed(world: World, action: str) -> None:
    arguments = ["topas", "why"] if action == "pause" else ["topas"]
    with pytest.raises(Inapplicable, match="there are: topaz"):
        getattr(world.operate, action)(*arguments)
