"""Tests the operator's commands that change something: what they refuse, what they ask, and what they leave in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.fakes.refusing_s3 import RefusingS3
from tests.rows import each_row
from tests.unit.cli_support import Stack, deployed, doubted, failed, lost, now, refused, run, sent

from darkroom.aws.staged_results import S3StagedResults
from darkroom.errors import LostClaim, ProcessUnknown, ProviderUnavailable, SourceDenied
from darkroom.model import Job, JobStatus, Limits
from darkroom.output_keys import incoming_key
from darkroom_cli.commands import actions


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack


@pytest.fixture
def application(stack: Stack) -> ApplicationUnderTest:
    return stack.application


USELESS = {
    "two verdicts": ["resolve", "JOB", "--resubmit", "--abandon"],
    "no verdict": ["resolve", "JOB"],
    "force with abandon": ["resolve", "JOB", "--abandon", "--force"],
    "credits without abandon": ["resolve", "JOB", "--resubmit", "--credits", "1"],
    "credits that are no number": ["resolve", "JOB", "--abandon", "--credits", "NaN"],
    "negative credits": ["resolve", "JOB", "--abandon", "--credits", "-1"],
    "a day that is none": ["jobs", "--day", "2026-02-30"],
    "a status that is none": ["jobs", "--status", "LOST"],
    "a rerun of nothing": ["rerun"],
    "a rerun of two things": ["rerun", "JOB", "--code", "TimedOut"],
    "a code that is none": ["rerun", "--code", "TimedOff"],
    "since without code": ["rerun", "JOB", "--since", "2026-01-01"],
    "completed with code": ["rerun", "--code", "TimedOut", "--completed"],
    "a day to come": ["rerun", "--code", "TimedOut", "--since", "9999-01-01"],
    "an unknown provider": ["pause", "topas"],
    "an unknown job": ["job", "nowhere.jpg"],
}


@pytest.mark.parametrize("arguments", USELESS.values(), ids=USELESS)
def test_a_command_without_sense_is_refused_and_changes_nothing(
    application: ApplicationUnderTest, arguments: list[str]
) -> None:
    job = doubted(application)
    before = application.cloud.rows()
    answer = run(*[job.job_id if word == "JOB" else word for word in arguments])
    assert answer.exit_code == 2
    assert answer.stderr
    assert application.cloud.rows() == before


@pytest.mark.usefixtures("stack")
def test_an_unknown_job_is_told_with_the_bucket_where_uploads_belong() -> None:
    assert f"uploads belong in s3://{INPUT}" in run("job", "nowhere.jpg").stderr


def test_a_cut_picture_is_not_offered_to_run_again(application: ApplicationUnderTest) -> None:
    job = refused(application, "a.jpg")
    shown = run("job", job.job_id).stdout
    assert "would end in the same way" in shown
    assert "darkroom rerun" not in shown


def test_a_doubt_is_adopted(application: ApplicationUnderTest) -> None:
    job = doubted(application)
    assert "PROCESSING" in run("resolve", job.job_id, "--adopt", job.process.process_id).stdout
    assert now(application, job).status is JobStatus.PROCESSING


@pytest.fixture
def staged(application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Return a job in doubt after a synchronous call, whose paid result is still staged."""
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))
    return doubted(application)


def test_a_staged_result_of_a_job_in_doubt_is_told_with_the_command_that_delivers_it(
    application: ApplicationUnderTest, staged: Job
) -> None:
    application.provider.faults["progress"] = [ProcessUnknown("HTTP 404")] * 9
    shown = " ".join(run("job", "a.jpg").stdout.split())
    assert f"_darkroom/incoming/{staged.job_id}" in shown
    assert f"darkroom resolve {staged.job_id[:8]} --adopt process-1" in shown
    assert "--resubmit" not in shown
    assert run("resolve", "a.jpg", "--adopt", "process-1").exit_code == 0
    application.finalize(staged)
    assert now(application, staged).status is JobStatus.COMPLETED


def test_a_result_that_is_no_longer_staged_is_not_spoken_of(application: ApplicationUnderTest, staged: Job) -> None:
    application.ports["staging"].drop(staged.job_id, "process-1")
    shown = " ".join(run("job", "a.jpg").stdout.split())
    assert "_darkroom/incoming" not in shown
    assert "If it is there: darkroom resolve" in shown
    assert "--resubmit" not in shown


def test_whoever_may_not_look_for_a_staged_result_is_told_what_the_ledger_says(
    application: ApplicationUnderTest, staged: Job
) -> None:
    s3 = RefusingS3(application.cloud.s3, {incoming_key(staged.job_id): "denied by a policy"})
    application.ports["staging"] = S3StagedResults(s3, OUTPUT)  # type: ignore[arg-type]
    assert "--adopt process-1" in " ".join(run("job", "a.jpg").stdout.split())
    answer = run("resolve", "a.jpg", "--adopt", "process-1")
    assert (answer.exit_code, now(application, staged)) == (2, staged)
    assert "Ask for that permission" in " ".join(answer.stderr.split())


