"""Tests the operator's commands. They decide jobs in doubt and find the job that a command names. A refusal names the command
to use instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.application import DEADLINE, MONTH, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT
from tests.integration.time_support import MINUTE, Replaced, committed, follow, refusing, writing

from darkroom.errors import ErrorCode, Inapplicable, OperatorFault, ProviderUnavailable, SubmitInDoubt, Throttled
from darkroom.model import Job, JobDue, JobStatus, ProcessState, Upload
from darkroom.pipeline.finalize import MAX_SILENCE
from darkroom.pipeline.operator_commands import OperatorCommands


@pytest.fixture
def upload(application: ApplicationUnderTest) -> Upload:
    return application.cloud.put("a.jpg", picture())


def in_doubt(application: ApplicationUnderTest, upload: Upload, *, accepted: bool = True) -> Job:
    """Return a job in doubt. The answer to its submit was lost, and the vendor has no list of processes to search."""
    lost = [SubmitInDoubt("lost")]
    application.provider.lists = False
    application.provider.losses, application.provider.refusals = (lost, []) if accepted else ([], lost)
    application.deliver(upload)
    assert application.job().status is JobStatus.IN_DOUBT
    return application.job()


def late_in_doubt(application: ApplicationUnderTest, upload: Upload) -> Job:
    """Return a job that is in doubt because its process could not be cancelled at the deadline."""
    application.deliver(upload)
    application.clock.advance(DEADLINE)
    application.provider.cancels = False
    application.finalize(application.job())
    return application.job()


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
    application: ApplicationUnderTest, upload: Upload, verdict: Callable[[OperatorCommands, int], Job]
) -> None:
    job = in_doubt(application, upload)
    with pytest.raises(Inapplicable, match=f"at attempt {job.attempt}, not {job.attempt - 1}"):
        verdict(application.operate, job.attempt - 1)
    assert application.job() == job
    assert verdict(application.operate, job.attempt).status is not JobStatus.IN_DOUBT


def test_an_adopted_process_is_followed_to_its_result(application: ApplicationUnderTest, upload: Upload) -> None:
    in_doubt(application, upload)
    application.provider.lists = True
    adopted = application.operate.adopt("a.jpg", "process-1")
    assert (adopted.status, adopted.process.process_id, len(application.executions.running)) == (
        JobStatus.PROCESSING,
        "process-1",
        1,
    )
    application.provider.become(ProcessState.COMPLETED)
    assert follow(application).status is JobStatus.COMPLETED
    assert (application.provider.charged, application.cloud.keys()) == (1, {"a.jpg"})
    application.assert_books_balance()


def test_an_adoption_that_others_overtake_starts_nothing(application: ApplicationUnderTest, upload: Upload) -> None:
    """After adopt has written, and before it reads the job again, other operators cancel the job and rerun it."""
    in_doubt(application, upload)
    operate, operator_ledger = application.operate, application.ports["operator_ledger"]

    def overtaken(*args: Any, **named: Any) -> Job:
        job_id = operator_ledger.adopt(*args, **named).job_id
        operate.cancel(job_id)
        return operate.rerun(job_id)

    application.ports["operator_ledger"] = Replaced(operator_ledger, adopt=overtaken)
    left = application.operate.adopt("a.jpg", "process-1", force=True)
    assert (left.status, left.run, len(application.executions.running)) == (JobStatus.CLAIMED, 2, 0)


def test_a_doubt_adopted_after_its_deadline_gets_a_new_one(application: ApplicationUnderTest, upload: Upload) -> None:
    job = late_in_doubt(application, upload)
    application.clock.advance(timedelta(days=3))
    adopted = application.operate.adopt(job.job_id, "process-1")
    assert adopted.deadline_at == application.clock() + DEADLINE
    assert application.poll(adopted).status == "running"


def test_a_process_the_provider_does_not_know_is_not_adopted(application: ApplicationUnderTest, upload: Upload) -> None:
    in_doubt(application, upload)
    with pytest.raises(Inapplicable, match="knows no process process-7"):
        application.operate.adopt("a.jpg", "process-7")
    assert application.job().status is JobStatus.IN_DOUBT


def test_a_foreign_process_is_adopted_only_by_force(application: ApplicationUnderTest, upload: Upload) -> None:
    in_doubt(application, upload)
    application.provider.lists = True
    own = application.provider.processes["process-1"]
    foreign = replace(own, process_id="foreign", handle=replace(own.handle, job_id="f" * 32))
    application.provider.processes["foreign"] = foreign
    with pytest.raises(Inapplicable, match="--force"):
        application.operate.adopt("a.jpg", "foreign")
    assert application.job().status is JobStatus.IN_DOUBT
    assert application.operate.adopt("a.jpg", "foreign", force=True).process.process_id == "foreign"


def test_only_the_process_that_is_bound_is_adopted_without_the_list(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    job = late_in_doubt(application, upload)
    own = application.provider.processes["process-1"]
    application.provider.processes["foreign"] = replace(own, process_id="foreign")
    application.provider.lists = False
    with pytest.raises(Inapplicable, match="does not list process foreign"):
        application.operate.adopt("a.jpg", "foreign")
    assert application.job() == job
    assert application.operate.adopt("a.jpg", "process-1").status is JobStatus.PROCESSING


def test_a_resubmitted_job_is_sent_again_and_paid_once(application: ApplicationUnderTest, upload: Upload) -> None:
    in_doubt(application, upload, accepted=False)
    application.operate.resubmit("a.jpg")
    assert (application.job().status, committed(application)) == (JobStatus.CLAIMED, 0)
    assert application.queue.sent == [(JobDue(application.job().job_id), 0)]
    application.submit(application.queue.sent[-1][0])
    assert (application.job().status, application.job().run, application.provider.charged) == (
        JobStatus.PROCESSING,
        1,
        1,
    )
    application.assert_books_balance()


def test_a_resubmission_whose_message_is_lost_is_made_by_the_sweep(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    in_doubt(application, upload, accepted=False)
    application.operate.resubmit("a.jpg")
    application.queue.sent.clear()
    application.sweep_and_deliver()
    assert application.job().status is JobStatus.PROCESSING


def test_a_job_that_the_list_shows_is_not_resubmitted(application: ApplicationUnderTest, upload: Upload) -> None:
    in_doubt(application, upload)
    application.provider.lists = True
    with pytest.raises(Inapplicable, match=r"process-1.*--adopt"):
        application.operate.resubmit("a.jpg")
    assert (application.job().status, committed(application)) == (JobStatus.IN_DOUBT, 1)


def test_of_two_listed_processes_the_refusal_names_the_one_that_did_not_fail(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    in_doubt(application, upload)
    application.provider.lists = True
    own = application.provider.processes["process-1"]
    application.provider.processes["process-2"] = replace(own, process_id="process-2")
    application.provider.become(ProcessState.FAILED, "process-1")
    with pytest.raises(Inapplicable, match="lists process process-2"):
        application.operate.resubmit("a.jpg")


UNREADABLE = [
    ProviderUnavailable("the provider's list has an unknown shape"),
    Throttled("429"),
    OperatorFault(ErrorCode.AUTH_FAILED, "403"),
]


@pytest.mark.parametrize("why", UNREADABLE, ids=["unavailable", "throttled", "closed"])
@pytest.mark.parametrize(
    "verdict",
    [lambda operate, **how: operate.adopt("a.jpg", "foreign", **how),
     lambda operate, **how: operate.resubmit("a.jpg", **how)],
    ids=["adopt", "resubmit"],
)  # fmt: skip
def test_only_force_resubmits_when_the_list_cannot_be_read(
    application: ApplicationUnderTest, upload: Upload, verdict: Callable[..., Job], why: Exception
) -> None:
    in_doubt(application, upload)
    application.provider.lists = True
    own = application.provider.processes["process-1"]
    application.provider.processes["foreign"] = replace(own, process_id="foreign")
    application.provider.faults["find"] = [why, why]
    with pytest.raises(Inapplicable, match=r"list cannot be read .*use --force"):
        verdict(application.operate)
    assert application.job().status is JobStatus.IN_DOUBT
    assert verdict(application.operate, force=True).status in (JobStatus.PROCESSING, JobStatus.CLAIMED)


@pytest.mark.parametrize(
    ("new_key", "waited", "said"),
    [("another key", timedelta(0), "changed since the submit"), (None, timedelta(days=7), "lists the last 168 h")],
)
def test_only_force_resubmits_when_the_list_is_no_proof(
    application: ApplicationUnderTest, upload: Upload, new_key: str | None, waited: timedelta, said: str
) -> None:
    in_doubt(application, upload, accepted=False)
    application.provider.lists = True
    application.provider.key = new_key or application.provider.key
    application.clock.advance(waited)
    with pytest.raises(Inapplicable, match=f"{said}.* use --force"):
        application.operate.resubmit("a.jpg")
    assert application.job().status is JobStatus.IN_DOUBT
    assert application.operate.resubmit("a.jpg", force=True).status is JobStatus.CLAIMED


def test_a_run_that_has_a_process_is_not_resubmitted(application: ApplicationUnderTest, upload: Upload) -> None:
    late_in_doubt(application, upload)
    application.provider.forget("process-1")
    with pytest.raises(Inapplicable, match=r"--adopt.*--abandon.*rerun"):
        application.operate.resubmit("a.jpg")
    assert application.job().status is JobStatus.IN_DOUBT


def test_a_doubt_abandoned_unpaid_gives_its_reservation_back(application: ApplicationUnderTest, upload: Upload) -> None:
    in_doubt(application, upload)
    assert application.operate.abandon("a.jpg").status is JobStatus.CANCELLED
    assert (committed(application), application.cloud.keys()) == (0, set())
    assert application.bus.kinds == ["Job In Doubt", "Job Cancelled"]
    application.assert_books_balance()


@pytest.mark.parametrize(("typed", "booked"), [(None, 1), (Decimal(0), 0), (Decimal(2), 2)])
def test_a_doubt_is_abandoned_at_the_charge_that_the_job_knows_unless_another_is_typed(
    application: ApplicationUnderTest, upload: Upload, typed: Decimal | None, booked: int
) -> None:
    """The provider said what it charged, and then the result could not be stored while the provider kept it."""
    application.deliver(upload)
    application.provider.become(ProcessState.COMPLETED)
    application.retention = timedelta(minutes=5)
    writing(application, refusing(OSError("the bucket does not answer")))
    application.clock.advance(DEADLINE + MAX_SILENCE)
    assert application.finalize(application.job()).status == "IN_DOUBT"
    ended = application.operate.abandon("a.jpg", typed)
    assert (ended.status, ended.credits) == (JobStatus.FAILED if booked else JobStatus.CANCELLED, booked)
    assert application.cloud.budget("topaz", MONTH)["spent"] == booked


def test_a_doubt_abandoned_with_credits_is_booked_and_reported(
    application: ApplicationUnderTest, upload: Upload
) -> None:
    in_doubt(application, upload)
    ended = application.operate.abandon("a.jpg", Decimal(1))
    assert (ended.status, ended.error_code, ended.credits) == (JobStatus.FAILED, ErrorCode.RESULT_LOST, 1)
    assert (application.cloud.report("a.jpg") or {})["code"] == "ResultLost"
    assert (application.cloud.budget("topaz", MONTH)["spent"], application.bus.kinds) == (
        1,
        ["Job In Doubt", "Job Failed"],
    )
    application.assert_books_balance()


@pytest.mark.parametrize("action", ["adopt", "resubmit", "abandon"])
def test_only_a_doubt_is_resolved(application: ApplicationUnderTest, upload: Upload, action: str) -> None:
    application.deliver(upload)
    arguments = ["a.jpg", "process-1"] if action == "adopt" else ["a.jpg"]
    with pytest.raises(Inapplicable, match="PROCESSING, not IN_DOUBT: there is nothing to decide yet"):
        getattr(application.operate, action)(*arguments)
    assert application.job().status is JobStatus.PROCESSING


def test_a_job_that_is_over_is_not_resolved_but_run_again(application: ApplicationUnderTest, upload: Upload) -> None:
    application.complete(upload)
    with pytest.raises(Inapplicable, match=r"COMPLETED, not IN_DOUBT: run it again with `darkroom rerun`"):
        application.operate.abandon("a.jpg")


@pytest.mark.parametrize("action", ["adopt", "resubmit"])
def test_a_decision_about_a_doubt_wins_over_an_earlier_cancellation(
    application: ApplicationUnderTest, upload: Upload, action: str
) -> None:
    submit, application.provider.lists = application.provider.submit, False

    def lost(*args: Any) -> Any:
        application.operate.cancel("a.jpg")
        if action == "adopt":
            submit(*args)
        raise SubmitInDoubt("lost")

    application.ports["provider"] = Replaced(application.provider, submit=lost)
    application.submit(upload)
    application.ports["provider"] = application.provider
    application.deliver(upload)
    if action == "adopt":
        application.provider.lists = True
        application.operate.adopt("a.jpg", "process-1")
    else:
        application.operate.resubmit("a.jpg")
        application.submit(application.queue.sent[-1][0])
    application.clock.advance(MINUTE)
    assert (application.job().status, application.poll(application.job()).status) == (JobStatus.PROCESSING, "running")


@pytest.mark.parametrize("reference", ["a.jpg", f"{INPUT}/a.jpg", f"s3://{INPUT}/a.jpg"])
def test_a_job_is_found_by_its_key_the_newest_first(
    application: ApplicationUnderTest, upload: Upload, reference: str
) -> None:
    application.deliver(upload)
    application.clock.advance(MINUTE)
    newer = application.cloud.put("a.jpg", picture(noise=3))
    application.deliver(newer)
    assert application.operate.find(reference).source_version == newer.version_id
    assert application.operate.find(application.operate.find(reference).job_id).created_at > START


@pytest.mark.parametrize("reference", ["b.jpg", "0" * 32, "s3://elsewhere/a.jpg", "topaz"])
def test_what_is_not_there_is_not_found(application: ApplicationUnderTest, upload: Upload, reference: str) -> None:
    application.deliver(upload)
    with pytest.raises(Inapplicable, match="no job"):
        application.operate.find(reference)


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_provider_that_does_not_exist_is_neither_paused_nor_resumed(
    application: ApplicationUnderTest, action: str
) -> None:
    arguments = ["topas", "why"] if action == "pause" else ["topas"]
    with pytest.raises(Inapplicable, match="the providers are: topaz"):
        getattr(application.operate, action)(*arguments)