def test_a_process_that_nobody_knows_is_not_adopted(application: ApplicationUnderTest) -> None:
    job = doubted(application)
    assert run("resolve", job.job_id, "--adopt", "unknown", "--force").exit_code == 2
    assert now(application, job).status is JobStatus.IN_DOUBT


@pytest.mark.parametrize(("options", "status"), [([], JobStatus.IN_DOUBT), (["--force"], JobStatus.CLAIMED)])
def test_a_job_that_no_list_shows_is_resubmitted_only_by_force(
    application: ApplicationUnderTest, options: list[str], status: JobStatus
) -> None:
    job = lost(application)
    application.provider.faults["find"] = [ProviderUnavailable("HTTP 503")]
    answer = run("resolve", job.job_id, "--resubmit", "--yes", *options)
    assert (answer.exit_code == 0, now(application, job).status) == (status is JobStatus.CLAIMED, status)
    assert options or "--force" in answer.stderr


@pytest.mark.parametrize(("options", "status", "spent"), [
    (["--abandon"], JobStatus.CANCELLED, 0), (["--abandon", "--credits", "1"], JobStatus.FAILED, 1),
])  # fmt: skip
def test_a_doubt_is_abandoned_with_what_it_cost(
    application: ApplicationUnderTest, options: list[str], status: JobStatus, spent: int
) -> None:
    job = doubted(application)
    assert run("resolve", "a.jpg", *options).exit_code == 0
    assert (now(application, job).status, now(application, job).credits) == (status, spent)
    application.assert_books_balance()


def test_a_running_job_is_cancelled(application: ApplicationUnderTest) -> None:
    job = sent(application)
    assert "CANCELLED" in run("cancel", f"s3://{INPUT}/a.jpg").stdout
    assert now(application, job).status is JobStatus.CANCELLED


def test_a_cancellation_that_must_wait_is_said_to_be_noted(application: ApplicationUnderTest) -> None:
    job = sent(application)
    application.provider.cancels = False
    assert "saved" in run("cancel", job.job_id).stdout
    assert now(application, job).cancel_requested_at is not None


def test_a_paused_provider_gets_nothing_until_it_is_resumed(application: ApplicationUnderTest) -> None:
    assert "darkroom rerun --code TimedOut" in run("pause", "topaz", "--why", "prices changed").stdout
    application.submit(application.cloud.put("a.jpg", picture()))
    assert "prices changed" in (application.job().error or "")
    assert application.provider.processes == {}
    shown = " ".join(run("job", "a.jpg").stdout.split())
    assert "are paused (darkroom resume topaz): prices changed" in shown
    assert "the next attempt, if topaz is no longer paused" in shown
    assert "allowed again" in run("resume", "topaz").stdout
    assert application.ports["circuits"].get("topaz") is None
    assert "were allowed already" in run("resume", "topaz").stdout


def test_a_failed_job_is_run_again(application: ApplicationUnderTest) -> None:
    job = failed(application)
    assert "run 2" in run("rerun", job.job_id).stdout
    assert (now(application, job).status, now(application, job).run) == (JobStatus.CLAIMED, 2)


def test_a_result_is_paid_twice_only_if_asked_for(application: ApplicationUnderTest) -> None:
    job = application.complete(application.cloud.put("a.jpg", picture()))
    answer = run("rerun", job.job_id)
    assert (answer.exit_code, now(application, job).run) == (2, 1)
    assert "--completed" in answer.stderr
    refusal = run("rerun", job.job_id, "--completed", typed="n\n")
    assert (refusal.exit_code, now(application, job).run) == (1, 1)
    assert "1 picture: 1 credit of topaz, 0.12 USD" in refusal.output
    assert run("rerun", job.job_id, "--completed", typed="y\n").exit_code == 0
    assert now(application, job).run == 2


@each_row("by", ["a.jpg", "--code"])
@each_row("limit", ["0.01", "50"])
def test_a_rerun_says_which_limit_is_still_too_small(by: str, limit: str) -> None:
    with deployed(limits=Limits({}, Decimal("0.01"), {}, {})) as stack:
        application = stack.application
        application.submit(application.cloud.put("a.jpg", picture()))
        assert application.job().error_code == "BudgetExceeded"
        shown = run("job", "a.jpg").stdout
        assert "darkroom rerun --code BudgetExceeded" in shown
        assert "MonthlyBudgetUsd" in shown
        application.limits = Limits({}, Decimal(limit), {}, {})
        answer = run("rerun", *([by] if by != "--code" else [by, "BudgetExceeded", "--yes"]))
    assert answer.exit_code == 0
    assert ("the limit MonthlyBudgetUsd leaves 0.01 USD" in answer.stderr) == (limit == "0.01")
    if limit == "0.01":
        assert answer.output.index("the limit") < answer.output.index("run 2" if by == "a.jpg" else "1 of 1 run again")


@pytest.mark.parametrize(
    ("typed", "status"), [("n\n", JobStatus.IN_DOUBT), ("", JobStatus.IN_DOUBT), ("y\n", JobStatus.CLAIMED)]
)
def test_a_resubmit_says_what_it_may_cost_and_asks(
    application: ApplicationUnderTest, typed: str, status: JobStatus
) -> None:
    job = lost(application)
    answer = run("resolve", job.job_id, "--resubmit", typed=typed)
    assert "1 job is sent again: a.jpg, 1 credit of topaz, 0.12 USD" in answer.output
    assert (answer.exit_code == 0, now(application, job).status) == (status is JobStatus.CLAIMED, status)


def test_a_resubmit_is_of_the_attempt_that_was_asked_about(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = lost(application)

    def meanwhile(question: str, yes: bool, unchanged: str = "") -> None:
        application.operate.resubmit(job.job_id)

    monkeypatch.setattr(actions, "agree", meanwhile)
    answer = run("resolve", job.job_id, "--resubmit")
    assert (answer.exit_code, now(application, job).attempt) == (2, job.attempt + 1)


def test_all_that_ended_with_a_code_are_run_again(application: ApplicationUnderTest) -> None:
    jobs = [failed(application, f"{name}.jpg") for name in "ab"]
    other = refused(application, "c.jpg")
    answer = run("rerun", "--code", "providerfailed", typed="y\n")
    assert "2 jobs ended with ProviderFailed" in answer.stdout
    assert "to pay: 2 pictures: 2 credits of topaz, 0.24 USD" in answer.stdout
    assert {now(application, job).run for job in jobs} == {2}
    assert now(application, other).run == 1


def test_what_a_rerun_will_cost_is_not_invented(application: ApplicationUnderTest) -> None:
    refused(application, "a.jpg")
    answer = run("rerun", "--code", "UnsupportedFormat", "--yes")
    assert "1 job ended with UnsupportedFormat" in answer.stdout
    assert "1 would be refused again, unpaid (UnsupportedFormat)" in answer.stdout
    assert "credits" not in answer.stdout


def test_where_the_upload_may_not_be_read_the_last_reservation_is_told(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(application)

    def denied(upload: object) -> None:
        raise SourceDenied("you may not read it")

    monkeypatch.setattr(type(application.ports["sources"]), "find", lambda self, upload: denied(upload))
    answer = run("rerun", "--code", "ProviderFailed", "--yes")
    assert "1 whose price is not known; their last runs reserved 1 credit of topaz, 0.12 USD" in answer.stdout


def test_nothing_to_run_again_is_no_failure(application: ApplicationUnderTest) -> None:
    assert run("rerun", "--code", "TimedOut", "--since", "2020-01-01").exit_code == 0


@pytest.mark.parametrize(("typed", "options", "again"), [
    ("n\n", [], 0), ("", [], 0), ("y\n", [], 3), (None, ["--yes"], 3),
])  # fmt: skip
def test_nothing_runs_again_unasked(
    application: ApplicationUnderTest, typed: str | None, options: list[str], again: int
) -> None:
    for number in range(3):
        refused(application, f"{number}.jpg")
    answer = run("rerun", "--code", "UnsupportedFormat", *options, typed=typed)
    assert "3 jobs" in answer.stdout
    assert (answer.exit_code == 0) == (again > 0)
    assert sum(job.run == 2 for job in application.cloud.jobs()) == again


def test_one_job_that_changed_meanwhile_does_not_stop_the_others(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [refused(application, f"{name}.jpg") for name in "ab"]
    own = application.ports["operator_ledger"].rerun

    def moves_first(self: object, job: Job, *more: Any) -> Job:
        if job.job_id == jobs[0].job_id:
            raise LostClaim("the job moved on")
        return own(job, *more)

    monkeypatch.setattr(type(application.ports["operator_ledger"]), "rerun", moves_first)
    answer = run("rerun", "--code", "UnsupportedFormat", "--yes")
    assert (answer.exit_code, now(application, jobs[1]).run) == (1, 2)
    assert "1 of 2 run again" in answer.stdout


def test_dead_letters_are_sent_again_until_there_are_none(stack: Stack) -> None:
    sqs, dead, intake = stack.queues
    for number in range(3):
        sqs.send_message(QueueUrl=dead, MessageBody=f"letter {number}")
    assert "messages sent again: 3" in run("redrive").stdout
    found = sqs.receive_message(QueueUrl=intake, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in found) == ["letter 0", "letter 1", "letter 2"]
    assert "Messages" not in sqs.receive_message(QueueUrl=dead)


def test_a_provider_that_is_nearly_one_is_suggested(stack: Stack) -> None:
    done = run("pause", "topas")
    assert done.exit_code == 2
    assert "did you mean topaz?" in done.stderr
